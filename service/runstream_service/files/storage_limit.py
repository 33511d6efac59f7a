"""What each caller may store, while files come.

The transaction that stores a file decides whether its uploader may (`catalog/stored_bytes.py`).
What is looked at here keeps bytes out that would be refused then, and bounds what is not stored
yet: the files that one caller is uploading to this server have together no more bytes than are
free, and uploads that broke off here have what those leave. If there is too little room for both,
the oldest that broke off are removed.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from runstream_service.access.caller import Caller
from runstream_service.catalog import artifacts, stored_bytes
from runstream_service.engine.readers import Readers
from runstream_service.files.staging import KEPT_SECONDS, MAX_UNFINISHED_OF_CALLER


class ComingFile:
    """A file that is being uploaded, which nothing limits."""

    async def expect(self, size: int) -> None:
        """Reserve room for the whole file.

        Raises:
            ResourceExhausted: its uploader may not store so many bytes.
            NotFound, PermissionDenied, FailedPrecondition: as `artifacts.check_writable`.
        """

    async def add(self, count: int) -> None:
        """Count bytes of the file that have arrived; raises as `expect`."""

    def begin(self) -> None:
        """Take the bytes of the upload over, now that no other stream can write it any more."""

    def keep(self, remove: Callable[[], object]) -> None:
        """Count what has arrived until the upload is continued, or `remove` is called for room."""

    def finish(self) -> None:
        """Count the file as stored."""


class _Caller:
    """What a caller stores, and the files of theirs that come or broke off, the oldest first."""

    def __init__(self) -> None:
        self.stored = 0
        self.files: dict[_LimitedFile, None] = {}

    def count(self, *, but: object, with_kept: bool) -> int:
        """Return the bytes of the uploads that are not `but`.

        An upload may have several streams for a moment, of which one has taken over the bytes
        of the others.
        """
        sizes: dict[object, int] = {}
        for file in self.files:
            if file.upload != but and (with_kept or file.remove is None):
                sizes[file.upload] = max(file.reserved, sizes.get(file.upload, 0))
        return sum(sizes.values())

    def kept(self) -> list[_LimitedFile]:
        return [file for file in self.files if file.remove is not None]

    def broken_off(self) -> list[_LimitedFile]:
        """Return the files that are kept and that no stream is about to continue."""
        coming = {file.upload for file in self.files if file.remove is None}
        return [file for file in self.kept() if file.upload not in coming]

    def drop(self, file: _LimitedFile) -> None:
        self.files.pop(file, None)

    def drop_expired(self) -> None:
        """Forget the uploads that broke off so long ago that they are removed anyway."""
        now = time.monotonic()
        for file in self.kept():
            if now - file.kept_since > KEPT_SECONDS:
                self.drop(file)


class _LimitedFile(ComingFile):
    def __init__(
        self,
        caller: _Caller,
        upload: object,
        limit: int,
        read: Callable[[], Awaitable[tuple[int, int]]],
    ) -> None:
        self._caller, self._limit, self._read = caller, limit, read
        self._replaced = self._arrived = 0
        self._has_begun = False
        self.upload = upload
        self.reserved = 0
        self.remove: Callable[[], object] | None = None  # of one that broke off
        self.kept_since = 0.0

    async def look(self) -> None:
        """Ask the database what the caller stores, and how much of it the file replaces."""
        beside, self._replaced = await self._read()
        self._caller.stored = beside + self._replaced

    async def expect(self, size: int) -> None:
        if size <= self.reserved:
            return
        if not self._has_room(size):
            await self.look()
            if not self._has_room(size):
                raise stored_bytes.limit_error(self._total(size), self._limit)
        self.reserved = max(size, self.reserved)
        self._make_room()

    async def add(self, count: int) -> None:
        self._arrived += count
        await self.expect(self._arrived)

    def begin(self) -> None:
        self._has_begun = True
        for file in list(self._caller.files):
            is_over = file._has_begun and file is not self
            if file.upload == self.upload and is_over:
                self._caller.drop(file)

    def keep(self, remove: Callable[[], object]) -> None:
        if self not in self._caller.files:
            return  # another stream has taken it over
        self._caller.drop(self)
        self._caller.files[self] = None
        self.reserved, self.remove, self.kept_since = self._arrived, remove, time.monotonic()
        for file in self._caller.kept()[:-MAX_UNFINISHED_OF_CALLER]:
            self._remove(file)

    def finish(self) -> None:
        self._caller.drop(self)
        self._caller.stored += self._arrived - self._replaced

    def _has_room(self, size: int) -> bool:
        return size <= self._replaced or self._total(size) <= self._limit

    def _total(self, size: int, *, with_kept: bool = False) -> int:
        others = self._caller.count(but=self.upload, with_kept=with_kept)
        return self._caller.stored - self._replaced + others + size

    def _make_room(self) -> None:
        """Remove uploads that broke off, the oldest first, for the bytes that are reserved."""
        for file in self._caller.broken_off():
            if self._total(self.reserved, with_kept=True) <= self._limit:
                break
            self._remove(file)

    def _remove(self, file: _LimitedFile) -> None:
        self._caller.drop(file)
        if file.remove is not None:
            file.remove()


class StorageLimit:
    """Holds uploads to the limit of their callers.

    Attributes:
        bytes: what a caller may store; 0 for no limit.
    """

    def __init__(self, readers: Readers, limit: int) -> None:
        self.bytes = limit
        self._readers = readers
        self._callers: dict[str, _Caller] = {}

    @asynccontextmanager
    async def receive(
        self, caller: Caller, run_id: str, path: str, upload_id: str
    ) -> AsyncIterator[ComingFile]:
        """Return a file that comes until the block ends; raises as `artifacts.check_writable`."""
        if not self.bytes or not caller.name:
            yield ComingFile()
            return

        async def read() -> tuple[int, int]:
            return await self._readers.quick(artifacts.stored_beside, caller, run_id, path)

        own = self._callers.setdefault(caller.name, _Caller())
        own.drop_expired()
        upload = (run_id, path, upload_id) if upload_id else object()
        file = _LimitedFile(own, upload, self.bytes, read)
        own.files[file] = None
        try:
            await file.look()
            yield file
        finally:
            if file.remove is None:
                own.drop(file)
            if not own.files and self._callers.get(caller.name) is own:
                del self._callers[caller.name]
