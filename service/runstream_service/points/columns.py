"""Points in columns, and what can be done with them without the database.

The order of points is that of step, timestamp and value, NaN last. Two points are the same if they
are equal in all three: all NaNs are one value, and negative zero equals zero (M3, M4).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Doubles = NDArray[np.float64]

#: Bytes that a point takes in columns.
POINT_BYTES = 24


class Position(NamedTuple):
    """A point, after which reading goes on."""

    step: int
    timestamp: int
    value: float


class Columns(NamedTuple):
    """Points in columns of one length."""

    step: Integers
    timestamp: Integers
    value: Doubles

    @property
    def size(self) -> int:
        """How many points these are; `len` is the number of columns."""
        return len(self.step)

    def rows(self) -> Iterator[tuple[int, int, float]]:
        """Yield the points as Python's numbers: step, timestamp and value."""
        return zip(self.step.tolist(), self.timestamp.tolist(), self.value.tolist(), strict=True)

    def part(self, first: int, end: int) -> Columns:
        """Return the points at `first` to `end`, that one left out, without a copy."""
        return Columns(self.step[first:end], self.timestamp[first:end], self.value[first:end])

    def take(self, chosen: Any) -> Columns:
        """Return the points that an array of indices or of booleans chooses."""
        return Columns(self.step[chosen], self.timestamp[chosen], self.value[chosen])

    def position(self, index: int) -> Position:
        """Return one point as Python's numbers."""
        return Position(int(self.step[index]), int(self.timestamp[index]), float(self.value[index]))


NO_POINTS = Columns(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float64))


def make_columns(step: Sequence[int], timestamp: Sequence[int], value: Sequence[float]) -> Columns:
    """Return the columns of numbers in sequences or arrays."""
    return Columns(
        np.asarray(step, np.int64), np.asarray(timestamp, np.int64), np.asarray(value, np.float64)
    )


def join(parts: Sequence[Columns]) -> Columns:
    """Return the points of several columns, one after the other."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return NO_POINTS
    return Columns(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def is_later(columns: Columns) -> bool:
    """Return whether each point is later than the one before by step and timestamp."""
    step, timestamp = columns.step, columns.timestamp
    if (step[1:] > step[:-1]).all():
        return True
    later = (step[1:] == step[:-1]) & (timestamp[1:] > timestamp[:-1])
    return bool((later | (step[1:] > step[:-1])).all())


def sort(columns: Columns) -> Columns:
    """Return the points in their order; equal ones stay as they are to each other."""
    if is_later(columns):
        return columns
    return columns.take(np.lexsort((columns.value, columns.timestamp, columns.step)))


def sort_unique(columns: Columns) -> Columns:
    """Return the points in their order, each of them once; of equal ones, the first stays."""
    if is_later(columns):
        return columns
    columns = sort(columns)
    return columns.take(np.concatenate(([True], ~_equals_next(columns))))


def merge(parts: Sequence[Columns]) -> Columns:
    """Return the points of several columns in their order, each once; the first of equals stays."""
    return sort_unique(join([part for part in parts if part.size]))


def subtract(columns: Columns, stored: Columns) -> Columns:
    """Return those of the points, sorted and without repetition, that are not stored."""
    is_absent = find_absent(columns, stored)
    return columns if is_absent.all() else columns.take(is_absent)


def find_absent(columns: Columns, stored: Columns) -> NDArray[np.bool_]:
    """Return which of the points, sorted and without repetition, are not among sorted others.

    Only points of steps that both have are looked at further.
    """
    is_absent = np.ones(columns.size, np.bool_)
    start = np.searchsorted(stored.step, columns.step, "left")
    meets = np.flatnonzero(start < np.searchsorted(stored.step, columns.step, "right"))
    if not len(meets):
        return is_absent
    first, last = columns.position(int(meets[0])), columns.position(int(meets[-1]))
    stored = stored.part(*span(stored, first, last))
    stored = stored.take(np.isin(stored.step, columns.step[meets]))
    both = join([stored, columns.take(meets)])
    # A stored point stays before its equal.
    order = np.lexsort((both.value, both.timestamp, both.step))
    repeated = order[1:][_equals_next(both.take(order))] - stored.size
    is_absent[meets[repeated[repeated >= 0]]] = False
    return is_absent


def has_common(numbers: Integers, others: Integers) -> bool:
    """Return whether two sorted arrays have a number in common."""
    start = np.searchsorted(numbers, others, "left")
    return bool((start < np.searchsorted(numbers, others, "right")).any())


def span(columns: Columns, first: Position, last: Position) -> tuple[int, int]:
    """Return where sorted points begin and end that may lie between two positions."""
    start, end = _equal_or_between(columns.step, first.step, last.step)
    if first.step == last.step:  # as where nobody gives steps
        timestamp = columns.timestamp[start:end]
        low, high = _equal_or_between(timestamp, first.timestamp, last.timestamp)
        start, end = start + low, start + high
    return start, end


def after(columns: Columns, position: Position) -> Columns:
    """Return the sorted points that come after a position."""
    start, end = span(columns, position, position)
    side = np.searchsorted(columns.value[start:end], position.value, "right")
    return columns.part(start + int(side), columns.size)


def split(columns: Columns, position: Position) -> tuple[Columns, Columns]:
    """Return the sorted points up to a position, and those that come after it."""
    later = after(columns, position)
    return columns.part(0, columns.size - later.size), later


def between_steps(columns: Columns, first: int, last: int) -> Columns:
    """Return the sorted points of a range of steps, both ends included."""
    return columns.part(*_equal_or_between(columns.step, first, last))


def _equal_or_between(column: Integers, first: Any, last: Any) -> tuple[int, int]:
    start = int(np.searchsorted(column, first, "left"))
    return start, int(np.searchsorted(column, last, "right"))


def _equals_next(columns: Columns) -> NDArray[np.bool_]:
    step, timestamp, value = columns
    same = (step[1:] == step[:-1]) & (timestamp[1:] == timestamp[:-1])
    both_nan = (value[1:] != value[1:]) & (value[:-1] != value[:-1])
    return same & ((value[1:] == value[:-1]) | both_nan)  # type: ignore[no-any-return]
