"""A file of a series: an image, sound, table, histogram or figure at a step."""

from __future__ import annotations

from typing import NamedTuple


class SeriesFile(NamedTuple):
    """One file of a series over steps.

    Attributes:
        key: name of the series.
        step: training step.
        timestamp: milliseconds since the epoch.
        path: where it is among the artifacts of the run.
    """

    key: str
    step: int
    timestamp: int
    path: str
