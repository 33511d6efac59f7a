"""What is known of the points of a chunk without decoding it.

A summary is one record of a NumPy array. A long series has thousands of chunks, and their summaries
become one array without a Python object for each.
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


def pack_summary(summary: Summaries) -> bytes:
    """Return the bytes of a summary."""
    return summary.tobytes()


def unpack_summaries(packed: Sequence[bytes]) -> Summaries:
    """Return the summaries of these bytes as an array of records."""
    return np.frombuffer(b"".join(packed), SUMMARY)


def points_of(summaries: Summaries, kind: str) -> Columns:
    """Return one point of each summary: `first`, `last`, `min`, `max` or `nan`."""
    record = summaries[kind]
    return Columns(record["step"], record["timestamp"], record["value"])


def ends(summary: Any) -> tuple[Position, Position]:
    """Return the first and the last point of one record of summaries."""
    return Position(*summary["first"].item()), Position(*summary["last"].item())
