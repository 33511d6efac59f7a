"""The summaries of series, which the writer keeps in memory while their runs are being logged."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from peewee import EXCLUDED, SQL, Case, Tuple, fn

from runstream_service.engine.statements import (
    ANY_TEXTS,
    MultiRowInsert,
    Statement,
    array_of,
    greatest,
    least,
)
from runstream_service.engine.tables import NAN, Series
from runstream_service.points.columns import Columns

#: Bytes of the summaries that are kept in memory.
SUMMARIES_BYTES = 64 * 1024 * 1024

# Bytes that a summary takes besides its key: its numbers and its place in the dictionary.
_SUMMARY_BYTES = 480

#: The columns of the summary of a series.
FIELDS: list[Any] = [
    Series.count,
    Series.last_step,
    Series.last_timestamp,
    Series.last_value,
    Series.min_value,
    Series.max_value,
]
_SELECT = Statement(
    Series.select(Series.key, Series.id, *FIELDS).where(
        (Series.run == 0) & Series.key.in_(ANY_TEXTS)
    )
)


_NAN = SQL(f"'{NAN}'")  # written out, for the placeholders of a statement are those of its row


def _rank(last: Any) -> Any:
    """Return in SQL what `rank` returns."""
    is_nan = last.last_value == _NAN
    number = Case(None, [(is_nan, SQL("0"))], last.last_value)
    return Tuple(last.last_step, last.last_timestamp, number, is_nan)


def _merge(insert: Any) -> Any:
    """Merge a summary with that of the points that are stored, whoever stored them."""
    is_later = _rank(EXCLUDED) > _rank(Series)
    update: dict[Any, Any] = {Series.count: Series.count + EXCLUDED.count}
    for column in (Series.last_step, Series.last_timestamp, Series.last_value):
        new = getattr(EXCLUDED, column.column_name)
        update[column] = Case(None, [(is_later, new)], column)
    for column, choose in ((Series.min_value, least), (Series.max_value, greatest)):
        new = getattr(EXCLUDED, column.column_name)
        update[column] = choose(fn.COALESCE(column, new), fn.COALESCE(new, column))
    return insert.on_conflict(conflict_target=[Series.run, Series.key], update=update)


_COLUMNS: list[Any] = [Series.run, Series.key, *FIELDS]
_UPSERT = MultiRowInsert(_COLUMNS, _merge)
_CREATE = Statement(
    _merge(Series.insert_many([(0,) * len(_COLUMNS)], _COLUMNS)).returning(Series.id)
)

Rank = tuple[int, int, float, bool]


def rank(step: int, timestamp: int, value: float) -> Rank:
    """Return the key by which points are compared to find the latest: NaN counts as 0 (M5).

    If a NaN and a 0 are otherwise equal, the NaN is the latest, whichever came first.
    """
    nan = value != value
    return step, timestamp, 0.0 if nan else value, nan


class Addendum(NamedTuple):
    """What new points add to a summary, if they are numbers and later than all others."""

    points: int
    last: Rank
    min_value: float
    max_value: float


@dataclass(slots=True)
class Summary:
    """Count, latest point, minimum and maximum of a series; the latter two leave NaN out.

    Attributes:
        id: 0 while the series is not in the database.
        unsaved: points that `count` in the database does not have yet.
    """

    id: int
    run: int
    key: str
    last: Rank | None = None
    min_value: float | None = None
    max_value: float | None = None
    unsaved: int = 0

    def precedes(self, step: int, timestamp: int) -> bool:
        """Return whether all points of the series are earlier than this one."""
        return self.last is None or (step, timestamp) > self.last[:2]

    def add(self, addendum: Addendum) -> None:
        """Do what `merge` does, faster."""
        points, self.last, min_value, max_value = addendum
        self.unsaved += points
        if self.min_value is None or min_value < self.min_value:
            self.min_value = min_value
        if self.max_value is None or max_value > self.max_value:
            self.max_value = max_value

    def merge(self, columns: Columns) -> None:
        """Count new points, which are sorted, and update latest point, minimum and maximum."""
        self.unsaved += columns.size
        latest = _latest(columns)
        if self.last is None or latest > self.last:
            self.last = latest
        value = columns.value
        min_value, max_value = float(value.min()), float(value.max())
        if min_value != min_value:
            numbers = value[value == value]
            if not len(numbers):
                return
            min_value, max_value = float(numbers.min()), float(numbers.max())
        self.min_value = min_value if self.min_value is None else min(self.min_value, min_value)
        self.max_value = max_value if self.max_value is None else max(self.max_value, max_value)


def create_series(summaries: Sequence[Summary]) -> None:
    """Insert series into the database, which gives them their ids."""
    ids = _CREATE.insert_each([_row(summary, summary.unsaved) for summary in summaries])
    for summary, series in zip(summaries, ids, strict=True):
        summary.id, summary.unsaved = series, 0


def save(summaries: Iterable[Summary]) -> None:
    """Merge what changed into the summaries in the database."""
    values: list[Any] = []
    for summary in summaries:
        values += _row(summary, summary.unsaved)
        summary.unsaved = 0
    _UPSERT.run(values)


@dataclass(slots=True)
class _RunSummaries:
    """The summaries of one run by key, as far as they were asked for, and the bytes they take.

    Attributes:
        is_complete: whether the run has no other series.
    """

    by_key: dict[str, Summary] = field(default_factory=dict)
    size: int = 0
    is_complete: bool = False


class SummaryCache:
    """A cache of the summaries of series, on the writer's thread alone.

    A summary is read when a batch needs it, so a run with very many series takes memory only for
    those it logs to.
    """

    def __init__(self) -> None:
        """Create an empty cache."""
        self._runs: OrderedDict[int, _RunSummaries] = OrderedDict()
        self._size = 0

    @property
    def exceeds_limit(self) -> bool:
        """Whether the summaries take more memory than `SUMMARIES_BYTES`, until `trim` is called."""
        return self._size > SUMMARIES_BYTES

    def of_run(self, run: int) -> dict[str, Summary]:
        """Return the cached summaries of a run by key; the run is the last to be dropped now."""
        found = self._runs.setdefault(run, _RunSummaries())
        self._runs.move_to_end(run)
        return found.by_key

    def add_new(self, run: int) -> None:
        """Take a run that was just created, of whose series none has to be looked up."""
        self.forget(run)
        self._runs[run] = _RunSummaries(size=_SUMMARY_BYTES, is_complete=True)
        self._size += _SUMMARY_BYTES

    def load(self, run: int, keys: Iterable[str]) -> None:
        """Read the summaries of some keys that are not cached, maybe of series not there yet.

        They are in the dictionary that `of_run` gave for this run from now on.
        """
        summaries = self._runs[run]
        missing = [key for key in keys if key not in summaries.by_key]
        if not missing:
            return
        rows = () if summaries.is_complete else _SELECT.rows(run, array_of(missing))
        stored = {row[0]: row[1:] for row in rows}
        size = 0
        for key in missing:
            summaries.by_key[key] = _summary(run, key, stored.get(key))
            size += _SUMMARY_BYTES + sys.getsizeof(key)
        summaries.size += size
        self._size += size

    def forget(self, run: int) -> None:
        """Drop the summaries of a run, because another server changed them, if they are there."""
        dropped = self._runs.pop(run, None)
        if dropped is not None:
            self._size -= dropped.size

    def trim(self) -> None:
        """Drop the least recently used runs, until the limit is kept.

        All that changed must have been written.
        """
        while self.exceeds_limit:
            _, dropped = self._runs.popitem(last=False)
            self._size -= dropped.size


def _summary(run: int, key: str, stored: tuple[Any, ...] | None) -> Summary:
    if stored is None:
        return Summary(0, run, key)
    series, _, step, timestamp, value, min_value, max_value = stored
    last = rank(step, timestamp, float(value))  # NaN is stored as a text
    return Summary(series, run, key, last, min_value, max_value)


def _latest(columns: Columns) -> Rank:
    """Return the latest of points that are sorted (M5)."""
    step, timestamp, value = columns.position(-1)
    start = int(np.searchsorted(columns.step, step))
    start += int(np.searchsorted(columns.timestamp[start:], timestamp))
    if start == columns.size - 1:
        return rank(step, timestamp, value)
    return max(rank(step, timestamp, value) for value in columns.value[start:].tolist())


def _row(summary: Summary, count: int) -> tuple[Any, ...]:
    if summary.last is None:
        raise LookupError(f"series {summary.key} has no point to summarise")
    step, timestamp, value, nan = summary.last
    last_value = NAN if nan else value
    extremes = (summary.min_value, summary.max_value)
    return summary.run, summary.key, count, step, timestamp, last_value, *extremes
