"""Frames: messages in a file, one after the other, each with its length and its checksum."""

from __future__ import annotations

import struct
import zlib
from typing import Final

#: The letters by which a frame begins.
MAGIC: Final = b"RSF1"

#: Bytes in front of the payload.
HEADER_BYTES: Final = 12

#: The longest payload.
MAX_PAYLOAD_BYTES: Final = 16 * 1024 * 1024

_HEADER = struct.Struct("<4sII")


def make_header(payload: bytes) -> bytes:
    """Return the bytes that stand in front of a payload, which is not copied.

    Raises:
        ValueError: the payload is empty or too long.
    """
    length = len(payload)
    if not 1 <= length <= MAX_PAYLOAD_BYTES:
        raise ValueError(f"a frame has 1 to {MAX_PAYLOAD_BYTES} bytes, not {length}")
    return _HEADER.pack(MAGIC, length, _checksum(length, payload))


def parse_length(data: bytes, start: int = 0) -> int:
    """Return the length of the payload of a frame that begins at a place; 0 if none does.

    Args:
        data: bytes of a file.
        start: the place, with at least `HEADER_BYTES` behind it.
    """
    magic, length, _ = _HEADER.unpack_from(data, start)
    return length if magic == MAGIC and length <= MAX_PAYLOAD_BYTES else 0


def parse_payload(data: bytes, start: int, length: int) -> bytes | None:
    """Return the payload of a frame that is there as a whole; None if its checksum is another.

    Args:
        data: bytes of a file.
        start: where the frame begins.
        length: what `parse_length` returned for it.
    """
    _, _, checksum = _HEADER.unpack_from(data, start)
    payload = data[start + HEADER_BYTES : start + HEADER_BYTES + length]
    return payload if _checksum(length, payload) == checksum else None


def _checksum(length: int, payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(length.to_bytes(4, "little")))
