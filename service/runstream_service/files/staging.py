"""Uploads that are not complete yet, which no reader sees, in a folder or in a bucket.

Several servers may share a folder or a bucket. So each stream has bytes of its own, which no other
stream writes; who continues an upload takes a copy, and the stream before is cut off.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Generic, TypeVar

from runstream.errors import FailedPrecondition
from runstream_service.access.caller import Caller
from runstream_service.files.file_threads import FileThreads

Name = TypeVar("Name")

# Digits at the beginning of the key of an upload that say whose it is.
_CALLER_DIGITS = 8

#: Seconds for which an upload that broke off can be continued.
KEPT_SECONDS = 60 * 60.0
#: Uploads that broke off and are kept, and their bytes in all; of more the oldest are removed.
MAX_UNFINISHED = 1_000
MAX_UNFINISHED_BYTES = 64 * 1024 * 1024 * 1024
#: The same of one caller who has a name, so that others keep theirs.
MAX_UNFINISHED_OF_CALLER = 250
MAX_UNFINISHED_BYTES_OF_CALLER = 16 * 1024 * 1024 * 1024

# Bytes that wait in memory while others of the same upload are written.
_WAITING_BYTES = 4 * 1024 * 1024
# Seconds, and uploads that broke off, after which expired uploads are looked for.
_SWEEP_SECONDS = 60
_SWEEP_UPLOADS = 100
# Seconds since the last byte within which another server may be at work on an upload, so that it
# has not broken off.
_UNDER_WAY_SECONDS = 60


@dataclass(frozen=True)
class Content:
    """The content of a complete upload."""

    sha256: str
    size: int


class StagedUpload(ABC):
    """One upload as it comes in, hashed and written on a thread while the next bytes arrive.

    Attributes:
        key: which upload it is.
        put_as: the name under which the storage has the content already, once that is complete;
            empty if it has to be `put`.
        FILLS_DISK: whether an upload that is kept may be what a full disk is full of.
    """

    FILLS_DISK = False

    def __init__(self, key: str, threads: FileThreads) -> None:
        self.key = key
        self.put_as = ""
        self._threads = threads
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._writing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._writing.set_result(None)
        self._closing: asyncio.Future[None] | None = None

    @property
    def is_closed(self) -> bool:
        """Whether it was told to stop."""
        return self._closing is not None

    @abstractmethod
    async def open(self, offset: int) -> None:
        """Begin, or go on with the bytes that are there already.

        Raises:
            FailedPrecondition: that is not `offset` bytes.
        """

    async def write(self, chunk: bytes) -> None:
        """Append bytes; they are on their way when this returns.

        Raises:
            FailedPrecondition: another stream has taken this upload over.
            Unavailable: the storage failed, or is full.
        """
        self._waiting.append(chunk)
        self._waiting_bytes += len(chunk)
        if self._waiting_bytes >= _WAITING_BYTES:
            await asyncio.wait((self._writing,))
        self._write_waiting()

    async def end(self) -> Content:
        """Return the content, once it is durable; raises as `write`."""
        while self._waiting:
            await asyncio.wait((self._writing,))
            self._write_waiting()
        await self._writing
        return await self._finish()

    @abstractmethod
    async def put(self, name: str) -> None:
        """Put the complete content into the storage under this name."""

    def close(self, *, discard: bool = False) -> asyncio.Future[None]:
        """Stop writing; remove what is there if `discard`. Only the first call has an effect."""
        if self._closing is None:
            self._closing = self._close(discard)
        return self._closing

    def _write_waiting(self) -> None:
        """Write the waiting chunks if the write before is done; raise what that write raised."""
        if not self._writing.done():
            return
        self._writing.result()
        if self._waiting:
            chunks, self._waiting, self._waiting_bytes = self._waiting, [], 0
            self._writing = self._threads.start(self._append, chunks)
            self._writing.add_done_callback(self._after_write)

    def _after_write(self, writing: asyncio.Future[None]) -> None:
        if not writing.cancelled() and writing.exception() is None:
            self._write_waiting()

    @abstractmethod
    def _append(self, chunks: list[bytes]) -> None:
        """Hash and write chunks, on a thread."""

    @abstractmethod
    async def _finish(self) -> Content:
        """Return the content once it is durable, after the last `_append`."""

    @abstractmethod
    def _close(self, discard: bool) -> asyncio.Future[None]: ...

    @abstractmethod
    def remove(self) -> None:
        """Start to remove what is there, after it was closed."""


Upload = TypeVar("Upload", bound=StagedUpload)


class Staging(ABC, Generic[Upload]):
    """The uploads of one storage that are not complete."""

    def __init__(self) -> None:
        self._open: dict[str, Upload] = {}
        self._max_bytes_of_caller = MAX_UNFINISHED_BYTES_OF_CALLER
        self._last_sweep = float("-inf")
        self._interrupted = 0

    def limit_caller(self, limit: int) -> None:
        """Keep no more bytes of one caller than they may store; 0 for no limit."""
        if limit:
            self._max_bytes_of_caller = min(limit, MAX_UNFINISHED_BYTES_OF_CALLER)

    async def open_upload(
        self, caller: Caller, run_id: str, path: str, upload_id: str, offset: int
    ) -> StagedUpload:
        """Begin an upload, or continue one; a stream that still writes it is cut off.

        An upload belongs to its caller, run and path: for others, and under others, its id names
        another upload.

        Raises:
            FailedPrecondition: the upload does not stand at `offset`.
            Unavailable: the storage failed.
        """
        self._sweep()
        key = _key(caller, run_id, path, upload_id or secrets.token_hex(16))
        # The client has given up the other stream, which may not have ended here yet.
        while other := self._open.get(key):
            await asyncio.wait((self.close_upload(other, discard=False),))
        upload = self._open[key] = self._new_upload(key)
        try:
            await upload.open(offset)
        except BaseException:
            await asyncio.wait((self.close_upload(upload, discard=False),))
            raise
        return upload

    def close_upload(self, upload: StagedUpload, *, discard: bool) -> asyncio.Future[None]:
        """Close an upload, and remove its bytes if `discard`."""

        def remove(_: object) -> None:
            if self._open.get(upload.key) is upload:
                del self._open[upload.key]

        self._interrupted += not discard
        closing = upload.close(discard=discard)
        closing.add_done_callback(remove)
        return closing

    def remove(self, upload: StagedUpload) -> None:
        """Remove an upload that broke off, unless another stream here goes on with it."""

        def remove(_: object) -> None:
            if upload.key not in self._open:
                upload.remove()

        upload.close().add_done_callback(remove)

    async def offset(self, caller: Caller, run_id: str, path: str, upload_id: str) -> int:
        """Return how many bytes of an upload are there."""
        return await self._count_bytes(_key(caller, run_id, path, upload_id))

    def _sweep(self) -> None:
        """Remove uploads that broke off long ago, and the oldest of too many, now and then."""
        now = time.monotonic()
        if now - self._last_sweep > _SWEEP_SECONDS or self._interrupted >= _SWEEP_UPLOADS:
            self._last_sweep, self._interrupted = now, 0
            self._remove_expired(frozenset(self._open.values()))

    @abstractmethod
    def _new_upload(self, key: str) -> Upload: ...

    @abstractmethod
    async def _count_bytes(self, key: str) -> int: ...

    @abstractmethod
    def _remove_expired(self, under_way: frozenset[Upload]) -> None:
        """Start to remove what `find_expired` says, but for those under way here."""


class _Kept:
    """Counts uploads that are kept, the newest first, up to a limit."""

    def __init__(self, max_uploads: int, max_bytes: int) -> None:
        self._uploads, self._bytes = max_uploads, max_bytes

    def add(self, size: int) -> bool:
        """Count one more, of so many bytes; return whether it is within the limit."""
        self._uploads -= 1
        self._bytes -= size
        return self._uploads >= 0 and self._bytes >= 0


def find_expired(
    uploads: Iterable[tuple[float, int, str, Name]],
    max_bytes_of_caller: int = MAX_UNFINISHED_BYTES_OF_CALLER,
) -> Iterator[Name]:
    """Yield which uploads are to be removed, those that changed last at the beginning.

    Args:
        uploads: of each when it changed last, in seconds, its bytes, its key, and what to yield.
            The key is empty for one that another stream has taken over.
        max_bytes_of_caller: bytes that are kept of one caller.
    """
    now = time.time()
    of_all = _Kept(MAX_UNFINISHED, MAX_UNFINISHED_BYTES)
    of_callers: defaultdict[str, _Kept] = defaultdict(
        lambda: _Kept(MAX_UNFINISHED_OF_CALLER, max_bytes_of_caller)
    )
    for changed, size, key, name in sorted(uploads, key=itemgetter(0), reverse=True):
        whose = key[:_CALLER_DIGITS]
        has_caller = whose not in ("", _caller_digits(""))
        is_kept = (not has_caller or of_callers[whose].add(size)) and of_all.add(size)
        if changed < now - (KEPT_SECONDS if is_kept else _UNDER_WAY_SECONDS):
            yield name


def offset_error(offset: int, there: int) -> FailedPrecondition:
    """Return the error for a stream that goes on at another offset than where the upload stands."""
    return FailedPrecondition(
        f"{there} bytes of the upload are there, it cannot go on at {offset}",
        reason="UPLOAD_OFFSET",
        field="start.offset",
        value=offset,
        limit=there,
    )


def _key(caller: Caller, run_id: str, path: str, upload_id: str) -> str:
    """Return the key of an upload; the id of the upload alone does not lead to it."""
    identity = "\0".join((caller.name, run_id, path, upload_id))
    digits = hashlib.sha256(identity.encode()).hexdigest()
    return _caller_digits(caller.name) + digits[: 32 - _CALLER_DIGITS]


def _caller_digits(name: str) -> str:
    """Return the beginning of the keys of the uploads of a caller."""
    return hashlib.sha256(name.encode()).hexdigest()[:_CALLER_DIGITS]
