"""Removing the points of runs for good, in pieces of a bounded size."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from runstream_service.engine.statements import Statement
from runstream_service.engine.tables import Chunk, Series, TailRow
from runstream_service.points import chunks, tail
from runstream_service.points.codec import FULL_POINTS

#: Points that are removed at once, if a row of a tail has not more: 6 MiB at the most.
POINTS_AT_ONCE = 262_144

# Rows of a tail, and series, that are looked at for that, and chunks that have as many points.
_ROWS = _SERIES_AT_ONCE = 256
_CHUNKS = POINTS_AT_ONCE // (2 * FULL_POINTS)

_TAIL = Statement(
    TailRow.select(TailRow.id, TailRow.count).where(TailRow.run == 0).order_by(TailRow.id).limit(0)
)
_SERIES = Statement(Series.select(Series.id).where(Series.run == 0).limit(0))
_DELETE_SERIES = Statement(Series.delete().where(Series.id == 0))
_IN_CHUNKS = Statement(
    Chunk.select(Chunk.count).join(Series).where((Series.run == 0) & (Chunk.run_id == 0))
)


def count_points(run: int) -> int:
    """Return how many points of a run are stored, also of one that is half removed."""
    in_chunks: int = sum(count for (count,) in _IN_CHUNKS.rows(run, run))
    return tail.count_points(run) + in_chunks


def remove_points(run: int) -> Iterator[int]:
    """Remove the points of a run, and its series, piece by piece; yield the points of each.

    Args:
        run: the run, to which nobody can log any more.
    """
    while rows := _TAIL.rows(run, _ROWS):
        points = list(itertools.accumulate(count for _, count in rows))
        fitting = max(1, sum(size <= POINTS_AT_ONCE for size in points))
        tail.delete_rows(run, [row for row, _ in rows[:fitting]])
        yield points[fitting - 1]
    while found := _SERIES.rows(run, _SERIES_AT_ONCE):
        for (series,) in found:
            while counts := chunks.delete_first(run, series, _CHUNKS):
                yield sum(counts)
            _DELETE_SERIES.run(series)
            yield 0
