"""What each caller may store, while files come.

The transaction that stores a file decides whether its uploader may (`catalog/stored_bytes.py`).
What is looked at here keeps bytes out that would be refused then, and bounds uploads under way: the
files that one caller is uploading to this server have together no more bytes than are free.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from runstream_service.access.caller import Caller
from runstream_service.catalog import artifacts, stored_bytes
from runstream_service.engine.readers import Readers


class ComingFile:
    """A file that is being uploaded, which nothing limits."""

    def expect(self, size: int) -> None:
        """Reserve room for the whole file.

        Raises:
            ResourceExhausted: its uploader may not store so many bytes.
        """

    def add(self, count: int) -> None:
        """Count bytes of the file that have arrived; raises as `expect`."""


class _LimitedFile(ComingFile):
    def __init__(
        self, files: Collection[_LimitedFile], stored: int, replaced: int, limit: int
    ) -> None:
        self._files = files  # those of the same caller that come, this one among them
        self._stored, self._replaced, self._limit = stored, replaced, limit
        self._arrived = self._reserved = 0

    def expect(self, size: int) -> None:
        if size > self._reserved:
            more = size - self._reserved
            total = self._stored + sum(file._reserved for file in self._files) + more
            if total > self._limit and size > self._replaced:
                raise stored_bytes.limit_error(total, self._limit)
            self._reserved = size

    def add(self, count: int) -> None:
        self._arrived += count
        self.expect(self._arrived)


class StorageLimit:
    """Holds uploads to the limit of their callers.

    Attributes:
        bytes: what a caller may store; 0 for no limit.
    """

    def __init__(self, readers: Readers, limit: int) -> None:
        self.bytes = limit
        self._readers = readers
        # The files that come, by user. A stream that goes on with an upload takes the place of the
        # one before, which may not have ended here yet.
        self._coming: defaultdict[str, dict[object, _LimitedFile]] = defaultdict(dict)

    @asynccontextmanager
    async def receive(
        self, caller: Caller, run_id: str, path: str, upload_id: str
    ) -> AsyncIterator[ComingFile]:
        """Return a file that comes until the block ends; raises as `artifacts.check_writable`."""
        if not self.bytes or not caller.name:
            yield ComingFile()
            return
        there = await self._readers.quick(artifacts.stored_beside, caller, run_id, path)
        files = self._coming[caller.name]
        upload = (run_id, path, upload_id) if upload_id else object()
        file = files[upload] = _LimitedFile(files.values(), *there, self.bytes)
        try:
            yield file
        finally:
            if files.get(upload) is file:
                del files[upload]
            if not files and self._coming.get(caller.name) is files:
                del self._coming[caller.name]
