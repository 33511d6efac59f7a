"""Thinning a long history so that its shape stays, on the threads of the readers.

The range is cut into equal parts, the buckets, by step, or by timestamp where all points have one
step. Of each bucket the first, last, least and greatest point and the first NaN stay. A chunk that
lies in one bucket is taken from its summary; only those at the borders of buckets are decoded
(docs/decisions/0047-points-in-columns.md).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from runstream_service.engine import reading
from runstream_service.points import chunks
from runstream_service.points.chunk_columns import ChunkColumns
from runstream_service.points.chunk_summary import Summaries, ends, landmarks, points_of
from runstream_service.points.columns import (
    NO_POINTS,
    Columns,
    Doubles,
    Integers,
    Position,
    join,
    merge,
    split,
)
from runstream_service.points.history import PART_POINTS, Steps, Tails, cut, trim

#: Points of one bucket at most: first, last, minimum, maximum, and a NaN.
POINTS_OF_BUCKET = 5

# Points that are decoded at a time: their values fit into the caches of a processor.
_DECODED_POINTS = 262_144


class Snapshot(NamedTuple):
    """A range of a series as it is: chunks that lie in it, and points that are not in these."""

    chunks: Summaries
    others: Columns

    @property
    def size(self) -> int:
        return int(self.chunks["count"].sum()) + self.others.size


class Buckets(NamedTuple):
    """Equal parts of a range, by step or by timestamp."""

    by_step: bool
    lows: Integers  # where each begins

    def number(self, columns: Columns) -> Integers:
        """Return the numbers of the buckets of points."""
        axis = columns.step if self.by_step else columns.timestamp
        return np.maximum(np.searchsorted(self.lows, axis, "right") - 1, 0)

    def start(self, bucket: int, first: Position) -> Position:
        """Return a position that is before the points of a bucket, and after all others."""
        low = int(self.lows[bucket])
        if self.by_step:
            return Position(low, -1, float("-inf"))
        return Position(first.step, low - 1, float("nan"))


def read_thinned(
    run: int, series: int, tails: Tails, steps: Steps, max_points: int
) -> Iterator[Columns] | None:
    """Return the thinned points of a range in parts, or None if it has up to `max_points` points.

    Raises:
        DataLoss: a chunk, or a row of the tail, is damaged.
    """
    snapshot = read_snapshot(run, series, tails, steps, Position(steps.first, -1, float("-inf")))
    if snapshot.size <= max_points:
        return None
    return _gather(_thin(run, series, tails, steps, snapshot, max_points))


def _gather(parts: Iterator[Columns]) -> Iterator[Columns]:
    """Yield the same points in few parts."""
    gathered: list[Columns] = []
    size = 0
    for part in parts:
        if size + part.size > PART_POINTS:
            yield join(gathered)
            gathered, size = [], 0
        gathered.append(part)
        size += part.size
    if size:
        yield join(gathered)


def plan_buckets(
    run: int, series: int, tails: Tails, steps: Steps, max_points: int, points_of_bucket: int
) -> tuple[Steps, Buckets] | None:
    """Return the buckets of a range and the steps that they span; None if it has few points.

    Raises:
        DataLoss: a chunk, or a row of the tail, is damaged.
    """
    snapshot = read_snapshot(run, series, tails, steps, Position(steps.first, -1, float("-inf")))
    if snapshot.size <= max_points:
        return None
    first, last = _ends(snapshot)
    buckets = _make_buckets(first, last, max(1, max_points // points_of_bucket))
    return Steps(first.step, last.step), buckets


def _thin(
    run: int, series: int, tails: Tails, steps: Steps, snapshot: Snapshot, max_points: int
) -> Iterator[Columns]:
    first, last = _ends(snapshot)
    steps = Steps(first.step, last.step)  # the buckets stay, whatever is logged meanwhile
    buckets = _make_buckets(first, last, max_points // POINTS_OF_BUCKET)
    bucket = 0  # the first that is not done
    while bucket < len(buckets.lows):
        for following, columns in _thin_snapshot(run, series, snapshot, buckets):
            bucket = following
            yield from cut(columns, PART_POINTS)
        if bucket < len(buckets.lows):  # a chunk was replaced: what is left is planned anew
            snapshot = read_snapshot(run, series, tails, steps, buckets.start(bucket, first))


def _thin_snapshot(
    run: int, series: int, snapshot: Snapshot, buckets: Buckets
) -> Iterator[tuple[int, Columns]]:
    """Yield the points that stay, and the first bucket of which there are more.

    It ends early if a chunk is gone.
    """
    others, pending, done = snapshot.others, NO_POINTS, 0
    for group, in_bucket in _groups(snapshot.chunks, buckets):
        reading.check()
        decoded = chunks.read_partly(run, series, group[in_bucket < 0])
        if decoded is None:
            yield done, NO_POINTS
            return
        with chunks.damage_reported(series):
            reduced = _reduce(decoded, buckets)
        between, others = split(others, ends(group[-1])[1])
        of_chunks = _reduce_summaries(group[in_bucket >= 0], in_bucket[in_bucket >= 0])
        points = _combine([pending, reduced, _reduce(between, buckets), of_chunks], buckets)
        number = buckets.number(points)
        done = int(number[-1])
        closed = int(np.searchsorted(number, done))
        pending = points.part(closed, points.size)
        yield done, points.part(0, closed)
    yield len(buckets.lows), _combine([pending, _reduce(others, buckets)], buckets)


def read_snapshot(run: int, series: int, tails: Tails, steps: Steps, start: Position) -> Snapshot:
    """Return a range as it is, without the points up to a position.

    Raises:
        DataLoss: a chunk, or a row of the tail, is damaged.
    """
    found = chunks.read_summaries(run, series, start, steps.last)
    is_part = found["last"]["step"] > steps.last
    if len(found) and chunks.order_key(ends(found[0])[0]) <= chunks.order_key(start):
        is_part[0] = True
    others = [tails.of_series(run, series)]
    if is_part.any():
        points = chunks.read(run, series, found[is_part])
        if points is None:  # this snapshot has it
            raise chunks.damaged_error(series, "a chunk is missing")
        others.append(points)
    return Snapshot(found[~is_part], trim(merge(others), steps, start))


def _ends(snapshot: Snapshot) -> tuple[Position, Position]:
    found = []
    if len(snapshot.chunks):
        found += [ends(snapshot.chunks[0])[0], ends(snapshot.chunks[-1])[1]]
    if snapshot.others.size:
        found += [snapshot.others.position(0), snapshot.others.position(-1)]
    return min(found, key=chunks.order_key), max(found, key=chunks.order_key)


def _make_buckets(first: Position, last: Position, number: int) -> Buckets:
    by_step = first.step < last.step
    low, high = (first.step, last.step) if by_step else (first.timestamp, last.timestamp)
    return Buckets(by_step, equal_parts(low, high, number))


def equal_parts(low: int, high: int, number: int) -> Integers:
    """Return where each of so many equal parts of a range begins; fewer, if it is too short."""
    length = high - low + 1  # may not fit into 64 bits
    number = min(number, length)
    return np.fromiter((low + length * i // number for i in range(number)), np.int64, number)


def _groups(summaries: Summaries, buckets: Buckets) -> Iterator[tuple[Summaries, Integers]]:
    """Yield consecutive chunks, with the bucket in which each lies, or -1 to have it decoded."""
    if not len(summaries):
        return
    first, last = (buckets.number(points_of(summaries, kind)) for kind in ("first", "last"))
    in_bucket = np.where(first == last, first, -1)
    decoded = np.cumsum(np.where(in_bucket < 0, summaries["count"], 0)) // _DECODED_POINTS
    starts = np.append(np.flatnonzero(np.diff(decoded, prepend=-1)), len(summaries))
    for start, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        yield summaries[start:end], in_bucket[start:end]


def _reduce(columns: Columns | ChunkColumns, buckets: Buckets) -> Columns:
    """Return those of sorted points that stay of their buckets."""
    if not columns.size:
        return NO_POINTS
    return columns.take(choose(columns.value, find_borders(columns, buckets)))


def find_borders(columns: Columns | ChunkColumns, buckets: Buckets) -> Integers:
    """Return where each bucket begins that sorted points lie in, and where the last one ends."""
    axis = columns.step if buckets.by_step else columns.timestamp
    number = buckets.number(columns.take(np.array([0, columns.size - 1]))).tolist()
    borders = axis.searchsorted(buckets.lows[number[0] + 1 : number[1] + 1])
    return np.unique(np.concatenate(([0], borders, [columns.size])))


def choose(value: Doubles, borders: Integers) -> Integers:
    """Return which points stay of those between each two borders, none of which is empty."""
    spans = [value[start:end] for start, end in itertools.pairwise(borders.tolist())]
    starts = borders[:-1]
    least = starts + [span.argmin() for span in spans]
    most = starts + [span.argmax() for span in spans]
    chosen = [starts, borders[1:] - 1, least, most]
    for number in np.flatnonzero(np.isnan(value[least])).tolist():  # the first NaN of these is both
        chosen.append(starts[number] + landmarks(spans[number])[0])
    return np.unique(np.concatenate(chosen))


def _combine(parts: Sequence[Columns], buckets: Buckets) -> Columns:
    """Return which points stay of the buckets of several parts, each of which is reduced."""
    parts = [part for part in parts if part.size]
    points = merge(parts)
    if len(parts) < 2:
        return points
    of_parts = [np.unique(buckets.number(part)) for part in parts]
    is_shared = np.unique(np.concatenate(of_parts), return_counts=True)[1] > 1
    _, starts, sizes = np.unique(buckets.number(points), return_index=True, return_counts=True)
    chosen = [np.flatnonzero(np.repeat(~is_shared, sizes))]
    for start, size in zip(starts[is_shared].tolist(), sizes[is_shared].tolist(), strict=True):
        chosen.append(start + choose(points.value[start : start + size], np.array([0, size])))
    return points.take(np.sort(np.concatenate(chosen)))


def _reduce_summaries(summaries: Summaries, bucket: Integers) -> Columns:
    """Return those points of chunks that stay of their buckets, in no order."""
    if not len(summaries):
        return NO_POINTS
    starts = np.flatnonzero(np.diff(bucket, prepend=-1))
    of_bucket = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(bucket)))
    has_numbers = summaries["numbers"] > 0
    kept = [
        points_of(summaries[starts], "first"),
        points_of(summaries[np.append(starts[1:], len(bucket)) - 1], "last"),
    ]
    for kind, choose, nothing in (("min", np.minimum, np.inf), ("max", np.maximum, -np.inf)):
        value = np.where(has_numbers, summaries[kind]["value"], nothing)
        is_extreme = has_numbers & (value == choose.reduceat(value, starts)[of_bucket])
        kept.append(points_of(_first_of_each(summaries, of_bucket, is_extreme), kind))
    has_nan = summaries["numbers"] < summaries["count"]
    kept.append(points_of(_first_of_each(summaries, of_bucket, has_nan), "nan"))
    return join(kept)


def _first_of_each(
    summaries: Summaries, of_bucket: Integers, chosen: NDArray[np.bool_]
) -> Summaries:
    """Return of each bucket the first chunk that is chosen."""
    found = np.flatnonzero(chosen)
    _, first = np.unique(of_bucket[found], return_index=True)
    return summaries[found[first]]
