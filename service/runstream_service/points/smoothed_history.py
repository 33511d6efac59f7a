"""Histories with a smoothed value beside each value, on the threads of the readers.

All points from the first one of the history on are smoothed, and then those are chosen that are
asked for: by a range, and by thinning, which keeps the extremes of both lines. What is no finite
number counts for nothing, and has NaN beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from runstream.rules import INT64_MAX, INT64_MIN
from runstream_service.engine import reading
from runstream_service.points.columns import NO_POINTS, Columns, Doubles, Integers, join
from runstream_service.points.history import PART_POINTS, Steps, Tails, iterate
from runstream_service.points.smoothing import Smoother, Smoothing, make_smoother
from runstream_service.points.thinning import Buckets, choose, find_borders, plan_buckets

#: Points of one bucket at most: those of the values, and the extremes of the smoothed line.
POINTS_OF_BUCKET = 7

# Points that are smoothed at a time: as many as the cache of a core holds, and not fewer, because a
# centred smoother looks again at those around them (docs/decisions/0063).
_SMOOTHED_POINTS = 131_072


class SmoothedColumns(NamedTuple):
    """Points in columns, with the smoothed value of each.

    Attributes:
        points: the points.
        smoothed: their smoothed values, NaN where a value is no finite number.
        weight: how much the smoothed value of the last one weighs, in points; else 0.
    """

    points: Columns
    smoothed: Doubles
    weight: float = 0.0

    def part(self, first: int, end: int) -> SmoothedColumns:
        """Return the points at `first` to `end`, that one left out, without a copy."""
        return self._replace(points=self.points.part(first, end), smoothed=self.smoothed[first:end])

    def take(self, chosen: Integers) -> SmoothedColumns:
        """Return the points at these indices."""
        return self._replace(points=self.points.take(chosen), smoothed=self.smoothed[chosen])


def read_smoothed(
    run: int, series: int, tails: Tails, steps: Steps, max_points: int, smoothing: Smoothing
) -> Iterator[SmoothedColumns]:
    """Yield the points of a range in parts of up to `PART_POINTS`, thinned if there are many.

    Args:
        run: the run of the series.
        series: the series.
        tails: what is kept between series of one run.
        steps: leaves out the points of other steps, which have their say in smoothing.
        max_points: the most points, 10 or more; all, if 0.
        smoothing: how they are smoothed.

    Raises:
        DataLoss: a chunk, or a row of the tail, is damaged.
    """
    buckets = None
    left = max_points or INT64_MAX  # it may grow while it is read
    if max_points:
        planned = plan_buckets(run, series, tails, steps, max_points, POINTS_OF_BUCKET)
        steps, buckets = planned or (steps, None)
    smoother = make_smoother(smoothing)
    read = Steps(INT64_MIN, INT64_MAX if smoother.looks_ahead else steps.last)
    parts = _within(
        _smooth(iterate(run, series, tails, read, part_points=_SMOOTHED_POINTS), smoother), steps
    )
    for part in parts if buckets is None else _thin(parts, buckets):
        for first in range(0, min(part.points.size, left), PART_POINTS):
            yield part.part(first, min(first + PART_POINTS, left))
        left -= part.points.size
        if left <= 0:
            return


def _smooth(parts: Iterable[Columns], smoother: Smoother) -> Iterator[SmoothedColumns]:
    """Yield points with their smoothed values, as soon as these are known."""
    waiting = NO_POINTS
    for part in parts:
        reading.check()
        is_finite = np.isfinite(part.value)
        smoothed = smoother.push(part.step[is_finite], part.value[is_finite])
        waiting = join([waiting, part]) if waiting.size else part
        places = np.flatnonzero(np.isfinite(waiting.value))
        known = waiting.size if len(places) == len(smoothed) else int(places[len(smoothed)])
        yield _beside(waiting.part(0, known), smoothed, smoother.weight)
        waiting = waiting.part(known, waiting.size)
    yield _beside(waiting, smoother.finish(), smoother.weight)


def _beside(points: Columns, smoothed: Doubles, weight: float) -> SmoothedColumns:
    column = np.full(points.size, np.nan)
    column[np.isfinite(points.value)] = smoothed
    return SmoothedColumns(points, column, weight)


def _within(parts: Iterable[SmoothedColumns], steps: Steps) -> Iterator[SmoothedColumns]:
    """Yield the points of a range of steps, and end after it."""
    for part in parts:
        if not part.points.size:
            continue
        step = part.points.step
        first = int(np.searchsorted(step, steps.first, "left"))
        end = int(np.searchsorted(step, steps.last, "right"))
        if end > first:
            yield part.part(first, end)
        if end < len(step):
            return


def _thin(parts: Iterable[SmoothedColumns], buckets: Buckets) -> Iterator[SmoothedColumns]:
    """Yield those points that stay of their buckets, in few parts."""
    gathered: list[SmoothedColumns] = []
    for part in parts:
        if not gathered:
            gathered.append(_reduce(part, buckets))
            continue
        before = gathered.pop()  # its last bucket may go on
        number = buckets.number(part.points.part(0, 1))[0]
        start = int(buckets.number(before.points).searchsorted(number))
        gathered.append(before.part(0, start))
        gathered.append(_reduce(_join([before.part(start, before.points.size), part]), buckets))
    if gathered:
        yield _join(gathered)


def _reduce(part: SmoothedColumns, buckets: Buckets) -> SmoothedColumns:
    borders = find_borders(part.points, buckets)
    chosen = [choose(part.points.value, borders)]
    is_nan = np.isnan(part.smoothed)
    for nothing, sign in ((np.inf, 1.0), (-np.inf, -1.0)):
        line = sign * np.where(is_nan, nothing, part.smoothed)
        pairs = zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True)
        chosen.append(np.array([first + line[first:end].argmin() for first, end in pairs]))
    return part.take(np.unique(np.concatenate(chosen)))


def _join(parts: list[SmoothedColumns]) -> SmoothedColumns:
    return SmoothedColumns(
        join([part.points for part in parts]),
        np.concatenate([part.smoothed for part in parts]),
        parts[-1].weight,
    )
