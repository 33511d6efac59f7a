"""The summary of one series, kept in the memory of the writer while its run is being logged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Rank = tuple[int, int, float, bool]


def rank(step: int, timestamp: int, value: float) -> Rank:
    """Return what points are compared by to find the latest: NaN counts as 0 (M5).

    Of a NaN and a 0 that are otherwise equal the NaN is the latest, whichever came first.
    """
    nan = value != value
    return step, timestamp, 0.0 if nan else value, nan


@dataclass(slots=True)
class Summary:
    """Count, latest point, least and greatest value of a series; the two leave NaN out."""

    id: int
    run: int
    key: str
    count: int = 0
    last: Rank | None = None
    least: float | None = None
    greatest: float | None = None

    def precedes(self, steps: Sequence[int], timestamps: Sequence[int]) -> bool:
        """Return whether every one of these points is later than all that the series holds."""
        if self.last is None:
            return True
        first = min(steps)
        if first != self.last[0]:
            return first > self.last[0]
        return min(zip(steps, timestamps, strict=True)) > self.last[:2]

    def follow(self, step: int, timestamp: int, value: float) -> bool:
        """Take one point in if it is later than all others and a number; else return False."""
        last = self.last
        if value != value or (last is not None and (step, timestamp) <= last[:2]):
            return False
        self.count += 1
        self.last = (step, timestamp, value, False)
        if self.least is None or value < self.least:
            self.least = value
        if self.greatest is None or value > self.greatest:
            self.greatest = value
        return True

    def fold(
        self, steps: Sequence[int], timestamps: Sequence[int], values: Sequence[float]
    ) -> None:
        """Bring latest, least and greatest up to date; folding a point twice changes nothing."""
        step = max(steps)
        if steps.count(step) == 1:
            at = steps.index(step)
            latest = rank(step, timestamps[at], values[at])
        else:
            latest = max(
                rank(s, t, v)
                for s, t, v in zip(steps, timestamps, values, strict=True)
                if s == step
            )
        if self.last is None or latest > self.last:
            self.last = latest
        numbers = values if _all_numbers(values) else [v for v in values if v == v]
        if numbers:
            least, greatest = min(numbers), max(numbers)
            self.least = least if self.least is None else min(self.least, least)
            self.greatest = greatest if self.greatest is None else max(self.greatest, greatest)


def _all_numbers(values: Sequence[float]) -> bool:
    # The sum of any NaN is NaN. So is that of both infinities, for which the slow way is right too.
    total = sum(values)
    return total == total
