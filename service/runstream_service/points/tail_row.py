"""A row of a tail: points of some series of a run, as numbers of 8 bytes without compression.

Those are how many series there are, their ids, how many points each has, and the columns of the
points, in which those of a series are side by side. So appending costs no work for a point. What is
in front of the columns has a checksum of its own, so that a damaged row is one of the metrics that
it has, and not of all of its run.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from struct import Struct

import numpy as np

from runstream_service.points.columns import NO_POINTS, Columns, Integers

# What the checksum of the head of a row begins with: run, and whether the sealer left the row.
_OWNER = Struct("<q?")

# A checksum has 32 bits for the columns, 30 for the head, and one that says that it has both. Rows
# of servers before that have one of 32 bits for all.
_HAS_BOTH = 1 << 62
_HEAD_BITS = (1 << 30) - 1
_BODY_BITS = (1 << 32) - 1


#: What is inserted: run, points, whether the sealer left them, checksum, data.
Row = tuple[int, int, bool, int, bytes]

#: What is read: id, whether the sealer left it, points, checksum, data.
StoredRow = tuple[int, bool, int, int, bytes]


@dataclass(slots=True)
class Damage:
    """What is damaged of a tail.

    Attributes:
        series: those that have points in rows whose columns are damaged.
        heads: rows of which nobody can tell which series they have.
        rows: how many rows these are.
        points: how many points they have, as far as that is known.
    """

    series: set[int] = field(default_factory=set)
    heads: list[int] = field(default_factory=list)
    rows: int = 0
    points: int = 0


def make_row(
    run: int,
    series: Sequence[int],
    counts: Sequence[int],
    columns: Sequence[bytes],
    *,
    is_rest: bool,
) -> Row:
    """Return a row that appends points to the tail of a run.

    Args:
        run: the run.
        series: the series that have points.
        counts: how many points each has.
        columns: steps, timestamps and values of the points, by series, as bytes in order.
        is_rest: whether the sealer left them.
    """
    head = array("q", (len(series), *series, *counts)).tobytes()
    body = b"".join(columns)
    checksum = _HAS_BOTH | _head_checksum(run, is_rest, head) << 32 | zlib.crc32(body)
    return run, sum(counts), is_rest, checksum, head + body


def is_damaged(run: int, row: StoredRow, damage: Damage) -> bool:
    """Return whether a row is damaged, after adding it to the damage."""
    row_id, is_rest, count, checksum, data = row
    if checksum <= _BODY_BITS:
        is_head = is_whole = zlib.crc32(data) == checksum
        number = 0
    else:
        number = int.from_bytes(data[:8], "little")
        head = data[: 8 + 16 * number]
        expected = _HAS_BOTH | _head_checksum(run, is_rest, head) << 32
        is_head = checksum & ~_BODY_BITS == expected
        is_whole = is_head and zlib.crc32(data[len(head) :]) == checksum & _BODY_BITS
    if is_whole:
        return False
    if is_head:
        damage.series.update(array("q", data[8 : 8 + 8 * number]))
    else:
        damage.heads.append(row_id)
    damage.rows += 1
    damage.points += count
    return True


def _head_checksum(run: int, is_rest: bool, head: bytes) -> int:
    return zlib.crc32(head, zlib.crc32(_OWNER.pack(run, is_rest))) & _HEAD_BITS


def decode_rows(rows: Sequence[bytes]) -> tuple[Integers, Columns]:
    """Return the series of each point of rows, and the points, all in the order of the rows.

    All rows are decoded at once: most have a few points, and there may be a thousand of them.
    """
    if not rows:
        return np.empty(0, np.int64), NO_POINTS
    words = np.frombuffer(b"".join(rows), np.int64)
    lengths = np.fromiter((len(row) // 8 for row in rows), np.int64, len(rows))
    start = np.cumsum(lengths) - lengths
    number = words[start]
    counts = words[_ranges(start + 1 + number, number)]
    series = np.repeat(words[_ranges(start + 1, number)], counts)
    points = (lengths - 1 - 2 * number) // 3
    first = start + 1 + 2 * number
    step, timestamp, value = (words[_ranges(first + i * points, points)] for i in range(3))
    return series, Columns(step, timestamp, value.view(np.float64))


def _ranges(starts: Integers, lengths: Integers) -> Integers:
    """Return the indices of ranges, one after the other."""
    before = np.cumsum(lengths) - lengths
    indices: Integers = np.arange(int(lengths.sum())) + np.repeat(starts - before, lengths)
    return indices
