"""A collector of OpenTelemetry that keeps what it gets, by OTLP over gRPC and over HTTP."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import (
    MetricsServiceServicer,
    add_MetricsServiceServicer_to_server,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)


class Collector:
    """A collector on two free ports; `close` ends it.

    Attributes:
        http: where it takes protobuf over HTTP.
        grpc: where it takes gRPC.
        resources: the attributes of what sent spans, each as often as it sent some.
        spans: the spans, in the order in which they came.
        figures: the newest values of metrics, by name and labels.
    """

    def __init__(self) -> None:
        self.resources: list[dict[str, str]] = []
        self.spans: list[Any] = []
        self.figures: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        self.http = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._grpc = grpc.server(ThreadPoolExecutor(2))
        add: Any  # they have no types
        for add, servicer in (
            (add_TraceServiceServicer_to_server, _Traces(self)),
            (add_MetricsServiceServicer_to_server, _Metrics(self)),
        ):
            add(servicer, self._grpc)
        self.grpc = f"http://127.0.0.1:{self._grpc.add_insecure_port('127.0.0.1:0')}"
        self._grpc.start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._grpc.stop(None)

    def take_spans(self, request: ExportTraceServiceRequest) -> None:
        for resource in request.resource_spans:
            attributes = resource.resource.attributes
            self.resources.append({each.key: each.value.string_value for each in attributes})
            for scope in resource.scope_spans:
                self.spans.extend(scope.spans)

    def take_metrics(self, request: ExportMetricsServiceRequest) -> None:
        for resource in request.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    points = metric.sum.data_points or metric.gauge.data_points
                    for point in points:
                        labels = sorted((a.key, a.value.string_value) for a in point.attributes)
                        value = point.as_double or point.as_int
                        self.figures[metric.name, tuple(labels)] = value


class _Traces(TraceServiceServicer):
    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def Export(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802 # of gRPC
        self._collector.take_spans(request)
        return ExportTraceServiceResponse()


class _Metrics(MetricsServiceServicer):
    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def Export(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802 # of gRPC
        self._collector.take_metrics(request)
        return ExportMetricsServiceResponse()


def _handler(collector: Collector) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # of the library
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.path == "/v1/traces":
                collector.take_spans(ExportTraceServiceRequest.FromString(body))
            else:
                collector.take_metrics(ExportMetricsServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
