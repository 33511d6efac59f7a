"""The summaries of series, which the writer keeps in memory while their runs are being logged."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from peewee import fn

from runstream_service.engine.statements import compile_sql, first_row
from runstream_service.engine.tables import Series

#: Bytes of the summaries that are kept in memory.
SUMMARIES_BYTES = 64 * 1024 * 1024

# Bytes that a summary takes besides its key: its numbers and its place in the dictionary.
_SUMMARY_BYTES = 480

_SELECT = compile_sql(
    Series.select(
        Series.id,
        Series.count,
        Series.last_step,
        Series.last_timestamp,
        Series.last_value,
        Series.min_value,
        Series.max_value,
    ).where((Series.run == 0) & (Series.key == ""))
)

Rank = tuple[int, int, float, bool]


def rank(step: int, timestamp: int, value: float) -> Rank:
    """Return the key by which points are compared to find the latest: NaN counts as 0 (M5).

    If a NaN and a 0 are otherwise equal, the NaN is the latest, whichever came first.
    """
    nan = value != value
    return step, timestamp, 0.0 if nan else value, nan


@dataclass(slots=True)
class Summary:
    """Count, latest point, minimum and maximum of a series; the latter two leave NaN out."""

    id: int
    run: int
    key: str
    count: int = 0
    last: Rank | None = None
    min_value: float | None = None
    max_value: float | None = None

    def precedes(self, steps: Sequence[int], timestamps: Sequence[int]) -> bool:
        """Return whether every one of these points is later than all that the series holds."""
        if self.last is None:
            return True
        first = min(steps)
        if first != self.last[0]:
            return first > self.last[0]
        return min(zip(steps, timestamps, strict=True)) > self.last[:2]

    def append_if_later(self, step: int, timestamp: int, value: float) -> bool:
        """Append one point if it is a number and later than all others; else return False."""
        last = self.last
        if value != value or (last is not None and (step, timestamp) <= last[:2]):
            return False
        self.count += 1
        self.last = (step, timestamp, value, False)
        if self.min_value is None or value < self.min_value:
            self.min_value = value
        if self.max_value is None or value > self.max_value:
            self.max_value = value
        return True

    def merge(
        self, steps: Sequence[int], timestamps: Sequence[int], values: Sequence[float]
    ) -> None:
        """Update latest point, minimum and maximum; merging a point twice changes nothing."""
        step = max(steps)
        if steps.count(step) == 1:
            at = steps.index(step)
            latest = rank(step, timestamps[at], values[at])
        else:
            latest = max(
                rank(s, t, v)
                for s, t, v in zip(steps, timestamps, values, strict=True)
                if s == step
            )
        if self.last is None or latest > self.last:
            self.last = latest
        numbers = values if _has_no_nan(values) else [v for v in values if v == v]
        if numbers:
            min_value, max_value = min(numbers), max(numbers)
            self.min_value = min_value if self.min_value is None else min(self.min_value, min_value)
            self.max_value = max_value if self.max_value is None else max(self.max_value, max_value)


@dataclass(slots=True)
class _RunSummaries:
    """The summaries of one run by key, as far as they were asked for, and the bytes they take."""

    by_key: dict[str, Summary] = field(default_factory=dict)
    size: int = 0


class Summaries:
    """A cache of the summaries of series, on the writer's thread alone.

    One thread does all writing, so the cache never differs from the database. A summary is read
    when a batch needs it, so a run with very many series takes memory only for those it logs to.
    """

    def __init__(self) -> None:
        """Create an empty cache."""
        self._runs: OrderedDict[int, _RunSummaries] = OrderedDict()
        self._size = 0
        self._last_series: int | None = None

    @property
    def exceed_limit(self) -> bool:
        """Whether the summaries take more memory than `SUMMARIES_BYTES`, until `trim` is called."""
        return self._size > SUMMARIES_BYTES

    def of_run(self, run: int) -> dict[str, Summary]:
        """Return the cached summaries of a run by key; the run is the last to be dropped now."""
        found = self._runs.setdefault(run, _RunSummaries())
        self._runs.move_to_end(run)
        return found.by_key

    def load(self, run: int, key: str) -> Summary:
        """Read a summary that is not cached, or create that of a new series.

        It is in the dictionary that `of_run` gave for this run from now on.
        """
        row = first_row(_SELECT, run, key)
        if row is None:
            summary = Summary(self._new_id(), run, key)
        else:
            series, count, step, timestamp, value, min_value, max_value = row
            last = rank(step, timestamp, float(value))  # NaN is stored as a text
            summary = Summary(series, run, key, count, last, min_value, max_value)
        summaries = self._runs[run]
        summaries.by_key[key] = summary
        size = _SUMMARY_BYTES + sys.getsizeof(key)
        summaries.size += size
        self._size += size
        return summary

    def trim(self) -> None:
        """Drop the least recently used runs, until the limit is kept.

        All that changed must have been written.
        """
        while self.exceed_limit:
            _, dropped = self._runs.popitem(last=False)
            self._size -= dropped.size

    def _new_id(self) -> int:
        if self._last_series is None:
            self._last_series = Series.select(fn.MAX(Series.id)).scalar() or 0
        self._last_series += 1
        return self._last_series


def _has_no_nan(values: Sequence[float]) -> bool:
    # The sum of any NaN is NaN. So is that of both infinities, for which the slow way is right too.
    total = sum(values)
    return total == total
