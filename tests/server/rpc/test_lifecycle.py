"""Starting, reporting health, describing itself, stopping."""

from __future__ import annotations

import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from runstream.v1.logging_service_pb2 import LogBatchRequest
from runstream.v1.run_service_pb2 import CreateRunRequest
from runstream_service.server import GRACE
from support.api import Api, expect_refusal, make_batch
from support.server_process import ServerProcess

SERVICES = {
    "runstream.v1.ExperimentService",
    "runstream.v1.RunService",
    "runstream.v1.LoggingService",
    "runstream.v1.MetricService",
}


def test_a_healthy_server_prints_one_line(server: ServerProcess, api: Api) -> None:
    api.log_batches([make_batch(api.create_run(), [("m", 1, 1, 1.0)])])
    assert server.stop() == ""
    assert server.process.stdout is not None
    assert server.process.stdout.closed


def test_health_is_reported_for_the_whole_and_for_each_service(server: ServerProcess) -> None:
    with grpc.insecure_channel(server.address) as channel:
        health: Any = HealthStub(channel)  # its stub has no types
        for service in ("", *SERVICES):
            answer = health.Check(HealthCheckRequest(service=service))
            assert answer.status == HealthCheckResponse.SERVING
        watch = health.Watch(HealthCheckRequest(service="runstream.v1.RunService"))
        assert next(watch).status == HealthCheckResponse.SERVING
        server.process.terminate()
        assert next(watch).status == HealthCheckResponse.NOT_SERVING
        watch.cancel()
    server.stop()


def test_the_server_describes_its_services_by_reflection(server: ServerProcess) -> None:
    with grpc.insecure_channel(server.address) as channel:
        described = ProtoReflectionDescriptorDatabase(channel)
        assert set(described.get_services()) >= SERVICES
        file = described.FindFileContainingSymbol("runstream.v1.LoggingService")
        assert file.name == "runstream/v1/logging_service.proto"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopping_server_answers_what_it_was_sent_and_ends_the_streams(
    server: ServerProcess, api: Api, number: signal.Signals
) -> None:
    run_id = api.create_run()
    stopped = threading.Event()
    signalled = 0.0

    def requests() -> Iterator[LogBatchRequest]:
        nonlocal signalled
        for step in range(300):
            yield make_batch(run_id, [("m", step, step, 0.5)])
        signalled = time.monotonic()
        server.process.send_signal(number)
        stopped.wait(30)

    answered = 0
    with expect_refusal(grpc.StatusCode.UNAVAILABLE, "SERVER_STOPPING"):
        for answer in api.logging.LogBatch(requests(), timeout=30):
            answered = answer.answered
    stopped.set()
    assert server.process.wait(timeout=30) == 0
    assert time.monotonic() - signalled < GRACE  # which open streams are not given
    server.process.communicate()
    assert not server.database.with_name(server.database.name + "-wal").exists()
    server.restart()
    api.runs.CreateRun(CreateRunRequest(), wait_for_ready=True, timeout=30)
    assert len(api.read_points(run_id)) >= answered


def test_a_stopped_server_takes_its_address_back_and_frees_the_file(server: ServerProcess) -> None:
    address = server.database.with_name(server.database.name + ".address")
    assert address.read_text().strip() == server.address
    server.stop()
    assert not address.exists()
    server.restart()
    assert address.read_text().strip() == server.address


def test_a_full_queue_holds_the_client_back(server: ServerProcess, api: Api) -> None:
    """While the writer cannot commit the server stops reading, and so the client stops sending."""
    run_id = api.create_run()
    sent = 0
    finish: SimpleQueue[None] = SimpleQueue()

    def requests() -> Iterator[LogBatchRequest]:
        nonlocal sent
        for i in range(40):
            points = [("m", i * 40_000 + j, 1_700_000_000_000, j / 7) for j in range(40_000)]
            sent += 1
            yield make_batch(run_id, points)
        finish.get(timeout=60)

    blocking = sqlite3.connect(server.database, isolation_level=None)
    blocking.execute("BEGIN IMMEDIATE")
    answers = api.logging.LogBatch(requests(), timeout=120)
    time.sleep(3.5)
    assert 0 < sent < 30
    blocking.execute("COMMIT")
    blocking.close()
    while next(answers).answered < 40:
        pass
    finish.put(None)
    assert len(api.read_points(run_id)) == 1_600_000
