"""The tail of a run: points that are in no chunk yet, of all its series.

A row is what one transaction appended: numbers of 8 bytes, without compression. Those are how many
series there are, their ids, how many points each has, and the columns of the points, in which those
of a series are side by side. So appending costs no work for a point.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from peewee import fn

from runstream.rules import INT64_MAX
from runstream_service.engine.statements import (
    VALUES,
    compile_sql,
    first_row,
    json_array,
    run_for_each,
)
from runstream_service.engine.tables import TailRow, database
from runstream_service.points.chunks import damaged_error
from runstream_service.points.columns import NO_POINTS, Columns, Integers, sort_unique

_INSERT = compile_sql(
    TailRow.insert_many(
        [(0, 0, False, 0, b"")],
        [TailRow.run, TailRow.count, TailRow.is_rest, TailRow.checksum, TailRow.data],
    )
)
_SELECT = compile_sql(
    TailRow.select(TailRow.id, TailRow.checksum, TailRow.data)
    .where((TailRow.run == 0) & (TailRow.id <= 0))
    .order_by(TailRow.id)
)
_SIZES = compile_sql(
    TailRow.select(TailRow.id, TailRow.count).where(TailRow.run == 0).order_by(TailRow.id)
)
_COUNT = compile_sql(TailRow.select(fn.COUNT(TailRow.id)).where(TailRow.id.in_(VALUES)))
_COUNT_UP_TO = compile_sql(
    TailRow.select(fn.COUNT(TailRow.id)).where((TailRow.run == 0) & (TailRow.id <= 0))
)
_DELETE = compile_sql(TailRow.delete().where(TailRow.id.in_(VALUES)))


class Rest(NamedTuple):
    """Points by series: the series, how many points each has, and the points."""

    series: list[int]
    counts: list[int]
    points: Columns


@dataclass(frozen=True, slots=True)
class Tail:
    """The points of a tail as they were read.

    Attributes:
        ids: the rows that were read, in their order.
        size: how many points they have.
    """

    run: int
    ids: tuple[int, ...]
    size: int
    _series: Integers  # distinct, in order
    _ends: Integers  # where the points of each series end
    _points: Columns  # by series, those of a series as they came

    def of_series(self, series: int) -> Columns:
        """Return the points of one series in their order."""
        at = int(np.searchsorted(self._series, series))
        if at == len(self._series) or self._series[at] != series:
            return NO_POINTS
        start = int(self._ends[at - 1]) if at else 0
        return sort_unique(self._points.part(start, int(self._ends[at])))

    def by_series(self) -> Iterator[tuple[int, Columns]]:
        """Yield each series and its points in their order."""
        for series in self._series.tolist():
            yield series, self.of_series(series)

    def split(self, min_points: int) -> tuple[list[tuple[int, Columns]], Rest]:
        """Return the points of series that have so many, in order, and those of the others."""
        counts = np.diff(self._ends, prepend=0)
        is_long = counts >= min_points
        long = [(series, self.of_series(series)) for series in self._series[is_long].tolist()]
        points = self._points.take(np.repeat(~is_long, counts)) if long else self._points
        return long, Rest(self._series[~is_long].tolist(), counts[~is_long].tolist(), points)

    def series_count(self) -> int:
        """Return how many series have points in it."""
        return len(self._series)

    def is_current(self) -> bool:
        """Return whether all rows that were read are still there; there may be newer ones."""
        if not self.ids:
            return True
        row = first_row(_COUNT_UP_TO, self.run, self.ids[-1])
        return row is not None and row[0] == len(self.ids)


Row = tuple[int, int, bool, int, bytes]


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
    data = b"".join((head, *columns))
    return run, sum(counts), is_rest, zlib.crc32(data), data


def insert_rows(rows: Iterable[Row]) -> None:
    """Insert rows made by `make_row`."""
    run_for_each(_INSERT, rows)


def delete_rows(ids: Sequence[int]) -> int:
    """Delete rows; return how many of them were there."""
    return int(database.execute_sql(_DELETE, (json_array(ids),)).rowcount)


def has_rows(ids: Sequence[int]) -> bool:
    """Return whether all these rows are there."""
    row = first_row(_COUNT, json_array(ids))
    return row is not None and row[0] == len(ids)


def oldest_rows(run: int, max_points: int) -> tuple[int, bool]:
    """Return the last of the oldest rows that have up to so many points, and whether it is all."""
    last = size = 0
    for row, count in database.execute_sql(_SIZES, (run,)):
        size += count
        if last and size > max_points:
            return last, False
        last = row
    return last, True


def read_tail(run: int, last_row: int = INT64_MAX) -> Tail:
    """Return the tail of a run, or its rows up to one of them.

    Raises:
        DataLoss: a row is damaged.
    """
    rows = database.execute_sql(_SELECT, (run, last_row)).fetchall()
    for row, checksum, data in rows:
        if zlib.crc32(data) != checksum:
            raise damaged_error(_first_series(data), f"row {row} of its tail has another checksum")
    series, columns = decode_rows([data for _, _, data in rows])
    order = np.argsort(series, kind="stable")
    distinct, counts = np.unique(series[order], return_counts=True)
    ids = tuple(row[0] for row in rows)
    return Tail(run, ids, len(series), distinct, np.cumsum(counts), columns.take(order))


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


def _first_series(data: bytes) -> int:
    return int.from_bytes(data[8:16], "little")
