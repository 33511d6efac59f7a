"""What groups of runs have in common."""

from __future__ import annotations

from typing import NamedTuple


class GroupedHistory(NamedTuple):
    """One metric of one group of runs, as lists of one length by step.

    Attributes:
        group: name of the group.
        key: name of the metric.
        step: the middle of the steps that an entry is about.
        runs: how many runs have a value there.
        centre: their mean or median.
        low: the lower edge of the band; empty if none was asked for.
        high: the upper edge of the band.
        run_count: how many runs of the group have logged the metric; where `runs` is less, some
            have not begun or have ended, or have no finite value.
    """

    group: str
    key: str
    step: list[int]
    runs: list[int]
    centre: list[float]
    low: list[float]
    high: list[float]
    run_count: int
