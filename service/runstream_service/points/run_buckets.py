"""The mean of the points of a run in equal parts of steps, on the threads of the readers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from runstream_service.engine import reading
from runstream_service.points import chunks
from runstream_service.points.chunk_summary import Summaries
from runstream_service.points.columns import Doubles, Position
from runstream_service.points.history import Steps, Tails
from runstream_service.points.part_sums import Parts, PartSums, SumCache, join_sums
from runstream_service.points.thinning import Snapshot, read_snapshot

# Points that are decoded at a time: their values fit into the caches of a processor.
_DECODED_POINTS = 131_072


class BucketSource(NamedTuple):
    """A series of a run, and what it was when its steps were found.

    Attributes:
        run: the run.
        series: the series.
        snapshot: the chunks that lie in the range that is read, and the points that are not in
            these.
    """

    run: int
    series: int
    snapshot: Snapshot

    @classmethod
    def find(cls, run: int, series: int, tails: Tails, steps: Steps) -> BucketSource:
        """Look up what a range of a series has.

        Raises:
            DataLoss: a chunk, or a row of the tail, is damaged.
        """
        start = Position(steps.first, -1, float("-inf"))
        return cls(run, series, read_snapshot(run, series, tails, steps, start))

    def span(self) -> tuple[int, int] | None:
        """Return its first and its last step; None if it has no points."""
        found, others = self.snapshot
        ends = []
        if len(found):
            ends += [int(found[0]["first"]["step"]), int(found[-1]["last"]["step"])]
        if others.size:
            ends += [int(others.step[0]), int(others.step[-1])]
        return (min(ends), max(ends)) if ends else None

    def means(self, parts: Parts, known: SumCache) -> Doubles:
        """Return the mean of its finite values in each part; NaN where there is none.

        Args:
            parts: the parts; the points that were found lie in them.
            known: the sums of chunks that need not be decoded, and are added to.

        Raises:
            DataLoss: a chunk, or a row of the tail, is damaged.
        """
        sums = self._sums(parts.length, known)
        while sums is None:  # a chunk was replaced: all is read anew
            steps = Steps(parts.low, parts.high)
            source = BucketSource.find(self.run, self.series, Tails(), steps)
            sums = source._sums(parts.length, known)
        return sums.means(parts)

    def _sums(self, length: int, known: SumCache) -> PartSums | None:
        summaries, others = self.snapshot
        sums = known.find(self.series, length, summaries["id"])
        left = summaries[len(sums.chunks) :]
        if len(left):
            added = self._decode(left, length)
            if added is None:
                return None
            sums = join_sums([sums, *added])
            known.keep(self.series, length, sums)
        return join_sums([sums, PartSums.of_points(others, length)])

    def _decode(self, summaries: Summaries, length: int) -> list[PartSums] | None:
        """Sum up chunks; return None if one of them is gone."""
        sums = []
        number = np.cumsum(summaries["count"]) // _DECODED_POINTS
        for part in np.split(summaries, np.flatnonzero(np.diff(number)) + 1):
            reading.check()
            decoded = chunks.read_partly(self.run, self.series, part)
            if decoded is None:
                return None
            with chunks.damage_reported(self.series):
                sums.append(PartSums.of_chunks(part, decoded, length))
        return sums
