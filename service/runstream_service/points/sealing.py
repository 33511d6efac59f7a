"""Sealing: points of a tail become chunks.

`plan` reads and compresses, in a snapshot of its own, without holding up the writer. `apply` then
replaces rows of the tail, and chunks that the new ones take up, in one transaction of the writer;
if any of them is not there any more, or another chunk came between, it does nothing. So whenever a
server is killed, each point is stored once, and a reader sees it once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from runstream_service.points import chunks, tail
from runstream_service.points.chunk_summary import Summaries, ends, points_of
from runstream_service.points.codec import FULL_POINTS, EncodedChunk, encode_chunks
from runstream_service.points.columns import Columns, Position, join, merge

#: Points that one step of the sealer takes at the most, if a row has not more.
STEP_POINTS = 1_000_000

#: Points of a series that are worth a chunk while its run is logged, and when nothing comes.
MIN_POINTS = 256
MIN_IDLE_POINTS = 64

#: Points that may be left in a tail because no series has enough of them.
REST_POINTS = 262_144

# Small chunks at the end of a series that may be joined to new points at once.
_SMALL_CHUNKS = 32


@dataclass(slots=True)
class Unit:
    """Consecutive points of a series that become chunks, and the chunks that they replace."""

    series: int
    first: Position
    last: Position
    replaced: Summaries
    encoded: list[EncodedChunk]


@dataclass(slots=True)
class Seal:
    """What `apply` does.

    Attributes:
        rows: the rows of the tail that are replaced.
        points: how many points they have.
        series: how many series they have.
        is_all: whether these are all rows of the tail.
        rest: the points that stay in the tail.
    """

    run: int
    rows: tuple[int, ...]
    points: int
    series: int
    is_all: bool
    units: list[Unit]
    rest: tail.Rest

    @property
    def changes_nothing(self) -> bool:
        """Whether it would only write the same row again."""
        return not self.units and len(self.rows) <= 1


def plan(run: int, min_points: int) -> Seal:
    """Return how the tail of a run is sealed, on a reading connection.

    Args:
        run: the run.
        min_points: series with fewer points than these stay in the tail.

    Raises:
        DataLoss: a row of the tail, or a chunk, is damaged.
    """
    last_row, is_all = tail.oldest_rows(run, STEP_POINTS)
    found = tail.read_tail(run, last_row)
    long, rest = found.split(min_points)
    units: list[Unit] = []
    left = [rest.points]
    for series, points in long:
        added, part = _seal_series(series, points, min_points)
        units += added
        if part.size:
            rest.series.append(series)
            rest.counts.append(part.size)
            left.append(part)
    rest = rest._replace(points=join(left))
    if rest.points.size > REST_POINTS and min_points > 1:
        return plan(run, 1)
    return Seal(run, found.ids, found.size, found.series_count(), is_all, units, rest)


def apply(seal: Seal) -> bool:
    """Do what was planned, on the writer's thread; return False if too much has changed since."""
    if not tail.has_rows(seal.rows) or not all(map(_is_current, seal.units)):
        return False
    for unit in seal.units:
        chunks.delete(unit.series, unit.replaced)
        chunks.insert(unit.series, unit.encoded)
    tail.delete_rows(seal.rows)
    if seal.rest.series:
        series, counts, points = seal.rest
        columns = [column.tobytes() for column in points]
        tail.insert_rows([tail.make_row(seal.run, series, counts, columns, is_rest=True)])
    return True


def _is_current(unit: Unit) -> bool:
    """Return whether the chunks in the range of a unit are those that it replaces."""
    found = chunks.read_overlapping(unit.series, unit.first, unit.last)
    return bool(np.array_equal(found["id"], unit.replaced["id"]))


def _seal_series(series: int, points: Columns, min_points: int) -> tuple[list[Unit], Columns]:
    """Return the units of the points of a series, and the points that stay in the tail."""
    found = _read_neighbours(series, points)
    units, rest = [], []
    groups = list(_groups(found, points))
    touched = {after for after, _ in groups}
    for after, part in groups:
        if part.size < min_points:
            rest.append(part)
            continue
        first = _first_to_join(found, after, part, touched)
        replaced = found[first : after + 1]
        joined = _join_chunks(series, replaced, part)
        encoded = list(encode_chunks(joined))
        units.append(Unit(series, joined.position(0), joined.position(-1), replaced, encoded))
    return units, join(rest)


def _read_neighbours(series: int, points: Columns) -> Summaries:
    """Return the chunks among the points, and some before them."""
    first, last = points.position(0), points.position(-1)
    found = chunks.read_summaries(series, first, last.step)
    begin = ends(found[0])[0] if len(found) else first
    return np.concatenate([chunks.read_summaries_before(series, begin, _SMALL_CHUNKS), found])


def _groups(summaries: Summaries, points: Columns) -> Iterator[tuple[int, Columns]]:
    """Yield the points that come after the beginning of each chunk; -1 for those before all."""
    both = join([points_of(summaries, "first"), points])
    order = np.lexsort((both.value, both.timestamp, both.step))
    is_point = order >= len(summaries)
    after = (np.cumsum(~is_point) - 1)[is_point]
    starts = np.append(np.flatnonzero(np.diff(after, prepend=-2)), points.size).tolist()
    for start, end in itertools.pairwise(starts):
        yield int(after[start]), points.part(start, end)


def _first_to_join(summaries: Summaries, after: int, part: Columns, touched: set[int]) -> int:
    """Return the first of the chunks up to `after` that are joined to new points.

    A chunk that has points among the new ones is. So are small ones before them, each of which is
    at most twice as large as what it is joined to: thus a point is compressed a few times at most.
    """
    first, size = after + 1, part.size
    if after >= 0 and chunks.order_key(part.position(0)) < chunks.order_key(
        ends(summaries[after])[1]
    ):
        first, size = after, size + int(summaries["count"][after])
    while first > 0:
        count = int(summaries["count"][first - 1])
        is_needed = first - 1 in touched and first - 1 != after
        if is_needed or count >= FULL_POINTS or size < count / 2:
            break
        first, size = first - 1, size + count
    return first


def _join_chunks(series: int, replaced: Summaries, part: Columns) -> Columns:
    if not len(replaced):
        return part
    stored = chunks.read(series, replaced)
    if stored is None:  # this snapshot has them
        raise chunks.damaged_error(series, "a chunk is missing")
    return merge([stored, part])
