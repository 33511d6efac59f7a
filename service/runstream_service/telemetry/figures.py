"""The figures of the page of metrics as instruments of OpenTelemetry, of the same names.

An instrument that is observed cannot be a histogram, so of each there are the sum and the count.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import partial

from opentelemetry.metrics import CallbackOptions, Meter, Observation
from prometheus_client.core import Metric
from prometheus_client.samples import Sample

from runstream_service.metrics.page import collect
from runstream_service.metrics.sources import MetricSources

# Seconds for which the figures of one look are good: all instruments are asked one after the other.
_GOOD_FOR = 1.0

_ENDINGS = {"counter": ("_total",), "gauge": ("",), "histogram": ("_count", "_sum")}


class _Figures:
    """The samples of the page by name, collected at most once for each export."""

    def __init__(self, sources: MetricSources) -> None:
        self._sources = sources
        self._samples: dict[str, list[Sample]] = {}
        self._collected = float("-inf")

    def observe(self, name: str, _: CallbackOptions) -> Iterable[Observation]:
        """Return the samples of a name."""
        if time.monotonic() - self._collected > _GOOD_FOR:
            self._collected = time.monotonic()
            self._samples = {}
            for sample in (
                sample for metric in collect(self._sources) for sample in metric.samples
            ):
                self._samples.setdefault(sample.name, []).append(sample)
        return [Observation(each.value, each.labels) for each in self._samples.get(name, [])]


def observe_figures(meter: Meter, sources: MetricSources) -> None:
    """Make an instrument of each metric of the page."""
    figures = _Figures(sources)
    for metric in collect(sources):
        for name in _names(metric):
            is_gauge = metric.type == "gauge"
            make = meter.create_observable_gauge if is_gauge else meter.create_observable_counter
            make(name, [partial(figures.observe, name)], description=metric.documentation)


def _names(metric: Metric) -> list[str]:
    return [metric.name + ending for ending in _ENDINGS[metric.type]]
