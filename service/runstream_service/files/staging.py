"""Uploads that are not complete yet, each in a file of its own that no reader sees."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from runstream.errors import FailedPrecondition
from runstream.files.own_files import make_own_folder, open_own
from runstream_service.files.file_threads import FileThreads

#: Seconds for which an upload that broke off can be continued.
KEPT_SECONDS = 60 * 60.0
#: Uploads that broke off and are kept, and their bytes in all; of more the oldest are removed.
MAX_UNFINISHED = 1_000
MAX_UNFINISHED_BYTES = 64 * 1024 * 1024 * 1024

# Bytes that wait in memory while others of the same upload are written.
_WAITING_BYTES = 4 * 1024 * 1024
_READ_BYTES = 1024 * 1024
# Bytes that one visit to a thread hashes when an upload is continued.
_HASH_EXISTING_BYTES = 64 * _READ_BYTES
# Bytes after which a file is synced while it grows. Otherwise the sync at the end would write the
# whole file, and every sync of the database would wait for it.
_SYNC_BYTES = 32 * 1024 * 1024
# Seconds, and uploads that broke off, after which expired uploads are looked for.
_SWEEP_SECONDS = 60
_SWEEP_UPLOADS = 100


@dataclass(frozen=True)
class Content:
    """The content of a complete upload."""

    sha256: str
    size: int


class StagedUpload:
    """One upload as it comes in, hashed and written on a thread while the next bytes arrive.

    `_lock` covers what the threads do with the file, so that it is closed after the write under
    way and not beside it. All else is touched on the event loop alone.
    """

    def __init__(self, file: Path, threads: FileThreads) -> None:
        self.file = file
        self._threads = threads
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._closing: asyncio.Future[None] | None = None
        self._lock = threading.Lock()
        self._descriptor = -1
        self._hash = hashlib.sha256()
        self._size = self._synced = 0

    async def open(self, offset: int) -> None:
        """Open the file, and hash the bytes that it has already.

        Raises:
            FailedPrecondition: that is not `offset` bytes.
        """
        self._writing = self._threads.start(self._open, offset)
        await self._writing
        while self._size < offset:
            self._writing = self._threads.start(self._hash_existing)
            await self._writing

    async def write(self, chunk: bytes) -> None:
        """Append bytes; they are on their way to the file when this returns.

        Raises:
            FailedPrecondition: another stream has taken this upload over.
            Unavailable: the disk failed, or is full.
        """
        self._waiting.append(chunk)
        self._waiting_bytes += len(chunk)
        if self._waiting_bytes >= _WAITING_BYTES:
            await asyncio.wait((self._writing,))
        self._write_waiting()

    async def end(self) -> Content:
        """Return the content, once it is on disk; raises as `write`."""
        while self._waiting:
            await asyncio.wait((self._writing,))
            self._write_waiting()
        await self._writing
        return await self._threads.start(self._sync)

    def close(self, *, discard: bool = False) -> asyncio.Future[None]:
        """Close the file, and remove it if `discard`; only the first call has an effect."""
        if self._closing is None:
            self._closing = self._threads.start(self._close, discard)
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

    def _open(self, offset: int) -> None:
        with self._lock:
            size = self.file.stat().st_size if self.file.exists() else 0
            if size != offset:
                raise FailedPrecondition(
                    f"{size} bytes of the upload are there, it cannot go on at {offset}",
                    reason="UPLOAD_OFFSET",
                    field="start.offset",
                    value=offset,
                    limit=size,
                )
            make_own_folder(self.file.parent)
            self._descriptor = open_own(self.file, os.O_RDWR | os.O_CREAT | os.O_APPEND)
            os.utime(self._descriptor)  # the upload is kept for another hour

    def _hash_existing(self) -> None:
        """Hash what is there already, or a part of it."""
        with self._lock:
            self._check_open()
            for _ in range(_HASH_EXISTING_BYTES // _READ_BYTES):
                piece = os.pread(self._descriptor, _READ_BYTES, self._size)
                self._hash.update(piece)
                self._size += len(piece)

    def _append(self, chunks: list[bytes]) -> None:
        with self._lock:
            self._check_open()
            for chunk in chunks:
                self._hash.update(chunk)
                rest = memoryview(chunk)
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
                self._size += len(chunk)
            if self._size - self._synced >= _SYNC_BYTES:
                os.fdatasync(self._descriptor)
                self._synced = self._size

    def _sync(self) -> Content:
        with self._lock:
            self._check_open()
            os.fsync(self._descriptor)
            return Content(self._hash.hexdigest(), self._size)

    def _close(self, discard: bool) -> None:
        with self._lock:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1
            if discard:
                self.file.unlink(missing_ok=True)

    def _check_open(self) -> None:
        if self._descriptor < 0:
            raise FailedPrecondition(
                "another stream goes on with this upload",
                reason="UPLOAD_OFFSET",
                field="start.upload_id",
                value=self.file.name,
            )


class StagingFolder:
    """The folder of the uploads that are not complete, made at first use."""

    def __init__(self, folder: Path, threads: FileThreads) -> None:
        self._folder = folder
        self._threads = threads
        self._open: dict[str, StagedUpload] = {}
        self._last_sweep = float("-inf")
        self._interrupted = 0

    async def open_upload(
        self, run_id: str, path: str, upload_id: str, offset: int
    ) -> StagedUpload:
        """Begin an upload, or continue one; a stream that still writes it is cut off.

        An upload belongs to its run and path: under others its id names another upload.

        Raises:
            FailedPrecondition: the upload does not stand at `offset`.
            Unavailable: the disk failed.
        """
        self._sweep()
        name = _name(run_id, path, upload_id or secrets.token_hex(16))
        # The client has given up the other stream, which may not have ended here yet.
        while other := self._open.get(name):
            await asyncio.wait((self.close_upload(other, discard=False),))
        upload = self._open[name] = StagedUpload(self._folder / name, self._threads)
        try:
            await upload.open(offset)
        except BaseException:
            await asyncio.wait((self.close_upload(upload, discard=False),))
            raise
        return upload

    def close_upload(self, upload: StagedUpload, *, discard: bool) -> asyncio.Future[None]:
        """Close an upload, and remove its bytes if `discard`."""
        name = upload.file.name

        def remove(_: object) -> None:
            if self._open.get(name) is upload:
                del self._open[name]

        self._interrupted += not discard
        closing = upload.close(discard=discard)
        closing.add_done_callback(remove)
        return closing

    async def offset(self, run_id: str, path: str, upload_id: str) -> int:
        """Return how many bytes of an upload are there."""
        return await self._threads.start(_size, self._folder / _name(run_id, path, upload_id))

    def _sweep(self) -> None:
        """Remove uploads that broke off long ago, and the oldest of too many, now and then."""
        now = time.monotonic()
        if now - self._last_sweep > _SWEEP_SECONDS or self._interrupted >= _SWEEP_UPLOADS:
            self._last_sweep, self._interrupted = now, 0
            self._threads.start(_remove_expired, self._folder, frozenset(self._open))


def _name(run_id: str, path: str, upload_id: str) -> str:
    """Return the name of an upload's file; the id of the upload alone does not lead to it."""
    identity = "\0".join((run_id, path, upload_id))
    return hashlib.sha256(identity.encode()).hexdigest()[:32]


def _size(file: Path) -> int:
    status = _stat(file)
    return 0 if status is None else status.st_size


def _remove_expired(folder: Path, under_way: frozenset[str]) -> None:
    # Only files that are named like an upload: the folder may hold other files of its user.
    found = [file for file in folder.glob("[0-9a-f]" * 32) if file.name not in under_way]
    # One of an upload that began or ended meanwhile may be gone at any time.
    times = [(status.st_mtime, status.st_size, file) for file in found if (status := _stat(file))]
    total = 0
    for count, (changed, size, file) in enumerate(sorted(times, reverse=True), 1):
        total += size
        is_old = changed < time.time() - KEPT_SECONDS
        if is_old or count > MAX_UNFINISHED or total > MAX_UNFINISHED_BYTES:
            now = _stat(file)
            if now is not None and now.st_mtime == changed:  # else it was continued meanwhile
                file.unlink(missing_ok=True)


def _stat(file: Path) -> os.stat_result | None:
    """Return the status of a file; None if it is gone."""
    try:
        return file.stat()
    except FileNotFoundError:
        return None
