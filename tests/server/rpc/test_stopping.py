"""What a server that is stopped answers to calls under way: UNAVAILABLE, never CANCELLED (X5)."""

from __future__ import annotations

import http.client
import json
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import grpc
import pytest

from runstream.v1.artifact_service_pb2 import UploadArtifactRequest
from runstream.v1.logging_service_pb2 import LogMetricRequest
from runstream.v1.metric_service_pb2 import ReadMetricHistoryRequest
from runstream.v1.run_service_pb2 import GetRunRequest
from runstream.v1.watch_service_pb2 import WatchRequest
from support.api import Api, make_batch
from support.artifacts import start_part
from support.server_process import ServerProcess

# A server that gives calls under way a moment, and not ten seconds.
PROGRAM = """
from runstream_service import server
from runstream_service.http import listener
server.GRACE = listener.GRACE = 0.5
from runstream.cli import main
main()
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    server = ServerProcess(
        tmp_path / "runs.db", {"RUNSTREAM_HTTP_PORT": "0"}, program=("-c", PROGRAM)
    )
    yield server
    if server.process.poll() is None:
        server.stop()


def held(
    requests: list[UploadArtifactRequest], end: threading.Event
) -> Iterator[UploadArtifactRequest]:
    """Send some requests, and then nothing until the end."""
    yield from requests
    end.wait(60)


def test_calls_of_every_kind_end_as_unavailable(server: ServerProcess, api: Api) -> None:
    """Also those that wait because somebody else writes the database."""
    run_id, end = api.create_run(), threading.Event()
    api.log_batches([make_batch(run_id, [("m", step, 1, 0.5) for step in range(100_000)])])
    writing = sqlite3.connect(server.database, isolation_level=None)
    writing.execute("BEGIN IMMEDIATE")
    metric = LogMetricRequest(run_id=run_id, key="m", timestamp=1)
    waiting = [api.logging.LogMetric.future(metric, timeout=60) for _ in range(20)]
    watching = api.watches.Watch(WatchRequest(run_ids=[run_id]), timeout=60)
    streaming = api.logging.LogBatch(
        iter([make_batch(run_id, [("m", step, 9, 1.0)]) for step in range(3)]), timeout=60
    )
    upload = api.artifacts.UploadArtifact.future(held([start_part(run_id, "f")], end), timeout=60)
    # This channel takes 64 KiB before they are read, and not whole histories on a fast network.
    narrow = grpc.insecure_channel(server.address, options=[("grpc.http2.bdp_probe", 0)])
    unread = Api(narrow).metrics.ReadMetricHistory(
        ReadMetricHistoryRequest(run_id=run_id), timeout=60
    )
    next(unread)
    time.sleep(0.5)
    server.process.send_signal(signal.SIGTERM)
    server.process.communicate(timeout=60)
    calls: dict[str, list[Any]] = {
        "unary": waiting,
        "watch": [watching],
        "log": [streaming],
        "read": [unread],
        "upload": [upload],
    }
    for answers in (watching, streaming, unread):
        with suppress(grpc.RpcError):
            list(answers)
    codes = {kind: {call.code() for call in these} for kind, these in calls.items()}
    end.set()
    narrow.close()
    writing.close()
    assert codes == {kind: {grpc.StatusCode.UNAVAILABLE} for kind in calls}
    assert server.process.returncode == 0


def test_callers_who_go_on_calling_see_nothing_but_unavailable(
    server: ServerProcess, connect: Callable[[str], Api]
) -> None:
    run_id = connect(server.address).create_run()
    codes: set[grpc.StatusCode] = set()
    over = threading.Event()

    def call(api: Api) -> None:
        while not over.is_set():
            try:
                api.runs.GetRun(GetRunRequest(run_id=run_id), timeout=30)
                api.logging.LogMetric(
                    LogMetricRequest(run_id=run_id, key="m", timestamp=1), timeout=30
                )
            except grpc.RpcError as error:
                codes.add(error.code())

    threads = [threading.Thread(target=call, args=(connect(server.address),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    server.process.send_signal(signal.SIGTERM)
    server.process.communicate(timeout=60)
    assert server.process.returncode == 0
    over.set()
    for thread in threads:
        thread.join(30)
    assert codes == {grpc.StatusCode.UNAVAILABLE}


def test_requests_over_http_are_answered_by_503(server: ServerProcess, api: Api) -> None:
    run_id = api.create_run()
    codes: list[int] = []
    sent = threading.Barrier(4)

    def log() -> None:
        body = json.dumps({"run_id": run_id, "key": "m", "value": 1, "timestamp": 1})
        address = server.http.removeprefix("http://")
        with closing(http.client.HTTPConnection(address, timeout=60)) as connection:
            headers = {"content-type": "application/json"}
            connection.request("POST", "/api/2.0/mlflow/runs/log-metric", body, headers)
            sent.wait(60)
            answer = connection.getresponse()
            content = answer.read()
            assert b"TEMPORARILY_UNAVAILABLE" in content, (answer.status, content)
            codes.append(answer.status)

    with closing(sqlite3.connect(server.database, isolation_level=None)) as writing:
        writing.execute("BEGIN IMMEDIATE")
        threads = [threading.Thread(target=log) for _ in range(3)]
        for thread in threads:
            thread.start()
        sent.wait(60)
        time.sleep(0.5)  # until the server has read them
        server.process.send_signal(signal.SIGTERM)
        server.process.communicate(timeout=60)
        for thread in threads:
            thread.join(30)
    assert codes == [503] * 3
