"""What is known of the points of a chunk without decoding it.

A summary is one record of a NumPy array. A long series has thousands of chunks, and their summaries
become one array without a Python object for each. Who thins a history takes points from them, so a
summary is stored with a checksum of its own, and those of all are verified at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runstream_service.points.columns import Columns, Position

_POINT = np.dtype([("step", "<i8"), ("timestamp", "<i8"), ("value", "<f8")])

#: `min` and `max` are the first points that have the least and the greatest value, and `nan` is the
#: first NaN. `min` and `max` mean nothing where `numbers` is 0, and `nan` where that is `count`.
SUMMARY = np.dtype(
    [
        ("id", "<i8"),
        ("count", "<i8"),
        ("numbers", "<i8"),
        ("min_timestamp", "<i8"),
        ("max_timestamp", "<i8"),
        ("first", _POINT),
        ("last", _POINT),
        ("min", _POINT),
        ("max", _POINT),
        ("nan", _POINT),
    ]
)

Summaries = NDArray[Any]

#: A summary as it is stored; the checksum covers it and the series that it belongs to.
_STORED = np.dtype([("summary", SUMMARY), ("checksum", "<u8")])

_WORDS = SUMMARY.itemsize // 8

# Summaries whose checksums are computed at a time, so that what is between fits into the caches.
_ROWS = 512

# Odd numbers, so that a changed bit changes the product: powers of an odd one, times another.
_FACTORS = np.multiply.accumulate(
    np.array([0x9E3779B97F4A7C15] + [0xD1342543DE82EF95] * (_WORDS + 1), np.uint64)
)

_KINDS = ("first", "last", "min", "max", "nan")


def summarise(columns: Columns) -> Summaries:
    """Return the summary of points that are sorted, as an array of one record; its id is 0."""
    summary = np.zeros(1, SUMMARY)
    record = summary[0]
    record["count"] = columns.size
    record["min_timestamp"] = columns.timestamp.min()
    record["max_timestamp"] = columns.timestamp.max()
    chosen, record["numbers"] = landmarks(columns.value)
    for kind, index in zip(_KINDS, chosen, strict=True):
        for name, column in zip(_POINT.names or (), columns, strict=True):
            record[kind][name] = column[index]
    return summary


def landmarks(value: NDArray[np.float64]) -> tuple[tuple[int, int, int, int, int], int]:
    """Return where the first, last, least and greatest value and the first NaN are.

    An index that has no meaning is 0.

    Returns:
        The five indices, and how many values are numbers.
    """
    last = len(value) - 1
    least = int(value.argmin())  # the first NaN, if there is any
    if value[least] == value[least]:
        return (0, last, least, int(value.argmax()), 0), last + 1
    numbers = np.flatnonzero(value == value)
    if not len(numbers):
        return (0, last, 0, 0, least), 0
    kept = value[numbers]
    return (0, last, int(numbers[kept.argmin()]), int(numbers[kept.argmax()]), least), len(numbers)


def pack_summary(series: int, summary: Summaries) -> bytes:
    """Return the bytes of an array of one summary of a series, with its checksum."""
    return summary.tobytes() + _checksums(series, summary.view("<u8").reshape(1, -1)).tobytes()


def unpack_summaries(series: int, packed: Sequence[bytes]) -> Summaries:
    """Return the summaries of these bytes as an array of records.

    Raises:
        ValueError: bytes are not what was stored for this series.
    """
    data = b"".join(packed)
    stored = np.frombuffer(data, _STORED)
    words = np.frombuffer(data, "<u8").reshape(len(stored), _WORDS + 1)[:, :_WORDS]
    if len(stored) != len(packed) or (_checksums(series, words) != stored["checksum"]).any():
        raise ValueError("the summary of a chunk has another checksum")
    return stored["summary"]


def _checksums(series: int, words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the checksum of each row of words."""
    of_series = series * int(_FACTORS[_WORDS]) + int(_FACTORS[_WORDS + 1])
    sums = np.full(len(words), of_series % 2**64, np.uint64)
    for first in range(0, len(words), _ROWS):
        rows = words[first : first + _ROWS]
        # The upper half of a word is mixed into the lower one, or the factors would have no effect
        # on its highest bits.
        sums[first : first + _ROWS] += (rows ^ rows >> np.uint64(32)) @ _FACTORS[:_WORDS]
    return sums


def points_of(summaries: Summaries, kind: str) -> Columns:
    """Return one point of each summary: `first`, `last`, `min`, `max` or `nan`."""
    record = summaries[kind]
    return Columns(record["step"], record["timestamp"], record["value"])


def ends(summary: Any) -> tuple[Position, Position]:
    """Return the first and the last point of one record of summaries."""
    return Position(*summary["first"].item()), Position(*summary["last"].item())
