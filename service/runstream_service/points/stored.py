"""Which points are stored already: looked up for those that do not come in order.

Memory holds what was read last, because who logs late points mostly logs more of them.
"""

from __future__ import annotations

from collections import OrderedDict

from runstream_service.points import chunks
from runstream_service.points.chunk_summary import Summaries, ends
from runstream_service.points.columns import NO_POINTS, Columns, join, merge, span, subtract
from runstream_service.points.tail import read_tail

#: Points of tails, and decoded chunks, that the writer keeps to look up late points.
TAIL_POINTS = 1_000_000
DECODED_CHUNKS = 64

# Parts of a series that are joined, because each takes more memory than its few points.
_PARTS = 64


class StoredPoints:
    """Looks up points in chunks and tails, on the writer's thread alone.

    What is kept in memory is part of the transaction: it is dropped with it.
    """

    def __init__(self) -> None:
        """Create an empty cache."""
        # Of each run the points of each series, in parts that are joined when they are needed.
        self._tails: OrderedDict[int, dict[int, list[Columns]]] = OrderedDict()
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
        overlapping = chunks.read_overlapping(series, first, last)
        new = subtract(columns, tail)
        for summary in overlapping:
            start, end = span(new, *ends(summary))
            if start < end:
                rest = subtract(new.part(start, end), self._chunk(series, summary))
                new = join([new.part(0, start), rest, new.part(end, new.size)])
        return new, not (tail.size or len(overlapping))

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
        for parts in self._tails.pop(run, {}).values():
            self._size -= sum(part.size for part in parts)

    def _tail_of(self, run: int, series: int) -> Columns:
        tail = self._tails.get(run)
        if tail is None:
            tail = {series: [points] for series, points in read_tail(run).by_series()}
            self._tails[run] = tail
            self._size += sum(points.size for (points,) in tail.values())
            self._trim()
        self._tails.move_to_end(run)
        parts = tail.get(series)
        if parts is None:
            return NO_POINTS
        parts[:] = [merge(parts)]
        return parts[0]

    def _trim(self) -> None:
        while self._size > TAIL_POINTS and len(self._tails) > 1:
            self.forget(next(iter(self._tails)))

    def _chunk(self, series: int, summary: Summaries) -> Columns:
        chunk = int(summary["id"])
        points = self._chunks.get(chunk)
        if points is None:
            points = chunks.read(series, summary.reshape(1))
            if points is None:
                raise chunks.damaged_error(series, "a chunk is missing")
            self._chunks[chunk] = points
            if len(self._chunks) > DECODED_CHUNKS:
                self._chunks.popitem(last=False)
        else:
            self._chunks.move_to_end(chunk)
        return points
