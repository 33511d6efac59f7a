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

from runstream.errors import DataLoss
from runstream_service.catalog.run_state import lock_stored
from runstream_service.points import chunks, tail
from runstream_service.points.chunk_summary import Summaries, ends, points_of
from runstream_service.points.codec import FULL_POINTS, EncodedChunk, encode_chunks
from runstream_service.points.columns import Columns, Position, join, merge
from runstream_service.points.tail_row import Damage, make_row

#: Points that one step of the sealer takes at the most, if a row has not more.
STEP_POINTS = 1_000_000

#: Points of a series that are worth a chunk while its run is logged, and when nothing comes.
MIN_POINTS = 256
MIN_IDLE_POINTS = 64

#: Points that may be left in a tail because no series has enough of them.
REST_POINTS = 262_144

#: Chunks that one step replaces, up to those of one more unit: four times the points of a step.
REPLACED_CHUNKS = 512

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
        run: the internal id of the run.
        run_id: its id.
        rows: the rows of the tail that are replaced.
        is_rest: whether these are what a seal before this one left.
        damage: what of the tail cannot be sealed.
        series: how many series they have.
        rest: the points that stay in the tail.
        is_partial: whether some of these go into chunks by another step, soon.
    """

    run: int
    run_id: str
    rows: tuple[int, ...]
    is_rest: bool
    damage: Damage
    series: int
    units: list[Unit]
    rest: tail.Rest
    is_partial: bool

    @property
    def changes_nothing(self) -> bool:
        """Whether it would only write the same row again."""
        return not self.units and len(self.rows) <= 1 and self.is_rest


def plan(run: int, min_points: int) -> Seal:
    """Return how the tail of a run is sealed, on a reading connection.

    Args:
        run: the run.
        min_points: series with fewer points than these stay in the tail.

    Raises:
        DataLoss: a row of the tail, or a chunk, is damaged.
    """
    last_row = tail.oldest_rows(run, STEP_POINTS)
    found = tail.read_tail(run, last_row)
    tail.report(found)
    long, rest = found.split(min_points)
    units: list[Unit] = []
    left = [rest.points]
    room = REPLACED_CHUNKS
    for series, points in long:
        added, part = _seal_series(run, series, points, min_points, room)
        units += added
        room -= sum(len(unit.replaced) for unit in added)
        if part.size:
            rest.series.append(series)
            rest.counts.append(part.size)
            left.append(part)
    rest = rest._replace(points=join(left))
    is_partial = room <= 0
    if rest.points.size > REST_POINTS and min_points > 1 and not is_partial:
        return plan(run, 1)
    series_count = found.series_count()
    return Seal(
        run,
        tail.run_id(run),
        found.ids,
        found.is_rest,
        found.damage,
        series_count,
        units,
        rest,
        is_partial,
    )


def apply(seal: Seal) -> bool:
    """Do what was planned, on the writer's thread; return False if too much has changed since.

    Nothing is done for a run that a purge removes.
    """
    if seal.changes_nothing:
        return True
    if not lock_stored(seal.run):
        return True
    if not tail.has_rows(seal.run, seal.rows) or not all(
        _is_current(seal.run, unit) for unit in seal.units
    ):
        return False
    for unit in seal.units:
        chunks.delete(seal.run, unit.series, unit.replaced)
        chunks.insert(seal.run, unit.series, unit.encoded)
    tail.delete_rows(seal.run, seal.rows)
    if seal.rest.series:
        series, counts, points = seal.rest
        columns = [column.tobytes() for column in points]
        is_rest = not seal.is_partial
        tail.insert_rows([make_row(seal.run, series, counts, columns, is_rest=is_rest)])
    return True


def _is_current(run: int, unit: Unit) -> bool:
    """Return whether the chunks in the range of a unit are those that it replaces."""
    found = chunks.read_overlapping(run, unit.series, unit.first, unit.last)
    return bool(np.array_equal(found["id"], unit.replaced["id"]))


def _seal_series(
    run: int, series: int, points: Columns, min_points: int, room: int
) -> tuple[list[Unit], Columns]:
    """Return the units of the points of a series, and the points that stay in the tail.

    Once the units replace as many chunks as there is room for, all others stay.
    """
    found = _read_neighbours(run, series, points)
    units, rest = [], []
    groups = list(_groups(found, points))
    touched = {after for after, _ in groups}
    for after, part in groups:
        if part.size < min_points or room <= 0:
            rest.append(part)
            continue
        first = _first_to_join(found, after, part, touched)
        replaced = found[first : after + 1]
        try:
            joined = _join_chunks(run, series, replaced, part)
        except DataLoss:  # which is in the log
            if _begins_in(found, after, part):
                rest.append(part)
                continue
            replaced, joined = found[:0], part
        room -= len(replaced)
        encoded = list(encode_chunks(joined))
        units.append(Unit(series, joined.position(0), joined.position(-1), replaced, encoded))
    return units, join(rest)


def _read_neighbours(run: int, series: int, points: Columns) -> Summaries:
    """Return the chunks among the points, and some before them."""
    first, last = points.position(0), points.position(-1)
    found = chunks.read_summaries(run, series, first, last.step)
    begin = ends(found[0])[0] if len(found) else first
    return np.concatenate([chunks.read_summaries_before(run, series, begin, _SMALL_CHUNKS), found])


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
    if _begins_in(summaries, after, part):
        first, size = after, size + int(summaries["count"][after])
    while first > 0:
        count = int(summaries["count"][first - 1])
        is_needed = first - 1 in touched and first - 1 != after
        if is_needed or count >= FULL_POINTS or size < count / 2:
            break
        first, size = first - 1, size + count
    return first


def _begins_in(summaries: Summaries, number: int, part: Columns) -> bool:
    """Return whether points begin before the end of a chunk; there is none at -1."""
    if number < 0:
        return False
    last = ends(summaries[number])[1]
    return chunks.order_key(part.position(0)) < chunks.order_key(last)


def _join_chunks(run: int, series: int, replaced: Summaries, part: Columns) -> Columns:
    if not len(replaced):
        return part
    stored = chunks.read(run, series, replaced)
    if stored is None:  # this snapshot has them
        raise chunks.damaged_error(series, "a chunk is missing")
    return merge([stored, part])
