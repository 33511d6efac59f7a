"""The page of metrics that Prometheus reads (docs/operations.md says what each means).

The objects of the server count what they do; a page is made of it when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from runstream_service.histogram import Histogram
from runstream_service.metrics.sources import MetricSources


def render_page(sources: MetricSources, accept: str) -> tuple[bytes, str]:
    """Return the page and its media type, as OpenMetrics if `accept` asks for that."""
    registry = CollectorRegistry()
    registry.register(_ServerCollector(sources))
    ProcessCollector(registry=registry)
    encode, media_type = choose_encoder(accept)
    return encode(registry), media_type


def collect(sources: MetricSources) -> Iterator[Metric]:
    """Yield the metrics of the server."""
    return _ServerCollector(sources).collect()


class _ServerCollector(Collector):
    def __init__(self, sources: MetricSources) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        yield _gauge("runstream_info", "The version.", 1, {"version": version("runstream")})
        yield from self._collect_calls()
        yield from self._collect_writer()
        yield from self._collect_readers()
        yield from self._collect_connections()
        yield from self._collect_feed()
        yield from self._collect_points()
        artifacts = self._sources.artifacts
        yield _counter(
            "runstream_artifact_received_bytes", "Bytes of files that came.", artifacts.received
        )
        yield _counter(
            "runstream_artifact_sent_bytes",
            "Bytes of files that were read.",
            artifacts.contents.sent,
        )

    def _collect_calls(self) -> Iterator[Metric]:
        labels = ["protocol", "method"]
        ended = CounterMetricFamily(
            "runstream_calls", "Calls that ended, by code.", labels=[*labels, "code"]
        )
        open_calls = GaugeMetricFamily("runstream_open_calls", "Open calls.", labels=labels)
        durations = HistogramMetricFamily(
            "runstream_call_duration_seconds", "How long calls took.", labels=labels
        )
        for method, counts in sorted(self._sources.calls.items()):
            if not counts.open and not counts.codes:
                continue
            open_calls.add_metric(method, counts.open)
            durations.add_metric(method, counts.durations.cumulative(), counts.durations.sum)
            for code, count in sorted(counts.codes.items()):
                ended.add_metric([*method, code], count)
        yield from (ended, open_calls, durations)

    def _collect_writer(self) -> Iterator[Metric]:
        writer = self._sources.writer
        yield _gauge(
            "runstream_writer_queue_bytes", "Bytes that wait to be written.", writer.queued_bytes
        )
        yield _durations(
            "runstream_commit_duration_seconds",
            "How long transactions of the writer took.",
            {(): writer.commits},
        )
        yield _counter(
            "runstream_committed_commands", "Commands that were committed.", writer.commands
        )
        yield _counter(
            "runstream_storage_failures",
            "Transactions that the storage failed.",
            writer.storage_failures,
        )
        yield _counter(
            "runstream_commit_conflicts",
            "Transactions that were run again because another server came between.",
            writer.conflicts,
        )

    def _collect_readers(self) -> Iterator[Metric]:
        readers = self._sources.readers
        lanes = {lane.name: lane for lane in readers.lanes()}
        waiting = GaugeMetricFamily(
            "runstream_reads", "Reads that run or wait for a thread.", labels=["lane"]
        )
        for name, lane in lanes.items():
            waiting.add_metric([name], lane.count())
        yield waiting
        yield _durations(
            "runstream_read_wait_seconds",
            "How long reads waited for a thread.",
            {(name,): lane.waits for name, lane in lanes.items()},
            ["lane"],
        )
        interrupted = CounterMetricFamily(
            "runstream_interrupted_reads", "Reads that were ended early.", labels=["reason"]
        )
        for reason, count in sorted(readers.interrupted.items()):
            interrupted.add_metric([reason], count)
        yield interrupted

    def _collect_connections(self) -> Iterator[Metric]:
        found = self._sources.engine.connections()
        states = GaugeMetricFamily(
            "runstream_database_connections", "Open connections.", labels=["state"]
        )
        states.add_metric(["in_use"], found.in_use)
        states.add_metric(["idle"], found.idle)
        yield states
        yield _gauge(
            "runstream_database_connections_limit",
            "Connections that may be open.",
            found.limit,
        )

    def _collect_feed(self) -> Iterator[Metric]:
        feed = self._sources.feed
        yield _gauge("runstream_watchers", "Open watches.", feed.count_watchers())
        yield _gauge(
            "runstream_stored_change_bytes",
            "Bytes of changes of this server in the database, for the watchers of all servers.",
            feed.stored_bytes(),
        )
        yield _gauge(
            "runstream_feed_lag_seconds",
            "How long after their commit the last changes came to the watches of this server.",
            feed.lag,
        )

    def _collect_points(self) -> Iterator[Metric]:
        appender = self._sources.appender
        yield _counter("runstream_points", "New points that were stored.", appender.points)
        yield _gauge(
            "runstream_seal_waiting_points",
            "Points of long tails that wait for the sealer.",
            self._sources.backlog.waiting_points,
        )
        yield _gauge(
            "runstream_unsealed_runs",
            "Runs with points in their tails.",
            self._sources.backlog.count_runs(),
        )
        yield _counter(
            "runstream_sealed_chunks", "Chunks that the sealer made.", self._sources.sealer.chunks
        )


def _gauge(name: str, text: str, value: float, labels: Mapping[str, str] | None = None) -> Metric:
    labels = labels or {}
    family = GaugeMetricFamily(name, text, labels=list(labels))
    family.add_metric(list(labels.values()), value)
    return family


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(name, text, value=value)


def _durations(
    name: str, text: str, by_label: Mapping[tuple[str, ...], Histogram], labels: Sequence[str] = ()
) -> Metric:
    family = HistogramMetricFamily(name, text, labels=labels)
    for values, histogram in by_label.items():
        family.add_metric(values, histogram.cumulative(), histogram.sum)
    return family
