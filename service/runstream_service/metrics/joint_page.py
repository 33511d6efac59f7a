"""The page of metrics of several workers: the samples of each have a label `worker`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector


def join_pages(pages: Mapping[int, str], accept: str) -> tuple[bytes, str]:
    """Return a page and its media type, as OpenMetrics if `accept` asks for that.

    Args:
        pages: the page of each worker as text, by its number.
        accept: the media types that the caller takes.
    """
    joined: dict[str, Metric] = {}
    for number, page in pages.items():
        for family in text_string_to_metric_families(page):
            metric = joined.setdefault(
                family.name, Metric(family.name, family.documentation, family.type)
            )
            metric.samples += (
                sample._replace(labels={"worker": str(number), **sample.labels})
                for sample in family.samples
            )
    registry = CollectorRegistry()
    registry.register(_Metrics(joined.values()))
    encode, media_type = choose_encoder(accept)
    return encode(registry), media_type


class _Metrics(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        """Return the metrics."""
        return self._metrics
