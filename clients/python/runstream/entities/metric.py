"""Points of metrics: one by one, in columns, and in NumPy arrays."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Metric(NamedTuple):
    """One point of a metric.

    Attributes:
        key: name of the metric.
        value: any double; NaN and the infinities are values.
        timestamp: milliseconds since the epoch.
        step: training step.
    """

    key: str
    value: float
    timestamp: int
    step: int


class MetricColumns(NamedTuple):
    """Points of one metric of one run in arrays of the same length.

    NumPy takes them over without a copy: `numpy.asarray(columns.value)`.

    Attributes:
        run_id: the run.
        key: name of the metric.
        value: doubles.
        timestamp: integers of 64 bits, milliseconds since the epoch.
        step: integers of 64 bits.
    """

    run_id: str
    key: str
    value: array[float]
    timestamp: array[int]
    step: array[int]

    def rows(self) -> list[Metric]:
        """Return the same points one by one."""
        # tuple.__new__ skips the Python frame that Metric(...) costs for each of many points.
        new = tuple.__new__
        key = self.key
        columns = zip(self.value, self.timestamp, self.step, strict=True)
        return [new(Metric, (key, value, timestamp, step)) for value, timestamp, step in columns]


class MetricArrays(NamedTuple):
    """The history of one metric of one run as NumPy arrays of the same length.

    Attributes:
        run_id: the run.
        key: name of the metric.
        value: float64.
        timestamp: int64, milliseconds since the epoch.
        step: int64.
    """

    run_id: str
    key: str
    value: NDArray[np.float64]
    timestamp: NDArray[np.int64]
    step: NDArray[np.int64]
