"""The files of a log: which there are, and their names."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

#: Bytes of a file after which the next one is begun.
FILE_BYTES = 16 * 1024 * 1024

_STEM = re.compile(r"[0-9]{8}")


class Place(NamedTuple):
    """A place in a log.

    Attributes:
        file: number of the file, from 1.
        offset: bytes in front of it in that file.
    """

    file: int
    offset: int


#: Where a log begins.
START = Place(1, 0)


def file_path(folder: Path, number: int) -> Path:
    """Return the path of the file of this number."""
    return folder / f"{number:08}.log"


def list_files(folder: Path) -> list[int]:
    """Return the numbers of the files of a log in order; none if there is no such folder."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    stems = [name.removesuffix(".log") for name in names if name.endswith(".log")]
    return sorted(int(stem) for stem in stems if _STEM.fullmatch(stem))


def count_bytes(folder: Path, start: Place = START) -> int:
    """Return how many bytes a log has from a place on."""
    size = 0
    for number in list_files(folder):
        if number >= start.file:
            try:
                found = os.lstat(file_path(folder, number)).st_size
            except FileNotFoundError:  # it was answered and removed meanwhile
                continue
            size += max(0, found - start.offset) if number == start.file else found
    return size
