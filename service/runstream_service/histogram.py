"""How often durations of each size came, counted where they come."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate

#: Seconds up to which a duration counts in each bucket; longer ones have one more.
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Histogram:
    """Durations by size. One thread observes; any thread may read.

    Attributes:
        sum: seconds of all durations.
    """

    __slots__ = ("_counts", "sum")

    def __init__(self) -> None:
        self._counts = [0] * (len(BUCKETS) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count a duration."""
        self._counts[bisect_left(BUCKETS, seconds)] += 1
        self.sum += seconds

    def cumulative(self) -> list[tuple[str, float]]:
        """Return how many durations are no longer than each bound, as Prometheus has them."""
        bounds = [*map(str, BUCKETS), "+Inf"]
        return list(zip(bounds, accumulate(self._counts), strict=True))
