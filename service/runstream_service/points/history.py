"""Reading the points of one series in their order, on the threads of the readers.

What is to be read is planned in one snapshot: the chunks of the series, and what the tail of its
run has of it. The chunks are then decoded part by part, each part maybe in a snapshot of its own. A
chunk never changes; if one is gone, because points of the tail were merged with it, the rest is
planned anew. So no point is missed and none comes twice, whatever is sealed meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from runstream.rules import INT64_MAX, INT64_MIN
from runstream_service.access.caller import Caller
from runstream_service.catalog import runs
from runstream_service.engine.statements import Statement
from runstream_service.engine.tables import Series
from runstream_service.points import chunks
from runstream_service.points.chunk_summary import Summaries, ends
from runstream_service.points.columns import (
    NO_POINTS,
    Columns,
    Position,
    after,
    between_steps,
    join,
    merge,
    split,
)
from runstream_service.points.tail import Tail, read_tail

#: Points of one part of a history at most.
PART_POINTS = 32_768

# Chunks that are planned at a time.
_PLAN_CHUNKS = 1_024

_RUN = Statement(Series.select(Series.run).where(Series.id == 0))


class Steps(NamedTuple):
    """A range of steps, both ends included."""

    first: int = INT64_MIN
    last: int = INT64_MAX


_ALL_STEPS = Steps()


class Tails:
    """The tail of the run that is read, kept while it is the same."""

    def __init__(self) -> None:
        """Keep none."""
        self._tail: Tail | None = None

    def of_series(self, run: int, series: int) -> Columns:
        """Return the points of a series that the tail of its run has in this snapshot."""
        if self._tail is None or self._tail.run != run or not self._tail.is_current():
            self._tail = read_tail(run)
        return self._tail.of_series(series)


def series_of_run(caller: Caller, run_id: str, keys: Sequence[str] = ()) -> list[Series]:
    """Return the series of a run by key: those of `keys`, or all if it is empty.

    Raises:
        NotFound: there is no such run that the caller sees.
    """
    run = runs.get_row(caller, run_id)
    query = Series.select().where(Series.run == run.id).order_by(Series.key)
    return list(query.where(Series.key.in_(list(keys))) if keys else query)


def run_of(series: int) -> int:
    """Return the run of a series."""
    row = _RUN.first(series)
    return row[0] if row else 0


def read_points(
    series: int, limit: int, after: Position | None = None
) -> tuple[Columns, Position | None]:
    """Return up to `limit` points in their order, and where to go on if there may be more."""
    parts, size = [], 0
    if after is not None:
        after = Position(after.step, after.timestamp, float(after.value))
    for part in iterate(run_of(series), series, Tails(), _ALL_STEPS, after, limit):
        parts.append(part)
        size += part.size
        if size >= limit:
            break
    columns = join(parts).part(0, limit)
    return columns, columns.position(-1) if columns.size == limit else None


def iterate(
    run: int,
    series: int,
    tails: Tails,
    steps: Steps = _ALL_STEPS,
    position: Position | None = None,
    part_points: int = PART_POINTS,
) -> Iterator[Columns]:
    """Yield the points of a series in parts, in their order; none is empty.

    Args:
        run: the run of the series.
        series: the series.
        tails: what is kept between series of one run.
        steps: leaves out the points of other steps.
        position: leaves out the points up to this one.
        part_points: the size of parts, as far as chunks allow it.

    Raises:
        DataLoss: a chunk, or a row of the tail, is damaged.
    """
    start = position or Position(steps.first, -1, float("-inf"))
    while True:
        plan = chunks.read_summaries(run, series, start, steps.last, _PLAN_CHUNKS)
        tail = trim(tails.of_series(run, series), steps, start)
        for group in _groups(plan, part_points):
            points = chunks.read(run, series, group)
            if points is None:  # it was replaced: what is left is planned anew
                break
            end = ends(group[-1])[1]
            between, tail = split(tail, end)
            points = trim(points, steps, start)
            if between.size:
                points = merge([points, between])
            start = max(start, end, key=chunks.order_key)
            yield from cut(points, part_points)
        else:
            if len(plan) < _PLAN_CHUNKS:
                yield from cut(tail, part_points)
                return


def trim(columns: Columns, steps: Steps, start: Position) -> Columns:
    """Return the sorted points of a range of steps that come after a position."""
    if not columns.size:
        return NO_POINTS
    return after(between_steps(columns, *steps), start)


def cut(columns: Columns, size: int) -> Iterator[Columns]:
    """Yield points in parts of up to so many."""
    for first in range(0, columns.size, size):
        yield columns.part(first, first + size)


def _groups(summaries: Summaries, size: int) -> Iterator[Summaries]:
    """Yield consecutive chunks that have up to `size` points together; one has at least one."""
    counts = np.cumsum(summaries["count"])
    first = done = 0
    while first < len(summaries):
        end = max(first + 1, int(np.searchsorted(counts, done + size, "right")))
        yield summaries[first:end]
        first, done = end, int(counts[end - 1])
