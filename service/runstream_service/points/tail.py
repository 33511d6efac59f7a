"""The tail of a run: points that are in no chunk yet, of all its series.

A row is what one transaction appended (`tail_row.py`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from peewee import fn

from runstream.rules import INT64_MAX
from runstream_service.engine.statements import ANY_IDS, Statement, array_of
from runstream_service.engine.tables import Run, Series, TailRow
from runstream_service.points import chunks
from runstream_service.points.columns import NO_POINTS, Columns, Integers, sort_unique
from runstream_service.points.tail_row import Damage, Row, decode_rows, is_damaged

log = logging.getLogger(__name__)

_INSERT = Statement(
    TailRow.insert_many(
        [(0, 0, False, 0, b"")],
        [TailRow.run, TailRow.count, TailRow.is_rest, TailRow.checksum, TailRow.data],
    )
)
_SELECT = Statement(
    TailRow.select(TailRow.id, TailRow.is_rest, TailRow.count, TailRow.checksum, TailRow.data)
    .where((TailRow.run == 0) & (TailRow.id <= 0))
    .order_by(TailRow.id)
)
_SIZES = Statement(
    TailRow.select(TailRow.id, TailRow.count).where(TailRow.run == 0).order_by(TailRow.id)
)
_FRESH = Statement(
    TailRow.select(fn.SUM(TailRow.count), fn.COUNT(TailRow.id)).where(
        (TailRow.run == 0) & ~TailRow.is_rest
    )
)
_OF_IDS = (TailRow.run == 0) & TailRow.id.in_(ANY_IDS)
_COUNT = Statement(TailRow.select(fn.COUNT(TailRow.id)).where(_OF_IDS))
_COUNT_UP_TO = Statement(
    TailRow.select(fn.COUNT(TailRow.id)).where((TailRow.run == 0) & (TailRow.id <= 0))
)
_DELETE = Statement(TailRow.delete().where(_OF_IDS))
_RUN_ID = Statement(Run.select(Run.uuid).where(Run.id == 0))
_POINTS = Statement(Series.select(Series.count).where(Series.id == 0))

_NONE = np.empty(0, np.int64)


class Rest(NamedTuple):
    """Points by series: the series, how many points each has, and the points."""

    series: list[int]
    counts: list[int]
    points: Columns


@dataclass(frozen=True, slots=True)
class Tail:
    """The points of a tail as they were read.

    Attributes:
        ids: the rows that are whole, in their order.
        last_row: the last row that was read, or 0.
        is_rest: whether the sealer left all of them.
        damage: what is damaged.
        size: how many points the whole rows have.
    """

    run: int
    ids: tuple[int, ...]
    last_row: int
    is_rest: bool
    damage: Damage
    size: int
    _series: Integers  # distinct, in order
    _ends: Integers  # where the points of each series end
    _points: Columns  # by series, those of a series as they came

    def of_series(self, series: int) -> Columns:
        """Return the points of one series in their order.

        Raises:
            DataLoss: some of them are damaged, or may be.
        """
        self.check(series)
        return self._of_series(series)

    def check(self, series: int) -> None:
        """Raise DataLoss if points of a series are damaged, or may be."""
        if series in self.damage.series:
            raise chunks.damaged_error(series, "a row of the tail of its run has another checksum")
        if self.damage.heads and not self._has_all(series):
            row = self.damage.heads[0]
            raise chunks.damaged_error(
                series, f"row {row} of the tail of its run, which may be of it"
            )

    def by_series(self) -> Iterator[tuple[int, Columns]]:
        """Yield each series of whole rows, and its points in these in their order."""
        for series in self._series.tolist():
            yield series, self._of_series(series)

    def _of_series(self, series: int) -> Columns:
        start, end = self._span(series)
        return sort_unique(self._points.part(start, end))

    def _span(self, series: int) -> tuple[int, int]:
        at = int(np.searchsorted(self._series, series))
        if at == len(self._series) or self._series[at] != series:
            return 0, 0
        return int(self._ends[at - 1]) if at else 0, int(self._ends[at])

    def _has_all(self, series: int) -> bool:
        """Return whether a series has as many points in chunks and whole rows as it shall have."""
        start, end = self._span(series)
        in_chunks = int(chunks.read_summaries(self.run, series)["count"].sum())
        return _POINTS.first(series) == (in_chunks + end - start,)

    def split(self, min_points: int) -> tuple[list[tuple[int, Columns]], Rest]:
        """Return the points of series that have so many, in order, and those of the others."""
        counts = np.diff(self._ends, prepend=0)
        is_long = counts >= min_points
        long = [(series, self._of_series(series)) for series in self._series[is_long].tolist()]
        points = self._points.take(np.repeat(~is_long, counts)) if long else self._points
        return long, Rest(self._series[~is_long].tolist(), counts[~is_long].tolist(), points)

    def series_count(self) -> int:
        """Return how many series have points in it."""
        return len(self._series)

    def is_current(self) -> bool:
        """Return whether all rows that were read are still there; there may be newer ones."""
        if not self.last_row:
            return True
        row = _COUNT_UP_TO.first(self.run, self.last_row)
        return row is not None and row[0] == len(self.ids) + self.damage.rows


def insert_rows(rows: Iterable[Row]) -> None:
    """Insert rows made by `make_row`."""
    _INSERT.run_for_each(rows)


def delete_rows(run: int, ids: Sequence[int]) -> int:
    """Delete rows of a run; return how many of them were there."""
    return _DELETE.run(run, array_of(ids))


def has_rows(run: int, ids: Sequence[int]) -> bool:
    """Return whether all these rows of a run are there."""
    row = _COUNT.first(run, array_of(ids))
    return row is not None and row[0] == len(ids)


def oldest_rows(run: int, max_points: int) -> int:
    """Return the last of the oldest rows that have up to so many points, but one at least."""
    last = size = 0
    for row, count in _SIZES.rows(run):
        if last and size + count > max_points:
            break
        last, size = row, size + count
    return last


def count_fresh(run: int) -> tuple[int, int]:
    """Return how many points came to a tail since it was sealed, and how many rows they are."""
    points, rows = _FRESH.first(run) or (0, 0)
    return int(points or 0), rows


def count_points(run: int) -> int:
    """Return how many points the rows of a tail say that they have."""
    return sum(count for _, count in _SIZES.rows(run))


def read_tail(run: int, last_row: int = INT64_MAX) -> Tail:
    """Return the tail of a run, or its rows up to one of them; what is damaged is left out."""
    rows = _SELECT.rows(run, last_row)
    damage = Damage()
    if not rows:
        return Tail(run, (), 0, True, damage, 0, _NONE, _NONE, NO_POINTS)
    whole = [row for row in rows if not is_damaged(run, row, damage)]
    series, columns = decode_rows([row[-1] for row in whole])
    order = np.argsort(series, kind="stable")
    distinct, counts = np.unique(series[order], return_counts=True)
    return Tail(
        run,
        tuple(row[0] for row in whole),
        rows[-1][0] if rows else 0,
        all(row[1] for row in whole),
        damage,
        len(series),
        distinct,
        np.cumsum(counts),
        columns.take(order),
    )


def run_id(run: int) -> str:
    """Return the id of a run; empty if it is not there any more."""
    (found,) = _RUN_ID.first(run) or ("",)
    return str(found)


def report(tail: Tail) -> None:
    """Log what is damaged of a tail, with run and metrics."""
    for row in tail.damage.heads:
        log.error(
            "row %d of the tail of run %s is damaged; it is not sealed", row, run_id(tail.run)
        )
    for series in sorted(tail.damage.series):
        chunks.damaged_error(series, "a row of the tail of its run has another checksum")
