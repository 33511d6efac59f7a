"""The frames of a `.wandb` file: those of LevelDB's log behind a header of 7 bytes.

A file is blocks of 32 KiB. A record is one frame or several, none of which crosses the end of a
block: CRC-32 (4 bytes, little-endian), length (2), type (1), data. The checksum is that of the type
and the data.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from runstream.errors import InvalidArgument

_MAGIC = b":W&B\xe1\xbe"  # followed by the version, one byte
_VERSION = 0
_HEADER_BYTES = len(_MAGIC) + 1
_BLOCK_BYTES = 32 * 1024
_FRAME = struct.Struct("<IHB")
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_CRC_OF_TYPE = {kind: zlib.crc32(bytes([kind])) for kind in (_FULL, _FIRST, _MIDDLE, _LAST)}

#: A record is at most so large; a damaged file cannot ask for more memory.
MAX_RECORD_BYTES = 256 * 1024 * 1024

#: Takes note of what is damaged: where in the file, and why.
Damage = Callable[[int, str], None]


def read_records(path: Path, damage: Damage) -> Iterator[bytes]:
    """Yield the records of a file that are whole.

    Behind a damaged frame reading goes on with the next block. A file that is still being written,
    or whose program was killed, ends within a record.

    Args:
        path: the file.
        damage: is told the position of each part that is left out, in bytes, and why.

    Raises:
        InvalidArgument: it is no file of W&B, or one of another version.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        _check_header(path, file.read(_HEADER_BYTES))
        parts: list[bytes] = []
        size = 0
        for position, kind, data in _read_frames(file, damage):
            if kind in (_FULL, _FIRST) and parts:
                damage(position, "the record before it has no end")
            elif kind in (_MIDDLE, _LAST) and not parts:
                continue  # its beginning was damaged, which is told
            if kind == _FULL:
                parts, size = [], 0
                yield data
                continue
            parts = [data] if kind == _FIRST else [*parts, data]
            size = sum(map(len, parts)) if kind == _FIRST else size + len(data)
            if size > MAX_RECORD_BYTES:
                damage(position, f"a record is larger than {MAX_RECORD_BYTES} bytes")
                parts = []
            elif kind == _LAST:
                yield b"".join(parts)
                parts = []
        if parts:
            damage(file.tell(), "the file ends within a record")


def _check_header(path: Path, header: bytes) -> None:
    if not header.startswith(_MAGIC) or len(header) < _HEADER_BYTES:
        raise InvalidArgument(
            f"{path} is no file of W&B: it does not begin with {_MAGIC!r}",
            reason="SOURCE_MALFORMED",
            field="source",
            value=path,
        )
    if header[-1] != _VERSION:
        raise InvalidArgument(
            f"{path} has version {header[-1]} of W&B's form, and {_VERSION} is known",
            reason="SOURCE_MALFORMED",
            field="source",
            value=path,
            limit=_VERSION,
        )


def _read_frames(file: BinaryIO, damage: Damage) -> Iterator[tuple[int, int, bytes]]:
    """Yield position, type and data of each frame."""
    start, offset = 0, _HEADER_BYTES
    file.seek(0)
    while block := file.read(_BLOCK_BYTES):
        while offset + _FRAME.size <= len(block):
            checksum, length, kind = _FRAME.unpack_from(block, offset)
            begin = offset + _FRAME.size
            end = begin + length
            if not kind and not length and not checksum:
                break  # the rest of the block is empty
            if end > len(block):
                is_last = len(block) < _BLOCK_BYTES
                why = "the file ends within a record" if is_last else "a frame leaves its block"
                damage(start + offset, why)
                break
            data = block[begin:end]
            if kind not in _CRC_OF_TYPE or zlib.crc32(data, _CRC_OF_TYPE[kind]) != checksum:
                damage(start + offset, "a frame is damaged: its checksum differs")
                break
            yield start + offset, kind, data
            offset = end
        else:
            if len(block) < _BLOCK_BYTES and any(block[offset:]):
                damage(start + offset, "the file ends within a frame")
        start, offset = start + len(block), 0
