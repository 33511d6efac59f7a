"""Whether the server lives and serves, as orchestrators and balancers ask it (O1)."""

from __future__ import annotations

import re
import resource
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import grpc
import pytest
import requests
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from runstream.v1.artifact_service_pb2 import UploadArtifactRequest
from runstream_service.grpc_server import SERVICES
from support.api import Api
from support.postgres import Postgres
from support.server_process import ServerProcess
from support.waiting import wait_until

SERVING = HealthCheckResponse.SERVING


def health_of_services(address: str) -> set[int]:
    """Return what the health service answers for the whole and for each service, as a set."""
    with grpc.insecure_channel(address) as channel:
        health: Any = HealthStub(channel)  # its stub has no types
        names = ("", *SERVICES)
        return {health.Check(HealthCheckRequest(service=name), timeout=30).status for name in names}


def probe(server: ServerProcess) -> tuple[int, str]:
    answer = requests.get(f"{server.http}/ready", timeout=60)
    return answer.status_code, answer.text


def test_a_server_that_commits_is_ready(server: ServerProcess) -> None:
    assert probe(server) == (200, "OK")
    assert requests.get(f"{server.http}/health", timeout=60).text == "OK"
    assert health_of_services(server.address) == {SERVING}


@pytest.mark.sqlite
def test_many_probes_cost_one_commit(server: ServerProcess) -> None:
    probe(server)
    wal = server.database.with_name(server.database.name + "-wal")
    before, began = wal.stat().st_size, time.monotonic()
    with requests.Session() as session:
        for _ in range(50):
            assert session.get(f"{server.http}/ready", timeout=60).status_code == 200
    seconds = time.monotonic() - began
    assert wal.stat().st_size - before <= (2 + seconds) * 3 * 4200  # three pages for each second


@pytest.mark.sqlite
def test_a_server_whose_writer_waits_lives_but_is_not_ready(server: ServerProcess) -> None:
    with closing(sqlite3.connect(server.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert probe(server) == (503, "the writer has committed nothing for 5 seconds")
        assert requests.get(f"{server.http}/health", timeout=60).status_code == 200
        other.execute("COMMIT")
    wait_until(lambda: probe(server) == (200, "OK"), 60)


@pytest.mark.sqlite
def test_a_full_disk_is_reported_and_its_end_too(server: ServerProcess) -> None:
    pid = server.process.pid
    unlimited = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, unlimited[1]))  # as if the disk were full
    wait_until(lambda: probe(server)[0] == 503, 60)
    assert probe(server)[1].startswith("the storage failed: d")
    wait_until(lambda: health_of_services(server.address) == {HealthCheckResponse.NOT_SERVING}, 60)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)
    wait_until(lambda: health_of_services(server.address) == {SERVING}, 60)
    assert probe(server) == (200, "OK")


def test_a_postgresql_that_is_away_is_reported_and_its_return_too(tmp_path: Path) -> None:
    postgres = Postgres()
    server = ServerProcess(
        tmp_path / "runs.db", {"RUNSTREAM_HTTP_PORT": "0"}, url=postgres.create_database()
    )
    assert probe(server) == (200, "OK")
    postgres.kill()
    wait_until(lambda: probe(server)[0] == 503, 60)
    assert probe(server)[1].startswith("the storage failed: ")
    assert requests.get(f"{server.http}/health", timeout=60).status_code == 200
    page = requests.get(f"{server.http}/metrics", timeout=60).text
    assert not re.search(r"^runstream_storage_failures_total 0\.0$", page, re.MULTILINE)
    postgres.start()
    wait_until(lambda: probe(server) == (200, "OK"), 60)
    server.stop()
    postgres.stop()


def test_no_probe_says_that_a_stopping_server_serves(server: ServerProcess, api: Api) -> None:
    finish = threading.Event()

    def chunks() -> Iterator[UploadArtifactRequest]:
        finish.wait(60)
        yield UploadArtifactRequest()

    upload = api.artifacts.UploadArtifact.future(chunks(), timeout=60)  # holds up the end
    with grpc.insecure_channel(server.address) as channel:
        health: Any = HealthStub(channel)
        watch = health.Watch(HealthCheckRequest(service=""), timeout=60)
        assert next(watch).status == SERVING
        server.process.terminate()
        assert next(watch).status == HealthCheckResponse.NOT_SERVING
        watch.cancel()
    assert health_of_services(server.address) == {HealthCheckResponse.NOT_SERVING}
    with suppress(requests.ConnectionError):  # the port takes no connection any more
        assert probe(server) == (503, "the server is stopping")
    finish.set()
    with suppress(grpc.RpcError):
        upload.result()
    server.process.communicate(timeout=30)
