"""A server on PostgreSQL: what it says, and what happens when the database is away or slow."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest
import requests
from grpc import StatusCode
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from runstream import TrackingClient
from runstream.v1.run_service_pb2 import GetRunRequest, UpdateRunRequest
from runstream_service.engine.store import open_engine
from runstream_service.engine.writer import COMMAND_BYTES
from support.api import Api, expect_refusal, make_batch
from support.postgres import Postgres
from support.server_process import ENVIRONMENT, ServerProcess
from support.waiting import wait_until

Connect = Callable[[str], Api]

WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
    "AND datname = current_database()"
)


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A PostgreSQL that a test may end."""
    postgres = Postgres()
    yield postgres
    postgres.stop()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str], ServerProcess]]:
    """Start a server on a database."""
    started: list[ServerProcess] = []

    def start(url: str) -> ServerProcess:
        environment = {"RUNSTREAM_HTTP_PORT": "0"}
        started.append(ServerProcess(tmp_path / "runs.db", environment, url=url))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.stop()


def count_queued(server: ServerProcess) -> int:
    """Return how many commands without data have no answer yet."""
    page = requests.get(f"{server.http}/metrics", timeout=30).text
    (queued,) = re.findall(r"^runstream_writer_queue_bytes (\S+)$", page, re.MULTILINE)
    return int(float(queued)) // COMMAND_BYTES


def health(server: ServerProcess) -> int:
    with grpc.insecure_channel(server.address) as channel:
        stub: Any = HealthStub(channel)  # it has no types
        return int(stub.Check(HealthCheckRequest(), timeout=30).status)


def refused(url: str) -> str:
    """Start a server that must not come up; return what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "runstream", "server", "--port", "0", "--database", url],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done
    return done.stderr


def test_a_server_that_is_killed_leaves_the_database_to_the_next(
    postgres: Postgres, start: Callable[[str], ServerProcess], connect: Connect
) -> None:
    server = start(postgres.create_database())
    run_id = connect(server.address).create_run()
    server.kill()
    server.restart()
    assert connect(server.address).runs.GetRun(GetRunRequest(run_id=run_id)).run.info.run_id


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://ada:geheim@127.0.0.1:1/runs", "Connection refused"),
        ("postgresql://ada:geheim@127.0.0.1/runs?nothing=1", "invalid URI query parameter"),
    ],
)
def test_a_database_that_cannot_be_opened_is_named_without_its_password(
    url: str, reason: str
) -> None:
    said = refused(url)
    assert reason in said
    assert said.count("\n") == 1
    assert "geheim" not in said


def test_the_password_is_in_neither_greeting_nor_log(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.create_database().replace("postgres@", "postgres:geheim@")
    with subprocess.Popen(
        [sys.executable, "-m", "runstream", "server", "--port", "0", "--database", url],
        env=ENVIRONMENT | {"RUNSTREAM_LOG_LEVEL": "debug"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    ) as process:
        assert process.stdout is not None
        greeting = process.stdout.readline()
        process.terminate()
        said = "".join((greeting, *process.communicate(timeout=30)))
    assert "storing in postgresql://postgres@127.0.0.1" in greeting
    assert "geheim" not in said


def test_a_database_that_belongs_to_another_program_is_refused(postgres: Postgres) -> None:
    url = postgres.create_database()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE account (id integer)")
    assert "belongs to another program" in refused(url)


def test_what_is_logged_while_the_database_is_away_is_there_once(
    own_postgres: Postgres, start: Callable[[str], ServerProcess], connect: Connect
) -> None:
    server = start(own_postgres.create_database())
    api = connect(server.address)
    with TrackingClient(server.uri) as client:
        run_id = client.create_run("0").info.run_id
        for step in range(300):
            client.log_metric(run_id, "m", step / 7, step=step, timestamp=1)
            if step == 100:
                client.flush()
                own_postgres.kill()
                for _ in range(50):
                    with expect_refusal(StatusCode.UNAVAILABLE, "STORAGE"):
                        api.runs.GetRun(GetRunRequest(run_id=run_id), timeout=30)
                wait_until(lambda: health(server) == HealthCheckResponse.NOT_SERVING, 60)
            if step == 200:
                own_postgres.start()
        client.flush()
    wait_until(lambda: health(server) == HealthCheckResponse.SERVING, 60)
    expected = [("m", step, 1, step / 7) for step in range(300)]
    assert api.read_points(run_id) == expected
    failures = [line for line in server.stop().splitlines() if "storage failed" in line]
    assert 1 <= len(failures) < 20  # the same words come once in ten seconds


def test_a_read_whose_caller_has_gone_ends_in_the_database(
    postgres: Postgres, start: Callable[[str], ServerProcess], connect: Connect
) -> None:
    server = start(postgres.create_database())
    api = connect(server.address)
    run_id = api.create_run()

    def count_waiting() -> int:
        return int(server.query(WAITING)[0][0])

    with psycopg.connect(server.url) as locker:
        locker.execute("LOCK TABLE run")
        call = api.runs.GetRun.future(GetRunRequest(run_id=run_id))
        wait_until(lambda: count_waiting() == 1, 30)
        call.cancel()
        wait_until(lambda: count_waiting() == 0, 10)
    assert api.runs.GetRun(GetRunRequest(run_id=run_id), timeout=30).run.info.run_id == run_id


def test_a_deadlock_with_others_is_no_error_for_callers(
    postgres: Postgres, start: Callable[[str], ServerProcess], connect: Connect
) -> None:
    server = start(postgres.create_database())
    api = connect(server.address)
    zero, first, middle, last = (api.create_run() for _ in range(4))

    def rename(run_id: str) -> str:
        request = UpdateRunRequest(run_id=run_id, run_name="renamed")
        return str(api.runs.UpdateRun(request, timeout=60).run_info.run_name)

    def touch(connection: psycopg.Connection, run_id: str) -> None:
        connection.execute("UPDATE run SET user_id = 'x' WHERE uuid = %s", (run_id,))

    def count_waiting() -> int:
        return int(server.query(WAITING)[0][0])

    with (
        psycopg.connect(server.url) as blocker,
        psycopg.connect(server.url) as gate,
        psycopg.connect(server.url) as other,
        ThreadPoolExecutor() as threads,
    ):
        other.execute("SET deadlock_timeout = '1h'")  # it is the server that is ended
        touch(blocker, zero)
        touch(gate, middle)
        touch(other, last)
        calls = [threads.submit(rename, zero)]
        wait_until(lambda: count_waiting() == 1, 30)
        # What comes while the writer waits is one transaction, which has the first run and then
        # waits for the next one.
        for run_id in (first, middle, last):
            calls.append(threads.submit(rename, run_id))
            wait_until(lambda: count_queued(server) == len(calls), 30)
        blocker.commit()
        assert calls[0].result(60) == "renamed"
        wait_until(lambda: count_waiting() == 1, 30)
        taken = threads.submit(touch, other, first)
        wait_until(lambda: count_waiting() == 2, 30)
        gate.commit()  # the server goes on to the last run, and the circle is closed
        taken.result(60)
        other.commit()
        assert [call.result(60) for call in calls] == ["renamed"] * 4
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    wait_until(lambda: server.query(deadlocks) == [(1,)], 30)
    assert "a command failed" not in server.stop()


def test_a_connection_that_an_administrator_ends_is_replaced(
    postgres: Postgres, start: Callable[[str], ServerProcess], connect: Connect
) -> None:
    server = start(postgres.create_database())
    api = connect(server.address)
    run_id = api.create_run()
    server.query(
        "SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    (answer,) = api.log_batches([make_batch(run_id, [("m", 1, 1, 0.5)])])
    assert not answer.HasField("error")
    assert api.read_points(run_id) == [("m", 1, 1, 0.5)]


def test_rows_that_are_left_unread_end_no_transaction(postgres: Postgres) -> None:
    engine = open_engine(postgres.create_database())
    numbers = "SELECT generate_series(1, 1000)"
    try:
        with engine.read_transaction():
            for rows in (engine.stream(numbers, ()), engine.open_cursor(numbers, ())):
                assert rows.fetchmany(2) == [(1,), (2,)]
                rows.close()
            assert engine.connection().execute(numbers).fetchone() == (1,)
    finally:
        engine.close_all()


def test_each_row_that_is_inserted_has_its_id_in_order(postgres: Postgres) -> None:
    engine = open_engine(postgres.create_database())
    try:
        with engine.write_transaction():
            assert engine.insert_each("SELECT %s::bigint", [(3,), (1,), (2,)]) == [3, 1, 2]
    finally:
        engine.close_all()


def test_no_connection_that_is_left_is_a_clear_error(
    postgres: Postgres, start: Callable[[str], ServerProcess], connect: Connect
) -> None:
    url = postgres.create_database()
    postgres.execute("CREATE ROLE narrow SUPERUSER LOGIN")
    server = start(url.replace("postgres@", "narrow@"))
    api = connect(server.address)
    name = url.rpartition("/")[2]
    postgres.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    try:
        with expect_refusal(StatusCode.UNAVAILABLE, "STORAGE") as refusal:
            for _ in range(20):  # the connections that it has serve it
                list(ThreadPoolExecutor().map(lambda _: api.create_run(), range(2)))
                _end_connections(postgres, name)
        assert "the storage failed" in refusal.message
    finally:
        postgres.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert api.create_run()


def _end_connections(postgres: Postgres, database: str) -> None:
    others = f"pg_stat_activity WHERE datname = '{database}'"
    postgres.execute(f"SELECT pg_terminate_backend(pid) FROM {others}")
