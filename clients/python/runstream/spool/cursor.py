"""The cursor of a log: all frames before it are answered."""

from __future__ import annotations

import os
import struct
import zlib
from contextlib import suppress
from pathlib import Path

from runstream.spool.log_files import START, Place, file_path, list_files
from runstream.spool.open_file import OpenFile, read_start

#: Name of its file in the folder of the log.
CURSOR_NAME = "cursor"

_MAGIC = b"RSC1"
_CURSOR = struct.Struct("<4sQQ")
_CHECKSUM = struct.Struct("<I")


def read_cursor(folder: Path) -> Place:
    """Return the place from which a log is to be read.

    That is its first file, if there is no cursor, or if it is damaged or older than that file. A
    cursor beyond the end of its file is damaged, too: a crash of the machine may have cut the file,
    and what is sent again changes nothing.

    Raises:
        OSError: it cannot be read.
    """
    files = list_files(folder)
    first = Place(files[0], 0) if files else START
    try:
        place = _decode(read_start(folder / CURSOR_NAME, _CURSOR.size + _CHECKSUM.size + 1))
        if place is None or place <= first or place.file not in files:
            return first
        size = os.lstat(file_path(folder, place.file)).st_size
    except FileNotFoundError:
        return first
    return place if place.offset <= size else first


class Cursor:
    """The cursor of a log of which this process has `delivery.lock`.

    One thread at a time may use it.

    Attributes:
        place: where it is.
    """

    def __init__(self, folder: Path) -> None:
        """Open the cursor where it is.

        Raises:
            OSError: its file cannot be written.
        """
        self._folder = folder
        self.place = read_cursor(folder)
        self._file = OpenFile(folder / CURSOR_NAME, os.O_RDWR | os.O_CREAT)

    def move(self, place: Place) -> int:
        """Say that all before a place is answered; return the bytes of the files removed for it.

        Files before that of the place are removed, after the cursor is written.

        Raises:
            OSError: the cursor could not be written.
        """
        data = _CURSOR.pack(_MAGIC, *place)
        os.pwrite(self._file.descriptor, data + _CHECKSUM.pack(zlib.crc32(data)), 0)
        old, self.place = self.place, place
        return self._remove_files() if place.file > old.file else 0

    def close(self) -> None:
        """Close its file."""
        self._file.close()

    def _remove_files(self) -> int:
        freed = 0
        for number in list_files(self._folder):
            if number < self.place.file:
                path = file_path(self._folder, number)
                with suppress(FileNotFoundError):
                    freed += path.stat().st_size
                    path.unlink()
        return freed


def _decode(data: bytes) -> Place | None:
    if len(data) != _CURSOR.size + _CHECKSUM.size:
        return None
    magic, file, offset = _CURSOR.unpack_from(data)
    (checksum,) = _CHECKSUM.unpack_from(data, _CURSOR.size)
    is_right = magic == _MAGIC and checksum == zlib.crc32(data[: _CURSOR.size])
    return Place(file, offset) if is_right else None
