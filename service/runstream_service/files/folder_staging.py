"""Uploads to a folder that are not complete yet: each stream writes a file of its own."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import threading
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from runstream.files.own_files import make_own_folder, open_own
from runstream_service.catalog.artifacts import taken_over_error
from runstream_service.files.folder import Folder
from runstream_service.files.staging import (
    Content,
    StagedUpload,
    Staging,
    find_expired,
    offset_error,
)

_READ_BYTES = 1024 * 1024
# Bytes that one visit to a thread takes over when an upload is continued.
_TAKE_BYTES = 64 * _READ_BYTES
# Bytes after which a file is synced while it grows. Otherwise the sync at the end would write the
# whole file, and every sync of the database would wait for it.
_SYNC_BYTES = 32 * 1024 * 1024

# Names of the files of uploads, in a folder that may hold other files of its user: the key, and
# where servers share the folder, the stream. A folder may have files of a former database.
_NAMES = ("[0-9a-f]" * 32, "[0-9a-f]" * 32 + "." + "[0-9a-f]" * 16)


class StagedFile(StagedUpload):
    """One upload in a file.

    `_lock` covers what the threads do with the file, so that it is closed after the write under
    way and not beside it. All else is touched on the event loop alone.

    A server that has the folder for itself goes on in the file that is there. Another server may
    still write it, so where servers share a folder, a stream copies it into a file of its own and
    unlinks it, by which the stream before is cut off.
    """

    FILLS_DISK = True

    def __init__(self, key: str, folder: Path, is_shared: bool, storage: Folder) -> None:
        super().__init__(key, storage.threads)
        self._storage = storage
        self._is_shared = is_shared
        self.file = folder / (f"{key}.{secrets.token_hex(8)}" if is_shared else key)
        self._others: list[Path] = []
        self._lock = threading.Lock()
        self._descriptor = self._source = -1
        self._hash = hashlib.sha256()
        self._size = self._synced = 0

    async def open(self, offset: int) -> None:
        await self._threads.start(self._open, offset)
        while self._size < offset:
            await self._threads.start(self._take, offset)
        if self._others:
            await self._threads.start(_unlink, self._others)

    async def put(self, name: str) -> None:
        if not await self._storage.move(self.file, name):
            raise taken_over_error(self.key)

    def _open(self, offset: int) -> None:
        with self._lock:
            self._others = self._find_others() if self._is_shared else []
            before = max(self._others, key=_size, default=self.file)
            size = _size(before)
            if size != offset:
                raise offset_error(offset, size)
            make_own_folder(self.file.parent)
            if before != self.file:
                try:
                    self._source = open_own(before, os.O_RDONLY)
                except FileNotFoundError:
                    raise taken_over_error(self.key) from None
            self._descriptor = open_own(self.file, os.O_RDWR | os.O_CREAT | os.O_APPEND)
            os.utime(self._descriptor)  # the upload is kept for another hour

    def _find_others(self) -> list[Path]:
        return list(self.file.parent.glob(f"{self.key}.*"))

    def _take(self, offset: int) -> None:
        """Hash what is there already, or a part of it, and copy it if it is in another file."""
        with self._lock:
            self._check_open()
            is_copied = self._source >= 0
            end = min(offset, self._size + _TAKE_BYTES)
            while self._size < end:
                source = self._source if is_copied else self._descriptor
                piece = os.pread(source, min(_READ_BYTES, end - self._size), self._size)
                if not piece:
                    raise OSError(f"an upload ends at {self._size}, before {offset}")
                self._add(piece, is_copied)

    def _append(self, chunks: list[bytes]) -> None:
        with self._lock:
            self._check_open()
            for chunk in chunks:
                self._add(chunk, is_written=True)

    def _add(self, piece: bytes, is_written: bool) -> None:
        self._hash.update(piece)
        rest = memoryview(piece)
        while rest and is_written:
            rest = rest[os.write(self._descriptor, rest) :]
        self._size += len(piece)
        if is_written and self._size - self._synced >= _SYNC_BYTES:
            os.fdatasync(self._descriptor)
            self._synced = self._size

    async def _finish(self) -> Content:
        return await self._threads.start(self._sync)

    def _sync(self) -> Content:
        with self._lock:
            self._check_open()
            os.fsync(self._descriptor)
            return Content(self._hash.hexdigest(), self._size)

    def _close(self, discard: bool) -> asyncio.Future[None]:
        return self._threads.start(self._close_file, discard)

    def remove(self) -> None:
        self._threads.start(_unlink, [self.file])

    def _close_file(self, discard: bool) -> None:
        with self._lock:
            for descriptor in (self._descriptor, self._source):
                if descriptor >= 0:
                    os.close(descriptor)
            self._descriptor = self._source = -1
            # A stream that was refused at another offset has written nothing worth keeping.
            if discard or (self._is_shared and not self._size):
                self.file.unlink(missing_ok=True)

    def _check_open(self) -> None:
        if self._descriptor < 0 or not os.fstat(self._descriptor).st_nlink:
            raise taken_over_error(self.key)


class FolderStaging(Staging[StagedFile]):
    """The folder of the uploads that are not complete, made at first use."""

    def __init__(self, folder: Path, is_shared: bool, storage: Folder) -> None:
        """Describe the folder.

        Args:
            folder: the folder.
            is_shared: whether other servers may write the same uploads.
            storage: takes the files of complete uploads.
        """
        super().__init__()
        self._folder = folder
        self._is_shared = is_shared
        self._storage = storage

    def _new_upload(self, key: str) -> StagedFile:
        return StagedFile(key, self._folder, self._is_shared, self._storage)

    async def _count_bytes(self, key: str) -> int:
        return await self._storage.threads.start(self._largest, key)

    def _largest(self, key: str) -> int:
        files = self._folder.glob(f"{key}.*") if self._is_shared else [self._folder / key]
        return max(map(_size, files), default=0)

    def _remove_expired(self, under_way: frozenset[StagedFile]) -> None:
        names = frozenset(upload.file.name for upload in under_way)
        self._storage.threads.start(_remove_expired, self._folder, names, self._max_bytes_of_caller)


def _remove_expired(folder: Path, under_way: frozenset[str], max_bytes_of_caller: int) -> None:
    def find() -> Iterator[tuple[float, int, str, tuple[Path, float]]]:
        for file in chain.from_iterable(map(folder.glob, _NAMES)):
            # One of an upload that began or ended meanwhile may be gone at any time.
            if file.name not in under_way and (status := _stat(file)):
                yield status.st_mtime, status.st_size, file.name, (file, status.st_mtime)

    for file, changed in find_expired(find(), max_bytes_of_caller):
        now = _stat(file)
        if now is not None and now.st_mtime == changed:  # else it was continued meanwhile
            file.unlink(missing_ok=True)


def _size(file: Path) -> int:
    status = _stat(file)
    return 0 if status is None else status.st_size


def _stat(file: Path) -> os.stat_result | None:
    """Return the status of a file; None if it is gone."""
    try:
        return file.stat()
    except FileNotFoundError:
        return None


def _unlink(files: list[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)
