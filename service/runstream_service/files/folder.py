"""Contents in a folder of this machine."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from runstream.files.own_files import make_own_folder
from runstream_service.files.file_threads import FileThreads
from runstream_service.files.storage import CHUNK, ContentMissingError

# Chunks that are read at once, on one visit to a thread.
_CHUNKS_AT_ONCE = 4


class Folder:
    """Keeps contents as files below `root`, which is made at first use.

    Attributes:
        root: the folder.
        threads: what works on the files.
    """

    def __init__(self, root: Path, threads: FileThreads) -> None:
        self.root = root
        self.threads = threads

    def __str__(self) -> str:
        return str(self.root)

    async def move(self, file: Path, name: str) -> bool:
        """Take a complete file of the same disk; return False if it is not there any more."""
        return await self.threads.start(self._move, file, self.root / name)

    async def read(self, name: str, start: int, end: int) -> AsyncIterator[list[bytes]]:
        # The descriptor stays open, so that a file that is replaced meanwhile is read to its end.
        opening = self.threads.start(_open, self.root / name)
        reading: asyncio.Future[Any] = opening
        try:
            descriptor = await asyncio.shield(opening)
            while start < end:
                part = min(end, start + _CHUNKS_AT_ONCE * CHUNK)
                reading = self.threads.start(_read, descriptor, start, part)
                yield await asyncio.shield(reading)
                start = part
        finally:
            # A caller who hangs up does not stop the thread, which goes on with the descriptor.
            reading.add_done_callback(lambda _: _close(opening))

    async def delete(self, names: Sequence[str]) -> None:
        await self.threads.start(_unlink, [self.root / name for name in names])

    def _move(self, file: Path, target: Path) -> bool:
        for folder in (self.root, target.parent):
            make_own_folder(folder)
        try:
            file.replace(target)
        except FileNotFoundError:
            if file.exists():
                raise
            return False
        for folder in (target.parent, self.root):
            _sync(folder)
        return True


def _open(file: Path) -> int:
    try:
        return os.open(file, os.O_RDONLY)
    except FileNotFoundError:
        raise ContentMissingError(f"there is no file {file}") from None


def _close(opened: asyncio.Future[int]) -> None:
    if opened.exception() is None:
        os.close(opened.result())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(descriptor: int, start: int, end: int) -> list[bytes]:
    chunks = []
    while start < end:
        chunk = os.pread(descriptor, min(CHUNK, end - start), start)
        if not chunk:
            raise ContentMissingError(f"its file ends at {start}, before {end}")
        chunks.append(chunk)
        start += len(chunk)
    return chunks


def _unlink(files: list[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)
