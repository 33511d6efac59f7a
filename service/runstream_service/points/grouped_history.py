"""Histories of groups of runs on aligned steps, on the threads of the readers.

The steps of a group are cut into equal parts, and each run has one value in each
(docs/decisions/0063-computed-histories.md). What is to be read is found first, and then read by as
many threads as the caller has; a turn of a thread takes a few hundredths of a second.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from runstream.errors import DataLoss
from runstream_service.access.caller import Caller
from runstream_service.access.recheck import Recheck
from runstream_service.catalog import runs
from runstream_service.points.columns import Doubles, Integers
from runstream_service.points.history import Steps, Tails
from runstream_service.points.part_sums import Parts, SumCache
from runstream_service.points.run_buckets import BucketSource
from runstream_service.points.run_histories import series_of_runs

# Seconds for which one turn of a thread reads.
_TURN_SECONDS = 0.05


class Centre(IntEnum):
    """What stands for several values; the numbers are those of the contract."""

    MEAN = 1
    MEDIAN = 2


class Band(IntEnum):
    """How far several values are apart; the numbers are those of the contract."""

    NONE = 0
    DEVIATION = 1
    EXTREMES = 2


class Curve(NamedTuple):
    """A metric of a group, as columns of one length.

    `sizes` has how many runs have a value, and `runs` is how many have points at all. `low` and
    `high` are empty without a band.
    """

    group: str
    key: str
    step: list[int]
    sizes: Integers
    centre: Doubles
    low: Doubles
    high: Doubles
    runs: int


class Damage(NamedTuple):
    """A metric of a run that cannot be read, and why."""

    run_id: str
    key: str
    message: str


class _Member(NamedTuple):
    run_id: str
    source: BucketSource


class _Sought(NamedTuple):
    group: int
    run_id: str
    run: int
    series: int
    key: str


class GroupedHistories:
    """One reading of groups.

    Attributes:
        damaged: the histories that are damaged, which are left out.
    """

    def __init__(
        self,
        caller: Caller,
        groups: Sequence[tuple[str, Sequence[str]]],
        keys: Sequence[str],
        steps: Steps,
        max_points: int,
        known: SumCache,
    ) -> None:
        """Read nothing yet.

        Args:
            caller: who reads.
            groups: the name and the runs of each.
            keys: the metrics.
            steps: leaves out the points of other steps.
            max_points: the most points of a curve.
            known: the sums of chunks that were read before.
        """
        self._caller, self._recheck = caller, Recheck(caller)
        self._groups, self._keys = groups, keys
        self._steps, self._max_points, self._known = steps, max_points, known
        self._tails = Tails()
        self._unfound: deque[_Sought] | None = None  # before the first turn
        self._unread: deque[tuple[tuple[str, int], _Member]] = deque()
        self._parts: dict[tuple[str, int], Parts] = {}
        self._values: dict[tuple[str, int], list[Doubles]] = {}
        self.damaged: list[Damage] = []

    def find(self) -> bool:
        """Find what some runs have, in one turn; return whether there are more.

        Raises:
            NotFound: there is no such run that the caller sees.
        """
        end = time.monotonic() + _TURN_SECONDS
        if self._unfound is None:
            self._unfound = deque(self._look_up())
        while self._unfound and time.monotonic() < end:
            number, run_id, run, series, key = self._unfound.popleft()
            try:
                source = BucketSource.find(run, series, self._tails, self._steps)
            except DataLoss as error:
                self.damaged.append(Damage(run_id, key, str(error)))
                continue
            self._unread.append(((key, number), _Member(run_id, source)))
        return bool(self._unfound)

    def _look_up(self) -> Iterator[_Sought]:
        """Yield the series of all runs, group after group, by two statements."""
        all_ids = [run_id for _, run_ids in self._groups for run_id in run_ids]
        internal = runs.internal_ids(self._caller, all_ids)
        series_of = series_of_runs(internal.values(), self._keys)
        for number, (_, run_ids) in enumerate(self._groups):
            for run_id in run_ids:
                run = internal[run_id]
                for series, key in series_of.get(run, ()):
                    yield _Sought(number, run_id, run, series, key)

    def align(self) -> None:
        """Cut the steps of each group into parts, once all is found."""
        spans: dict[tuple[str, int], list[int]] = {}
        for curve, (_, source) in self._unread:
            spans.setdefault(curve, []).extend(source.span() or ())
        for curve, ends in spans.items():
            if ends:
                self._parts[curve] = Parts.cut(min(ends), max(ends), self._max_points)

    def read(self) -> bool:
        """Read some runs, in one turn of one of several threads; return whether there are more.

        Raises:
            NotFound: the caller does not see a run any more.
        """
        end = time.monotonic() + _TURN_SECONDS
        while time.monotonic() < end:
            try:
                curve, (run_id, source) = self._unread.popleft()
            except IndexError:  # another thread may have taken the last one
                return False
            if self._recheck.is_due():
                runs.get_row(self._caller, run_id)
            if curve not in self._parts:
                continue
            try:
                means = source.means(self._parts[curve], self._known)
            except DataLoss as error:
                self.damaged.append(Damage(run_id, curve[0], str(error)))
                continue
            self._values.setdefault(curve, []).append(_interpolate(means))
        return True

    def curves(self, centre: Centre, band: Band) -> list[Curve]:
        """Return the curves, once all is read."""
        return [
            self._curve(key, number, centre, band)
            for key in self._keys
            for number in range(len(self._groups))
        ]

    def _curve(self, key: str, number: int, centre: Centre, band: Band) -> Curve:
        name, nothing = self._groups[number][0], np.empty(0)
        of_runs = self._values.get((key, number), [])
        if not of_runs:
            return Curve(name, key, [], np.empty(0, np.int64), nothing, nothing, nothing, 0)
        values = np.array(of_runs)
        count = np.count_nonzero(~np.isnan(values), axis=0)
        kept = np.flatnonzero(count)
        step = [self._parts[key, number].middle(i) for i in kept.tolist()]
        values, count = values[:, kept], count[kept]
        middle = _median(values, count) if centre is Centre.MEDIAN else _mean(values, count)
        low, high = _band(values, count, middle, band)
        return Curve(name, key, step, count, middle, low, high, len(of_runs))


def _interpolate(means: Doubles) -> Doubles:
    """Fill what is missing between two values."""
    known = np.flatnonzero(~np.isnan(means))
    if len(known) > 1:
        first, last = int(known[0]), int(known[-1])
        if last - first >= len(known):
            # Halves, because the difference of two values may be more than a double.
            halves = np.interp(np.arange(first, last + 1), known, means[known] / 2)
            means[first : last + 1] = halves * 2
    return means


def _mean(values: Doubles, count: Integers) -> Doubles:
    with np.errstate(over="ignore"):
        found: Doubles = np.nansum(values, axis=0) / count
    is_large = ~np.isfinite(found)
    found[is_large] = np.nansum(values[:, is_large] / count[is_large], axis=0)
    return found


def _median(values: Doubles, count: Integers) -> Doubles:
    ordered = np.sort(values, axis=0)  # NaN last
    column = np.arange(values.shape[1])
    found: Doubles = ordered[(count - 1) // 2, column] / 2 + ordered[count // 2, column] / 2
    return found


def _band(values: Doubles, count: Integers, middle: Doubles, band: Band) -> tuple[Doubles, Doubles]:
    if band is Band.NONE:
        return np.empty(0), np.empty(0)
    if band is Band.EXTREMES:
        return np.fmin.reduce(values, axis=0), np.fmax.reduce(values, axis=0)
    mean = _mean(values, count)
    with np.errstate(over="ignore"):
        away = np.where(np.isnan(values), 0.0, values - mean)
        most = np.abs(away).max(axis=0)
        scale = np.where(most > 0, most, 1.0)  # squares of the largest would be infinite
        squares = ((away / scale) ** 2).sum(axis=0)
        deviation = scale * np.sqrt(squares / np.maximum(count - 1, 1))
        limit = np.finfo(np.float64).max
        low, high = middle - deviation, middle + deviation
        return np.clip(low, -limit, limit), np.clip(high, -limit, limit)
