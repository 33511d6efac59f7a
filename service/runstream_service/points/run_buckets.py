"""The mean of the points of a run in equal parts of steps, on the threads of the readers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from runstream_service.engine import reading
from runstream_service.points import chunks
from runstream_service.points.chunk_columns import ChunkColumns
from runstream_service.points.columns import Columns, Doubles, Integers, Position
from runstream_service.points.history import Steps, Tails
from runstream_service.points.thinning import Buckets, Snapshot, find_borders, read_snapshot

# Sums of 10^9 of the largest doubles stay finite.
_SCALE = 2.0**-30

# Points that are decoded at a time: their values fit into the caches of a processor.
_DECODED_POINTS = 131_072


class BucketSource(NamedTuple):
    """A series of a run, and what it was when its steps were found.

    Attributes:
        run: the run.
        series: the series.
        steps: the range that is read.
        snapshot: the chunks that lie in it, and the points that are not in these.
    """

    run: int
    series: int
    steps: Steps
    snapshot: Snapshot

    @classmethod
    def find(cls, run: int, series: int, tails: Tails, steps: Steps) -> BucketSource:
        """Look up what a range of a series has.

        Raises:
            DataLoss: a chunk, or a row of the tail, is damaged.
        """
        start = Position(steps.first, -1, float("-inf"))
        return cls(run, series, steps, read_snapshot(run, series, tails, steps, start))

    def span(self) -> tuple[int, int] | None:
        """Return its first and its last step; None if it has no points."""
        found, others = self.snapshot
        ends = []
        if len(found):
            ends += [int(found[0]["first"]["step"]), int(found[-1]["last"]["step"])]
        if others.size:
            ends += [int(others.step[0]), int(others.step[-1])]
        return (min(ends), max(ends)) if ends else None

    def means(self, lows: Integers) -> Doubles:
        """Return the mean of its finite values in each part; NaN where there is none.

        Raises:
            DataLoss: a chunk, or a row of the tail, is damaged.
        """
        found = _Sums(lows)
        source = self
        while not source._add_to(found):  # a chunk was replaced: all is read anew
            source = BucketSource.find(self.run, self.series, Tails(), self.steps)
            found = _Sums(lows)
        return found.means()

    def _add_to(self, sums: _Sums) -> bool:
        summaries, others = self.snapshot
        number = np.cumsum(summaries["count"]) // _DECODED_POINTS
        for part in np.split(summaries, np.flatnonzero(np.diff(number)) + 1):
            reading.check()
            if not len(part):
                continue
            decoded = chunks.read_partly(self.run, self.series, part)
            if decoded is None:
                return False
            with chunks.damage_reported(self.series):
                sums.add(decoded)
        sums.add(others)
        return True


class _Sums:
    """Sums and numbers of values by bucket."""

    def __init__(self, lows: Integers) -> None:
        self._buckets = Buckets(True, lows)
        self._sum = np.zeros(len(lows))  # scaled
        self._count = np.zeros(len(lows))

    def add(self, columns: Columns | ChunkColumns) -> None:
        if not columns.size:
            return
        borders = find_borders(columns, self._buckets)
        number = self._buckets.number(columns.take(borders[:-1]))
        value, starts = columns.value, borders[:-1]
        with np.errstate(over="ignore", invalid="ignore"):
            total = np.add.reduceat(value, starts)
        if np.isfinite(total).all():
            self._sum[number] += total * _SCALE
            self._count[number] += np.diff(borders)
            return
        is_finite = np.isfinite(value)
        self._sum[number] += np.add.reduceat(np.where(is_finite, value, 0.0) * _SCALE, starts)
        self._count[number] += np.add.reduceat(is_finite.astype(np.float64), starts)

    def means(self) -> Doubles:
        limit = np.finfo(np.float64).max
        with np.errstate(over="ignore", invalid="ignore"):  # where there are none
            return np.clip(self._sum / self._count / _SCALE, -limit, limit)
