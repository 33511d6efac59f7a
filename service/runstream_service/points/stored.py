"""Which points are stored already: looked up for those that do not come in order.

Memory holds what was read last, because who logs late points mostly logs more of them.
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np

from runstream_service.points import chunks
from runstream_service.points.chunk_summary import Summaries, ends
from runstream_service.points.columns import (
    NO_POINTS,
    Columns,
    Integers,
    find_absent,
    merge,
    span,
    subtract,
)
from runstream_service.points.tail import Tail, read_tail

#: Points of tails, and decoded chunks, that the writer keeps to look up late points.
TAIL_POINTS = 1_000_000
DECODED_CHUNKS = 64

# Parts of a series that are joined, because each takes more memory than its few points.
_PARTS = 64

# Late points for each of which its own chunk is looked for; of more, all chunks between them are.
_FEW_POINTS = 16


class StoredPoints:
    """Looks up points in chunks and tails, on the writer's thread alone.

    What is kept in memory is part of the transaction: it is dropped with it.
    """

    def __init__(self) -> None:
        """Create an empty cache."""
        # Of each run the points of each series, in parts that are joined when they are needed.
        self._tails: OrderedDict[int, dict[int, list[Columns]]] = OrderedDict()
        self._damaged: dict[int, Tail] = {}
        self._size = 0
        self._chunks: OrderedDict[int, Columns] = OrderedDict()

    def subtract_stored(self, run: int, series: int, columns: Columns) -> tuple[Columns, bool]:
        """Return those of sorted points that are not stored, and whether none is between them.

        The tail in the database must have all points but those that `add` was told.

        Raises:
            DataLoss: a chunk or a row of the tail is damaged.
        """
        first, last = columns.position(0), columns.position(-1)
        tail = self._tail_of(run, series)
        tail = tail.part(*span(tail, first, last))
        new = subtract(columns, tail)
        if columns.size > _FEW_POINTS:
            overlapping = chunks.read_overlapping(run, series, first, last)
            new = self._subtract_chunks(run, series, overlapping, new)
            return new, not (tail.size or len(overlapping))
        for single in [new.part(i, i + 1) for i in range(new.size)]:
            position = single.position(0)
            overlapping = chunks.read_overlapping(run, series, position, position)
            if not self._subtract_chunks(run, series, overlapping, single).size:
                new = subtract(new, single)
        return new, False

    def has_tail(self, run: int) -> bool:
        """Return whether the tail of a run is kept, and `add` must be told of what it gets."""
        return run in self._tails

    def add(self, run: int, series: int, columns: Columns) -> None:
        """Add points that were appended to the tail of a run."""
        tail = self._tails.get(run)
        if tail is not None:
            parts = tail.setdefault(series, [])
            parts.append(columns)
            if len(parts) > _PARTS:
                parts[:] = [merge(parts)]
            self._size += columns.size
            self._trim()

    def forget(self, run: int) -> None:
        """Drop the tail of a run, because rows of it were deleted."""
        self._damaged.pop(run, None)
        for parts in self._tails.pop(run, {}).values():
            self._size -= sum(part.size for part in parts)

    def _tail_of(self, run: int, series: int) -> Columns:
        tail = self._tails.get(run)
        if tail is None:
            found = read_tail(run)
            if found.damage.rows:
                self._damaged[run] = found
            tail = {series: [points] for series, points in found.by_series()}
            self._tails[run] = tail
            self._size += sum(points.size for (points,) in tail.values())
            self._trim()
        self._tails.move_to_end(run)
        if run in self._damaged:
            self._damaged[run].check(series)
        parts = tail.get(series)
        if parts is None:
            return NO_POINTS
        parts[:] = [merge(parts)]
        return parts[0]

    def _subtract_chunks(
        self, run: int, series: int, summaries: Summaries, new: Columns
    ) -> Columns:
        """Return those of sorted points that are not in some chunks, which are in order."""
        is_new = np.ones(new.size, np.bool_)
        starts = np.searchsorted(new.step, summaries["first"]["step"], "left")
        stops = np.searchsorted(new.step, summaries["last"]["step"], "right")
        for number in np.flatnonzero(starts < stops).tolist():
            start, stop = int(starts[number]), int(stops[number])
            part = new.part(start, stop)
            first, end = span(part, *ends(summaries[number]))
            part = part.part(first, end)
            if not part.size:
                continue
            points = self._chunk(run, series, summaries[number], part.step)
            if points.size:
                is_new[start + first : start + end] &= find_absent(part, points)
        return new if is_new.all() else new.take(is_new)

    def _trim(self) -> None:
        while self._size > TAIL_POINTS and len(self._tails) > 1:
            self.forget(next(iter(self._tails)))

    def _chunk(self, run: int, series: int, summary: Summaries, steps: Integers) -> Columns:
        """Return the points of a chunk, or none if it has none of these steps."""
        chunk = int(summary["id"])
        points = self._chunks.get(chunk)
        if points is not None:
            self._chunks.move_to_end(chunk)
            return points
        points = chunks.read_if_meeting(run, series, summary.reshape(1), steps)
        if points is None:
            return NO_POINTS
        self._chunks[chunk] = points
        if len(self._chunks) > DECODED_CHUNKS:
            self._chunks.popitem(last=False)
        return points
