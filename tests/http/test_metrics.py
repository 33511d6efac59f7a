"""The page of metrics, as Prometheus reads it, against what was done (O2)."""

from __future__ import annotations

import re
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import requests
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

from runstream.v1.logging_service_pb2 import LogBatchRequest
from runstream.v1.run_service_pb2 import GetRunRequest
from runstream.v1.watch_service_pb2 import WatchRequest
from support.api import Api, expect_refusal, make_batch
from support.artifacts import download, upload
from support.metrics_page import Page
from support.rest import Rest
from support.server_process import ServerProcess
from support.waiting import wait_until

OPERATIONS = Path(__file__).parents[2] / "docs/operations.md"


def test_calls_are_counted_by_method_and_code_over_both_protocols(
    server: ServerProcess, api: Api, rest: Rest
) -> None:
    run_id = api.create_run()
    for _ in range(3):
        api.runs.GetRun(GetRunRequest(run_id=run_id))
    with expect_refusal(grpc.StatusCode.NOT_FOUND, "RUN_NOT_FOUND"):
        api.runs.GetRun(GetRunRequest(run_id="0" * 32))
    rest.get("runs/get", run_id=run_id)
    assert rest.refusal("GET", "runs/get", params={"run_id": "0" * 32})[0] == 404
    page = Page(server)
    grpc_calls = {"protocol": "grpc", "method": "RunService/GetRun"}
    http_calls = {"protocol": "http", "method": "RunService/GetRun"}
    assert page.value("runstream_calls_total", code="OK", **grpc_calls) == 3
    assert page.value("runstream_calls_total", code="NOT_FOUND", **grpc_calls) == 1
    assert page.value("runstream_call_duration_seconds_count", **grpc_calls) == 4
    assert 0 < page.value("runstream_call_duration_seconds_sum", **grpc_calls) < 60
    assert page.value("runstream_calls_total", code="OK", **http_calls) == 1
    assert page.value("runstream_calls_total", code="NOT_FOUND", **http_calls) == 1
    assert page.value("runstream_open_calls", **grpc_calls) == 0


def test_what_callers_send_makes_no_new_labels(server: ServerProcess, rest: Rest) -> None:
    before = {(s.name, *sorted(s.labels.items())) for s in Page(server).samples}
    with grpc.insecure_channel(server.address) as channel:
        for _ in range(20):
            name = secrets.token_hex(4)
            call: Any = channel.unary_unary(f"/runstream.v1.RunService/{name}")
            with pytest.raises(grpc.RpcError):
                call(b"", timeout=30)
            rest.session.get(f"{rest.uri}/api/2.0/mlflow/runs/{name}")
    assert {(s.name, *sorted(s.labels.items())) for s in Page(server).samples} == before


def test_points_commits_streams_and_watches_are_counted(server: ServerProcess, api: Api) -> None:
    run_id = api.create_run()
    finish = threading.Event()

    def batches() -> Iterator[LogBatchRequest]:
        for _ in range(2):  # the second time nothing is new
            yield make_batch(run_id, [("m", i, i, i / 7) for i in range(1000)])
        finish.wait(60)

    stream = api.logging.LogBatch(batches(), timeout=60)
    while next(stream).answered < 2:
        pass
    watch = api.watches.Watch(WatchRequest(run_ids=[run_id]), timeout=60)
    next(watch)
    page = Page(server)
    opened = {"protocol": "grpc", "method": "LoggingService/LogBatch"}
    assert page.value("runstream_open_calls", **opened) == 1
    assert page.value("runstream_watchers") == 1
    assert page.value("runstream_points_total") == 1000
    assert page.value("runstream_unsealed_runs") == 1
    assert page.value("runstream_writer_queue_bytes") == 0
    commits = page.value("runstream_commit_duration_seconds_count")
    assert 2 <= commits <= page.value("runstream_committed_commands_total")
    assert page.value("runstream_storage_failures_total") == 0
    finish.set()
    list(stream)
    watch.cancel()
    wait_until(lambda: Page(server).value("runstream_watchers") == 0, 60)
    page = Page(server)
    assert page.value("runstream_open_calls", **opened) == 0
    assert page.value("runstream_calls_total", code="OK", **opened) == 1
    ended = {"protocol": "grpc", "method": "WatchService/Watch", "code": "CANCELLED"}
    assert page.value("runstream_calls_total", **ended) == 1


def test_sealed_chunks_reads_and_files_are_counted(server: ServerProcess, api: Api) -> None:
    run_id = api.create_run()
    for first in range(0, 40_000, 1000):
        points = [("m", first + i, 1, 0.5) for i in range(1000)]
        api.log_batches([make_batch(run_id, points)])
    upload(api, run_id, "a.bin", b"x" * 300_000)
    download(api, run_id, "a.bin")
    wait_until(lambda: Page(server).value("runstream_sealed_chunks_total") > 0, 60)
    api.runs.GetRun(GetRunRequest(run_id=run_id))
    page = Page(server)
    assert page.value("runstream_artifact_received_bytes_total") == 300_000
    assert page.value("runstream_artifact_sent_bytes_total") == 300_000
    assert page.value("runstream_read_wait_seconds_count", lane="quick") > 1
    limit = 11 if server.url.startswith("sqlite") else 12
    assert page.value("runstream_database_connections", state="in_use") <= limit
    assert page.value("runstream_database_connections_limit") == limit
    assert page.value("runstream_reads", lane="quick") == 0
    assert page.value("process_resident_memory_bytes") > 10_000_000
    assert page.value("process_cpu_seconds_total") > 0
    if server.url.startswith("sqlite"):
        with sqlite3.connect(server.database) as database:
            (chunks,) = database.execute("SELECT count(*) FROM chunk").fetchone()
        assert page.value("runstream_sealed_chunks_total") >= chunks > 0


def test_the_page_is_openmetrics_for_those_who_ask(server: ServerProcess) -> None:
    accept = {"accept": "application/openmetrics-text; version=1.0.0"}
    answer = requests.get(f"{server.http}/metrics", headers=accept, timeout=60)
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")
    names = {family.name for family in parse_openmetrics(answer.text)}  # type: ignore[no-untyped-call]
    page = Page(server)
    assert page.media_type.startswith("text/plain; version=")
    assert {"runstream_calls", "runstream_info", "process_cpu_seconds"} <= names
    assert names == set(page.families)


def test_the_page_is_for_the_names_of_the_server_alone(server: ServerProcess) -> None:
    url = f"{server.http}/metrics"
    assert requests.get(url, headers={"host": "evil.example"}, timeout=60).status_code == 403
    assert requests.get(url, headers={"host": "10.0.0.7:5000"}, timeout=60).status_code == 200


def test_every_metric_is_described_in_the_documents(server: ServerProcess, api: Api) -> None:
    api.create_run()
    text = OPERATIONS.read_text()
    described = set(re.findall(r"^\| `(runstream_\w+)`", text, re.M))
    there = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in Page(server).families.values()
        if family.name.startswith("runstream_")
    }
    assert described == there
