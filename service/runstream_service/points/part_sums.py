"""Sums of the points of series in equal parts of steps, and those that are kept in memory.

The parts of one length begin at its multiples, whatever is asked for, and a chunk never changes. So
what was summed up once is right for every later answer, and only new chunks are decoded.
"""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from runstream_service.points.chunk_columns import ChunkColumns
from runstream_service.points.chunk_summary import Summaries
from runstream_service.points.columns import Columns, Doubles, Integers

#: Bytes of sums that are kept: those of some 6,000 runs in 300 parts.
SUMS_BYTES = 64 * 1024 * 1024

# Bytes that an entry takes besides its numbers.
_ENTRY_BYTES = 1_000

# Sums of 10^9 of the largest doubles stay finite.
_SCALE = 2.0**-30

# Lengths of parts are these times a power of ten, as far as they are integers: so that parts of
# steps that are logged every 10 or 100 have as many points each.
_ROUND = (10, 12, 15, 20, 25, 30, 40, 50, 60, 80)


class Parts(NamedTuple):
    """Equal parts of a range of steps, each of which begins at a multiple of their length.

    Attributes:
        low: the first step of the range.
        high: its last step.
        length: how many steps a part has.
    """

    low: int
    high: int
    length: int

    @classmethod
    def cut(cls, low: int, high: int, max_parts: int) -> Parts:
        """Return the shortest parts of a range that are not more than so many, 10 or more."""
        for length in _lengths():
            if high // length - low // length < max_parts:
                return cls(low, high, length)
        raise ValueError(f"64 bits are more than {max_parts} parts")

    @property
    def first(self) -> int:
        """The number of the first part: its first step, divided by the length."""
        return self.low // self.length

    @property
    def size(self) -> int:
        """How many parts there are."""
        return self.high // self.length - self.first + 1

    def middle(self, part: int) -> int:
        """Return the middle of the steps of a part, counted from 0, that lie in the range."""
        start = (self.first + part) * self.length
        return (max(start, self.low) + min(start + self.length - 1, self.high)) // 2


def _lengths() -> Iterable[int]:
    for power in itertools.count(-1):
        for digits in _ROUND:
            if power >= 0:
                yield digits * 10**power
            elif digits % 10 == 0:
                yield digits // 10


class PartSums(NamedTuple):
    """Sums of finite values, part after part of chunk after chunk.

    Attributes:
        chunks: the ids of the chunks.
        sizes: in how many parts each of them has points.
        part: the numbers of these parts.
        total: the sum of the finite values there, scaled.
        number: how many these are.
    """

    chunks: Integers
    sizes: Integers
    part: Integers
    total: Doubles
    number: Integers

    @classmethod
    def of_chunks(cls, summaries: Summaries, columns: ChunkColumns, length: int) -> PartSums:
        """Sum up consecutive chunks in parts of a length."""
        starts = np.cumsum(summaries["count"]) - summaries["count"]
        borders, sums = _sum(columns, starts, length)
        sizes = np.diff(np.append(np.searchsorted(borders, starts), len(borders)))
        return cls(summaries["id"].copy(), sizes, *sums)

    @classmethod
    def of_points(cls, columns: Columns, length: int) -> PartSums:
        """Sum up sorted points that are in no chunk."""
        none = np.empty(0, np.int64)
        if not columns.size:
            return NO_SUMS
        return cls(none, none, *_sum(columns, np.zeros(1, np.int64), length)[1])

    def of_first(self, chunks: int) -> PartSums:
        """Return the sums of the first so many chunks."""
        end = int(self.sizes[:chunks].sum())
        head = self.chunks[:chunks], self.sizes[:chunks]
        return PartSums(*head, self.part[:end], self.total[:end], self.number[:end])

    def means(self, parts: Parts) -> Doubles:
        """Return the mean of all in each part; NaN where there is none."""
        place, size = self.part - parts.first, parts.size
        total = np.bincount(place, self.total, size)
        count = np.bincount(place, self.number, size)
        limit = np.finfo(np.float64).max
        with np.errstate(over="ignore", invalid="ignore"):  # where there are none
            return np.clip(total / count / _SCALE, -limit, limit)

    @property
    def size(self) -> int:
        """How many bytes they take."""
        return _ENTRY_BYTES + sum(column.nbytes for column in self)


NO_SUMS = PartSums(*(np.empty(0, kind) for kind in "qqqdq"))


def join_sums(sums: list[PartSums]) -> PartSums:
    """Return the sums of chunks that follow each other."""
    if len(sums) == 1:
        return sums[0]
    return PartSums(*(np.concatenate(column) for column in zip(*sums, strict=True)))


def _sum(
    columns: Columns | ChunkColumns, starts: Integers, length: int
) -> tuple[Integers, tuple[Integers, Doubles, Integers]]:
    """Sum up sorted points that begin anew, as a chunk does, at some indices.

    Returns:
        Where each sum begins; and of each its part, the sum, and how many values it has.
    """
    first, last = (columns.step.take(np.array([0, columns.size - 1])) // length).tolist()
    inner = columns.step.searchsorted(np.arange(first + 1, last + 1) * length)
    borders = np.concatenate((starts, inner))
    borders.sort()
    borders = borders[np.diff(borders, prepend=-1) > 0]
    part = columns.step.take(borders) // length
    value = columns.value
    with np.errstate(over="ignore", invalid="ignore"):
        total = np.add.reduceat(value, borders)
    if np.isfinite(total).all():
        return borders, (part, total * _SCALE, np.diff(borders, append=columns.size))
    is_finite = np.isfinite(value)
    total = np.add.reduceat(np.where(is_finite, value, 0.0) * _SCALE, borders)
    return borders, (part, total, np.add.reduceat(is_finite.astype(np.int64), borders))


class SumCache:
    """The sums that were used last, by series and length of parts, for all threads."""

    def __init__(self) -> None:
        """Keep none."""
        self._lock = threading.Lock()
        self._sums: OrderedDict[tuple[int, int], PartSums] = OrderedDict()
        self._size = 0

    def find(self, series: int, length: int, chunks: Integers) -> PartSums:
        """Return the sums of as many of these chunks, from the first on, as are known."""
        with self._lock:
            found = self._sums.get((series, length))
            if found is None:
                return NO_SUMS
            self._sums.move_to_end((series, length))
        number = min(len(chunks), len(found.chunks))
        differs = np.flatnonzero(chunks[:number] != found.chunks[:number])
        return found.of_first(int(differs[0]) if len(differs) else number)

    def keep(self, series: int, length: int, sums: PartSums) -> None:
        """Keep the sums of the chunks of a series, and drop others where there is no room."""
        with self._lock:
            old = self._sums.pop((series, length), None)
            self._size += sums.size - (old.size if old else 0)
            self._sums[series, length] = sums
            while self._size > SUMS_BYTES:
                self._size -= self._sums.popitem(last=False)[1].size
