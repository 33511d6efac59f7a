"""Spans of calls, and the figures of the page of metrics, sent by the SDK of OpenTelemetry.

The variables that the SDK reads by itself (service name, attributes, sampler, headers, intervals)
are not repeated here.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import grpc
from opentelemetry import trace
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.instrumentation.grpc import aio_server_interceptor, filters
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from starlette.applications import Starlette
from starlette.routing import Match
from starlette.types import ASGIApp

from runstream_service.metrics.sources import MetricSources
from runstream_service.telemetry.figures import observe_figures

# Seconds that what is not sent yet may take when the server ends.
_FLUSH_SECONDS = 5.0

_NO_TRACES = trace.NoOpTracerProvider()


class Telemetry:
    """What sends traces and metrics; it stays until `close`."""

    def __init__(self, signals: Sequence[str]) -> None:
        """Start to send `signals`, of TRACES and METRICS."""
        resource = _resource()
        self._traces: Any = _NO_TRACES
        if "TRACES" in signals:
            self._traces = TracerProvider(resource=resource, shutdown_on_exit=False)
            self._traces.add_span_processor(BatchSpanProcessor(_exporter("TRACES")))
        readers = []
        if "METRICS" in signals:
            readers = [PeriodicExportingMetricReader(_exporter("METRICS"))]
        self._metrics = MeterProvider(readers, resource, shutdown_on_exit=False)
        # A stream that breaks off is closed in another context than the one it began in, which the
        # SDK logs as an error with a traceback.
        logging.getLogger("opentelemetry.context").setLevel(logging.CRITICAL)
        for handler in logging.root.handlers:
            handler.addFilter(_add_trace)

    def interceptors(self) -> list[grpc.aio.ServerInterceptor]:
        """Return what makes a span of each call of gRPC, a child of the caller's if it has one."""
        is_contract: Any = filters.service_prefix("runstream.v1.")
        make: Any = aio_server_interceptor  # it has no types
        return [make(self._traces, is_contract)]

    def instrument_http(self, app: Starlette) -> ASGIApp:
        """Return an application that makes a span of each request, and measures it."""

        def span_details(scope: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
            path = next(_matching_paths(app, scope), "")
            return f"{scope['method']} {path}".strip(), {"http.route": path} if path else {}

        return OpenTelemetryMiddleware(
            app,
            default_span_details=span_details,
            tracer_provider=self._traces,
            meter_provider=self._metrics,
            exclude_spans=["receive", "send"],
        )

    def send_figures(self, sources: MetricSources) -> None:
        """Send the figures of the page of metrics from now on."""
        observe_figures(self._metrics.get_meter("runstream"), sources)

    def close(self) -> None:
        """Send what is left, but wait for it no longer than some seconds."""
        flush = threading.Thread(target=self._shut_down, name="telemetry", daemon=True)
        flush.start()
        flush.join(_FLUSH_SECONDS)

    def _shut_down(self) -> None:
        if self._traces is not _NO_TRACES:
            self._traces.shutdown()
        self._metrics.shutdown()


def _matching_paths(app: Starlette, scope: Any) -> Iterator[str]:
    """Yield the template of the path of the route that answers a request."""
    for route in app.routes:
        if route.matches(scope)[0] is Match.FULL:
            yield getattr(route, "path", "")


def _resource() -> Resource:
    """Return what the spans are of: `runstream`, unless a variable names it otherwise."""
    found = Resource.create({SERVICE_VERSION: version("runstream")})
    if str(found.attributes[SERVICE_NAME]).startswith("unknown_service"):
        found = found.merge(Resource({SERVICE_NAME: "runstream"}))
    return found


def _exporter(signal: str) -> Any:
    """Return the exporter of a signal, by the protocol that the variables name."""
    protocol = os.environ.get(f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL") or os.environ.get(
        "OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"
    )
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        return OTLPSpanExporter() if signal == "TRACES" else OTLPMetricExporter()
    from opentelemetry.exporter.otlp.proto.http import metric_exporter, trace_exporter

    if signal == "TRACES":
        return trace_exporter.OTLPSpanExporter()
    return metric_exporter.OTLPMetricExporter()


def _add_trace(record: logging.LogRecord) -> bool:
    """Name the trace in which an event was logged; `logs.py` writes it."""
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        record.trace_id = trace.format_trace_id(context.trace_id)
        record.span_id = trace.format_span_id(context.span_id)
    return True
