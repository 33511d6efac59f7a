"""Reads the frames of a log in order, also while they are written."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from runstream.spool import frames
from runstream.spool.log_files import START, Place, file_path, list_files
from runstream.spool.open_file import OpenFile

# Bytes that are read at once. A longer frame is read as a whole.
_BLOCK_BYTES = 2 * 1024 * 1024

# Bytes of a file in whose checksum no frame was found, after which the rest of it is damaged. Of a
# file with real frames they are never more than its size, but every twelfth byte of one that was
# made to keep readers busy may say that 16 MiB follow.
_SEARCH_BYTES = 128 * 1024 * 1024


class Frame(NamedTuple):
    """A frame that was read.

    Attributes:
        payload: its payload.
        end: the place behind it.
    """

    payload: bytes
    end: Place


class Damage(NamedTuple):
    """Bytes that are no frames.

    Attributes:
        start: where they begin.
        size: how many they are.
        is_cut: whether they are the beginning of the last frame of their file, whose writer was
            killed in the middle of it; nobody can make anything of them.
    """

    start: Place
    size: int
    is_cut: bool = False


class FrameFile:
    """One file of frames, read from a place on. One thread at a time may use it.

    Attributes:
        offset: where the next frame should begin.
    """

    def __init__(self, path: Path, place: Place = START) -> None:
        """Open a file.

        Args:
            path: where it is.
            place: its number, and where to begin.

        Raises:
            OSError: it cannot be opened.
        """
        self._number, offset = place
        self._file = OpenFile(path, os.O_RDONLY)
        self.offset = offset
        self._block = b""
        self._block_start = 0
        self._searched = 0  # see _SEARCH_BYTES

    def next(self, may_grow: bool = False) -> bytes | Damage | None:
        """Return the payload of the next frame, or the bytes that are none; None at the end.

        Args:
            may_grow: whether what follows the last frame may be a frame that is being written.

        Raises:
            OSError: it cannot be read.
        """
        start = self.offset
        payload = self._payload_at(start)
        if payload is None:
            end = self._find_frame(start + 1)
            if end is None:
                end = start if may_grow else os.fstat(self._file.descriptor).st_size
            # What is kept of the file may be a frame as it was while it was written.
            self._block = b""
            if end <= start:
                return None
            payload = self._payload_at(start)
            if payload is None:
                self.offset = end
                return Damage(Place(self._number, start), end - start, self._is_cut(start, end))
        self.offset = start + frames.HEADER_BYTES + len(payload)
        return payload

    def close(self) -> None:
        """Close the file."""
        self._block = b""
        self._file.close()

    def _is_cut(self, start: int, end: int) -> bool:
        """Return whether bytes are the beginning of a frame that the end of the file cuts."""
        is_searched = self._searched <= _SEARCH_BYTES
        if not is_searched or end < os.fstat(self._file.descriptor).st_size:
            return False
        head = os.pread(self._file.descriptor, frames.HEADER_BYTES, start)
        if len(head) < frames.HEADER_BYTES:
            return frames.MAGIC.startswith(head[: len(frames.MAGIC)])
        return frames.parse_length(head) > end - start - frames.HEADER_BYTES

    def _payload_at(self, start: int) -> bytes | None:
        """Return the payload of the frame that begins at a place; None if none does."""
        position = self._load(start, frames.HEADER_BYTES)
        if position is None:
            return None
        length = frames.parse_length(self._block, position)
        if not length or not self._has(start + frames.HEADER_BYTES + length):
            return None
        position = self._load(start, frames.HEADER_BYTES + length)
        if position is None:
            return None
        payload = frames.parse_payload(self._block, position, length)
        if payload is None:
            self._searched += length
        return payload

    def _has(self, end: int) -> bool:
        """Return whether the file has its bytes up to a place."""
        is_loaded = end <= self._block_start + len(self._block)
        return is_loaded or end <= os.fstat(self._file.descriptor).st_size

    def _load(self, start: int, size: int) -> int | None:
        """Return where in the block these bytes of the file are; None if the file ends before."""
        position = start - self._block_start
        if position < 0 or position + size > len(self._block):
            self._block = os.pread(self._file.descriptor, max(size, _BLOCK_BYTES), start)
            self._block_start = start
            position = 0
        return position if position + size <= len(self._block) else None

    def _find_frame(self, start: int) -> int | None:
        """Return where the next frame begins at a place or behind it; None if there is none."""
        while self._searched <= _SEARCH_BYTES:
            position = self._load(start, len(frames.MAGIC))
            if position is None:
                return None
            found = self._block.find(frames.MAGIC, position)
            if found < 0:  # a magic may begin in the last bytes of the block
                start = self._block_start + len(self._block) - len(frames.MAGIC) + 1
                continue
            start = self._block_start + found
            if self._payload_at(start) is not None:
                return start
            start += 1
        return None


class LogReader:
    """Reads a log from a place on. One thread at a time may use it.

    Attributes:
        place: the place of the next frame.
    """

    def __init__(
        self, folder: Path, place: Place, on_damage: Callable[[Damage], object] = lambda _: None
    ) -> None:
        """Read a folder, which need not be there yet.

        Args:
            folder: the folder.
            place: where to begin.
            on_damage: called for bytes that are no frames, before the frame behind them comes.
        """
        self._folder = folder
        self.place = place
        self._on_damage = on_damage
        self._file: FrameFile | None = None

    def next(self, may_grow: bool) -> Frame | None:
        """Return the next frame; None if there is none, or none yet.

        Args:
            may_grow: whether the writer may be alive, so that what follows the last frame may be a
                frame that is being written.

        Raises:
            OSError: a file cannot be read.
        """
        is_last = True
        while (file := self._open_file()) is not None:
            item = file.next(may_grow=is_last)
            self.place = Place(self.place.file, file.offset)
            if isinstance(item, bytes):
                return Frame(item, self.place)
            if item is not None:
                self._on_damage(item)
            elif is_last:
                # The writer finishes a file before it begins the next one. So once there is
                # another one, or no writer, this file is looked at once more, and to its end.
                is_last = may_grow and self._next_number() is None
                if is_last:
                    return None
            elif (number := self._next_number()) is not None:
                self._begin_file(number)
                is_last = True
            else:
                return None
        return None

    def close(self) -> None:
        """Close the file that is read."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open_file(self) -> FrameFile | None:
        """Return the file of the place, or the first one behind it; None if there is none."""
        if self._file is None:
            with suppress(FileNotFoundError):
                path = file_path(self._folder, self.place.file)
                self._file = FrameFile(path, self.place)
                return self._file
            number = self._next_number()
            return None if number is None else self._begin_file(number)
        return self._file

    def _begin_file(self, number: int) -> FrameFile:
        self.close()
        self.place = Place(number, 0)
        self._file = FrameFile(file_path(self._folder, number), self.place)
        return self._file

    def _next_number(self) -> int | None:
        return next((n for n in list_files(self._folder) if n > self.place.file), None)
