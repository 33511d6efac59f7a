"""What a crash of the machine leaves of a spool: files without what was not synced yet."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from random import Random

from runstream.v1.logging_service_pb2 import LogBatchRequest

_HEADER = 12


def lose_unsynced(spool: Path, synced: Mapping[int, int], random: Random, is_synced: bool) -> None:
    """Cut the files of a spool at random places behind what was synced, as a crash does.

    What is lost of a file is missing, or zeros, or bytes of something else.

    Args:
        spool: the spool, whose writers are dead.
        synced: how many bytes of each file are on disk for sure, by its inode.
        random: where the places come from.
        is_synced: whether the program was to sync what it wrote; then all files can be lost that it
            did not sync, not only what grows.
    """
    for path in sorted(spool.rglob("*")):
        if path.is_file() and (is_synced or path.name != "spool.json"):
            _cut(path, synced.get(path.stat().st_ino, 0), random)


def _cut(path: Path, synced: int, random: Random) -> None:
    size = path.stat().st_size
    if size <= synced:
        return
    place = random.randint(synced, size)
    with path.open("r+b") as file:
        file.truncate(place)
        if random.random() < 0.3 and path.name != "spool.json":
            file.seek(place)
            file.write(bytes(size - place) if random.random() < 0.5 else os.urandom(size - place))


def whole_batches(spool: Path) -> Iterator[LogBatchRequest]:
    """Yield the batches whose frames are whole, by docs/spool.md, up to the first that is not."""
    for path in sorted(spool.glob("*/batches/*.log")):
        for payload in _frames(path.read_bytes()):
            yield LogBatchRequest.FromString(payload)


def _frames(content: bytes) -> Iterable[bytes]:
    place = 0
    while content[place : place + 4] == b"RSF1" and place + _HEADER < len(content):
        length = int.from_bytes(content[place + 4 : place + 8], "little")
        payload = content[place + _HEADER : place + _HEADER + length]
        checksum = int.from_bytes(content[place + 8 : place + _HEADER], "little")
        if (
            len(payload) < length
            or zlib.crc32(content[place + 4 : place + 8] + payload) != checksum
        ):
            return
        yield payload
        place += _HEADER + length
