"""Thinning a long history so that its shape stays, on a reader's thread.

The range is cut into equal buckets by step, or by timestamp where all points have one step. Of each
bucket SQLite gives the first, last, minimum and maximum point, and the first NaN, by one short
statement each, so no other points leave the database (docs/decisions/0011-history-buckets.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from peewee import fn

from runstream_service.engine.statements import compile_sql, first_row
from runstream_service.engine.tables import NAN, Point
from runstream_service.points.columns import Columns, make_columns
from runstream_service.points.history import PART_POINTS, Steps

#: Points of one bucket at most: first, last, minimum, maximum, and a NaN.
POINTS_OF_BUCKET = 5

_Row = tuple[int, int, float | str]

_ASCENDING = (Point.step, Point.timestamp, Point.value)
_RANGE = Point.select(*_ASCENDING).where((Point.series == 0) & Point.step.between(0, 0))
_DESCENDING = tuple(column.desc() for column in _ASCENDING)


class _Axis:
    """The statements for buckets along one column."""

    def __init__(self, part: Any) -> None:
        self.first = compile_sql(part.order_by(*_ASCENDING).limit(1))
        self.last = compile_sql(part.order_by(*_DESCENDING).limit(1))
        # One scan finds both extreme values; the points that have them are looked up after it.
        # Often these are the first and the last point, and nothing has to be looked up.
        self.extremes = compile_sql(part.select(fn.MIN(Point.value), fn.MAX(Point.value)))
        number = part.where(Point.value < NAN)
        self.max_number = compile_sql(number.select(fn.MAX(Point.value)))
        self.first_with_value = compile_sql(
            part.where(Point.value == NAN).order_by(*_ASCENDING).limit(1)
        )


_BY_STEP = _Axis(_RANGE)
_BY_TIME = _Axis(_RANGE.where(Point.timestamp.between(0, 0)))
_NTH_POINT = compile_sql(_RANGE.order_by(*_ASCENDING).limit(1).offset(0))


def is_longer(series: int, steps: Steps, points: int) -> bool:
    """Return whether a series has more than so many points in a range of steps."""
    return first_row(_NTH_POINT, series, *steps, 1, points) is not None


def read_thinned(series: int, steps: Steps, points: int) -> Iterator[Columns]:
    """Yield at most `points` points of a range that has more, in their order.

    Each step reads what one `history.read_points` would, and leaves no statement open.
    """
    rows: list[_Row] = []
    for axis, values in _buckets(series, steps, points // POINTS_OF_BUCKET):
        rows += _read_bucket(axis, values)
        if len(rows) > PART_POINTS - POINTS_OF_BUCKET:
            yield _columns(rows)
            rows = []
    if rows:
        yield _columns(rows)


def _buckets(series: int, steps: Steps, number: int) -> Iterator[tuple[_Axis, tuple[int, ...]]]:
    first = first_row(_BY_STEP.first, series, *steps, 1)
    last = first_row(_BY_STEP.last, series, *steps, 1)
    if first is None or last is None:
        return
    if first[0] < last[0]:
        for low, high in _split_range(first[0], last[0], number):
            yield _BY_STEP, (series, low, high)
    else:
        for low, high in _split_range(first[1], last[1], number):
            yield _BY_TIME, (series, first[0], first[0], low, high)


def _split_range(first: int, last: int, number: int) -> Iterator[tuple[int, int]]:
    """Yield the ends of equal parts of a range of integers, both included."""
    length = last - first + 1
    number = min(number, length)
    for i in range(number):
        yield first + length * i // number, first + length * (i + 1) // number - 1


def _read_bucket(axis: _Axis, values: tuple[int, ...]) -> list[_Row]:
    first = first_row(axis.first, *values, 1)
    if first is None:
        return []
    found = {first, first_row(axis.last, *values, 1)}
    wanted = {*(first_row(axis.extremes, *values) or ())}
    if NAN in wanted:  # it sorts after all numbers
        wanted |= {*(first_row(axis.max_number, *values, NAN) or ())}
    # The maximum of no numbers is null. A NaN that is the last point need not be the first NaN.
    ends = {row[2] for row in found if row is not None}
    for value in wanted - {None} - (ends - {NAN}):
        found.add(first_row(axis.first_with_value, *values, value, 1))
    return sorted((row for row in found if row is not None), key=_sort_key)


def _sort_key(row: _Row) -> tuple[int, int, bool, float | str]:
    return row[0], row[1], row[2] == NAN, row[2]


def _columns(rows: list[_Row]) -> Columns:
    step, timestamp, value = zip(*rows, strict=True)
    return make_columns(step, timestamp, tuple(map(float, value)) if NAN in value else value)
