"""The system metrics of one run: samples become points."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from runstream.system_metrics.job_place import JobPlace

#: Logs the values of metrics at a step.
LogMetrics = Callable[[Mapping[str, float], int], object]

# Counted since the machine started; a run has what was added since it began.
_COUNTERS = ("network_receive_megabytes", "network_transmit_megabytes")


class Sample(NamedTuple):
    """What was read at one time, by name.

    Attributes:
        of_machine: what the machine does.
        of_process: what this process does.
    """

    of_machine: dict[str, float]
    of_process: dict[str, float]


class Recording:
    """The system metrics of one run; the thread of its sampler calls the methods.

    Attributes:
        sampler: samples for it, once it is started.
    """

    def __init__(
        self,
        log: LogMetrics,
        place: JobPlace,
        *,
        has_machine: bool,
        first_step: int = 0,
        samples_before_logging: int = 1,
    ) -> None:
        """Make a recording that is not started.

        Args:
            log: logs to the run.
            place: where this process is in its job.
            has_machine: whether it has what the machine does, and not only what the process does.
            first_step: the step of its first point.
            samples_before_logging: of how many samples a point is the mean.
        """
        self.sampler: object = None
        self._log = log
        self._place = place
        self._samples_before_logging = samples_before_logging
        self._has_machine = has_machine
        self._step = first_step
        self._samples: list[dict[str, float]] = []
        self._counters: dict[str, float] = {}

    def begin(self, sample: Sample) -> None:
        """Count from this sample on, which is no point."""
        self._counters = {name: sample.of_machine.get(name, 0.0) for name in _COUNTERS}

    def add(self, sample: Sample) -> None:
        """Take a sample, and log the mean of all since the last point once they are enough."""
        found = {
            f"{self._place.process_prefix}{name}": value
            for name, value in sample.of_process.items()
        }
        if self._has_machine:
            for name, value in sample.of_machine.items():
                found[f"{self._place.node_prefix}{name}"] = value - self._counters.get(name, 0.0)
        self._samples.append(found)
        if len(self._samples) >= self._samples_before_logging:
            self.flush()

    def flush(self) -> None:
        """Log the mean of the samples since the last point, if there are any."""
        samples, self._samples = self._samples, []
        if samples:
            self._log(_means(samples), self._step)
            self._step += 1


def _means(samples: list[dict[str, float]]) -> dict[str, float]:
    """Return the mean of each metric, and of the network, which is counted, the last value."""
    if len(samples) == 1:
        return samples[0]
    values: dict[str, list[float]] = {}
    for sample in samples:
        for key, value in sample.items():
            values.setdefault(key, []).append(value)
    return {
        key: found[-1] if key.endswith(_COUNTERS) else sum(found) / len(found)
        for key, found in values.items()
    }
