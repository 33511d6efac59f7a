"""Messages of the contract written by hand, byte by byte, as no library would write them."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from itertools import chain

from support.api import Point

#: Numbers of the columns of a MetricTable, and how `struct` packs their numbers.
STEP, TIMESTAMP, VALUE = (3, "q"), (4, "q"), (5, "d")


def varint(number: int) -> bytes:
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


def field(number: int, content: bytes) -> bytes:
    """Return a field of text, bytes, a message or packed numbers."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def unpacked(column: tuple[int, str], number: float) -> bytes:
    """Return one number of a column on its own, with its tag before it."""
    return varint(column[0] << 3 | 1) + struct.pack(f"<{column[1]}", number)


def packed(column: tuple[int, str], numbers: Sequence[float]) -> bytes:
    return field(column[0], struct.pack(f"<{len(numbers)}{column[1]}", *numbers))


def keys_and_counts(points: Sequence[Point]) -> bytes:
    """Return these fields for points that stand metric after metric."""
    keys = dict.fromkeys(point[0] for point in points)
    counts = b"".join(varint(sum(point[0] == key for point in points)) for key in keys)
    return b"".join(field(1, key.encode()) for key in keys) + (field(2, counts) if counts else b"")


def column_numbers(points: Iterable[Point]) -> list[tuple[tuple[int, str], list[float]]]:
    rows = list(points)
    return [
        (STEP, [point[1] for point in rows]),
        (TIMESTAMP, [point[2] for point in rows]),
        (VALUE, [point[3] for point in rows]),
    ]


def encode_table(points: Sequence[Point], *, chunk: int, single: int) -> bytes:
    """Return a table: the first `single` points unpacked, then the others in packed chunks."""
    parts = [keys_and_counts(points)]
    for column, numbers in column_numbers(points):
        parts += [unpacked(column, number) for number in numbers[:single]]
        rest = numbers[single:]
        parts += [packed(column, rest[i : i + chunk]) for i in range(0, len(rest), chunk)]
    return b"".join(parts)


def log_batch_request(run_id: str, *tables: bytes) -> bytes:
    """Return a LogBatchRequest; several tables are one, whose fields come one after the other."""
    return b"".join(chain([field(1, run_id.encode())], (field(2, table) for table in tables)))


def log_request(run_id: str, table: bytes) -> bytes:
    return field(1, run_id.encode()) + field(5, table)
