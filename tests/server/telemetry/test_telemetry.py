"""Traces and metrics by OTLP (O8), as a collector gets them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
import requests

from runstream.v1.run_service_pb2 import CreateRunRequest, GetRunRequest
from runstream.v1.watch_service_pb2 import WatchRequest
from support.api import Api
from support.collector import Collector
from support.server_process import ENVIRONMENT, ServerProcess
from support.waiting import wait_until

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = ("traceparent", f"00-{TRACE}-{PARENT}-01")


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.close()


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_a_call_is_a_span_of_its_callers_trace_over_both_protocols(
    start_server: Callable[..., ServerProcess],
    connect: Callable[[str], Api],
    collector: Collector,
    protocol: str,
) -> None:
    server = start_server(
        RUNSTREAM_HTTP_PORT="0",
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.grpc if protocol == "grpc" else collector.http,
        OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
        OTEL_SERVICE_NAME="tracking-of-tests",
    )
    api = connect(server.address)
    run = api.runs.CreateRun(CreateRunRequest(), metadata=(TRACEPARENT,)).run
    requests.get(
        f"{server.http}/api/2.0/mlflow/runs/get",
        params={"run_id": run.info.run_id},
        headers=dict([TRACEPARENT]),
        timeout=60,
    ).raise_for_status()
    with pytest.raises(grpc.RpcError):
        api.runs.GetRun(GetRunRequest(run_id="0" * 32), metadata=(TRACEPARENT,))
    assert server.stop() == ""
    spans = {span.name.removeprefix("/"): span for span in collector.spans}
    assert set(spans) == {
        "runstream.v1.RunService/CreateRun",
        "runstream.v1.RunService/GetRun",
        "GET /api/2.0/mlflow/runs/get",
    }
    for span in spans.values():
        assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
    refused = {a.key: a.value for a in spans["runstream.v1.RunService/GetRun"].attributes}
    assert refused["rpc.grpc.status_code"].int_value == grpc.StatusCode.NOT_FOUND.value[0]
    assert {each["service.name"] for each in collector.resources} == {"tracking-of-tests"}
    method = (("method", "RunService/CreateRun"), ("protocol", "grpc"))
    assert collector.figures["runstream_calls_total", (("code", "OK"), *method)] == 1
    assert collector.figures["runstream_database_connections_limit", ()] > 0
    assert collector.figures["runstream_call_duration_seconds_count", method] == 1


def test_an_event_of_the_log_names_the_trace_of_its_request(
    start_server: Callable[..., ServerProcess], connect: Callable[[str], Api], collector: Collector
) -> None:
    server = start_server(OTEL_EXPORTER_OTLP_ENDPOINT=collector.http, RUNSTREAM_LOG_FORMAT="json")
    api = connect(server.address)
    run_id = api.create_run()
    server.query("DROP TABLE run_tag")
    with pytest.raises(grpc.RpcError):
        api.runs.GetRun(GetRunRequest(run_id=run_id), metadata=(TRACEPARENT,))
    events = [json.loads(line) for line in server.stop().splitlines()]
    assert {event.get("trace_id") for event in events} == {TRACE}
    assert any("storage failed" in event["message"] for event in events)  # of another thread


def test_a_stream_is_one_span_and_one_that_breaks_off_is_no_error_of_the_log(
    start_server: Callable[..., ServerProcess], connect: Callable[[str], Api], collector: Collector
) -> None:
    server = start_server(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{collector.http}/v1/traces")
    api = connect(server.address)
    run_id = api.create_run()
    answers = api.logging.LogBatch(iter([]), timeout=60)
    assert list(answers) == []
    watch = api.watches.Watch(WatchRequest(run_ids=[run_id]))
    next(watch)
    watch.cancel()
    api.create_run()
    assert server.stop() == ""

    def names() -> list[str]:
        return sorted(span.name.rpartition("/")[2] for span in collector.spans)

    wait_until(lambda: names() == ["CreateRun", "CreateRun", "LogBatch", "Watch"], 10)
    assert not collector.figures  # there is no address for them


def test_a_collector_that_is_away_holds_nobody_up(
    start_server: Callable[..., ServerProcess], connect: Callable[[str], Api]
) -> None:
    server = start_server(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1")
    api = connect(server.address)
    for _ in range(20):
        api.create_run()
    server.stop()  # in 30 seconds


def test_nothing_of_it_is_imported_unless_it_is_asked_for(tmp_path: Path) -> None:
    program = (
        "import sys; from runstream_service import server; "
        "from runstream_service.telemetry.start import start_telemetry; "
        "assert start_telemetry() is None; "
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=ENVIRONMENT | {"OTEL_SERVICE_NAME": "x", "OTEL_TRACES_EXPORTER": "none"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_missing_package_is_one_line_of_the_log(tmp_path: Path, collector: Collector) -> None:
    hidden = tmp_path / "opentelemetry"
    hidden.mkdir()
    (hidden / "__init__.py").write_text("raise ModuleNotFoundError(name='opentelemetry')")
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.http,
        "PYTHONPATH": str(tmp_path),
    }
    server = ServerProcess(tmp_path / "runs.db", environment)
    said = server.stop()
    assert "pip install 'runstream[opentelemetry]' installs it" in said
    assert said.count("\n") == 1
