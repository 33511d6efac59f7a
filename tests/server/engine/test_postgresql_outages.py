"""A server whose PostgreSQL is away, frozen, replaced or closed to it, and comes back (O12)."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest
from grpc import StatusCode
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from runstream import TrackingClient
from runstream.v1.experiment_service_pb2 import CreateExperimentRequest
from runstream.v1.run_service_pb2 import GetRunRequest
from runstream_service.stop_deadline import NOT_WRITTEN_OUT
from support.api import Api, expect_refusal, make_batch
from support.held_sealer import held_sealer
from support.postgres import Postgres
from support.server_process import ServerProcess
from support.waiting import wait_until

Connect = Callable[[str], Api]

DISK_FULL = """
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;
CREATE TRIGGER full_disk BEFORE INSERT ON tail_row EXECUTE FUNCTION fail();
CREATE TRIGGER full_disk BEFORE INSERT ON setting EXECUTE FUNCTION fail();
CREATE TRIGGER full_disk BEFORE INSERT ON experiment EXECUTE FUNCTION fail();
CREATE TRIGGER full_disk BEFORE UPDATE ON server EXECUTE FUNCTION fail();
"""
DISK_FREE = "DROP FUNCTION fail CASCADE"

STOPS_SOON = """
from runstream_service import stop_deadline
stop_deadline.STOP_SECONDS = 3
from runstream.cli import main
main()
"""
# Seals tails that are quiet for half a second, and stands still while there is a file `hold`.
HELD_SEALER = held_sealer(
    "backlog.SEAL_POINTS, backlog.IDLE_SECONDS, backlog.LOOK_SECONDS = 200, 0.5, 0.2"
)

TABLES = "ALL TABLES IN SCHEMA public"

# What happens to the database, what mends it, and what callers are told meanwhile.
TROUBLES = {
    "a disk that is full": (DISK_FULL, DISK_FREE, "No space left on device"),
    "a right that is missing": (
        f"REVOKE INSERT, UPDATE ON {TABLES} FROM app",
        f"GRANT ALL ON {TABLES} TO app",
        "permission denied for table",
    ),
    "a role that may not log in": (
        "ALTER ROLE app NOLOGIN; {end_connections}",
        "ALTER ROLE app LOGIN",
        "is not permitted to log in",
    ),
    "a database that is read-only": (
        "ALTER ROLE app SET default_transaction_read_only = on; {end_connections}",
        "ALTER ROLE app RESET default_transaction_read_only; {end_connections}",
        "read-only transaction",
    ),
    "a role with too few connections": (
        "ALTER ROLE app CONNECTION LIMIT 0; {end_connections}",
        "ALTER ROLE app CONNECTION LIMIT -1",
        "too many connections for role",
    ),
}

END_CONNECTIONS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., ServerProcess]]:
    """Start a server on a database."""
    started: list[ServerProcess] = []

    def start(url: str, program: str = "", **environment: str) -> ServerProcess:
        words = ("-c", program) if program else None
        started.append(ServerProcess(tmp_path / "runs.db", environment, words, url=url))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.stop()


@contextmanager
def new_postgres(**arguments: Any) -> Iterator[Postgres]:
    postgres = Postgres(**arguments)
    try:
        yield postgres
    finally:
        postgres.stop()


def is_serving(server: ServerProcess) -> bool:
    with grpc.insecure_channel(server.address) as channel:
        stub: Any = HealthStub(channel)  # it has no types
        status = stub.Check(HealthCheckRequest(), timeout=30).status
        return bool(status == HealthCheckResponse.SERVING)


def expected(steps: int) -> list[tuple[str, int, int, float]]:
    return [("m", step, 1, step / 7) for step in range(steps)]


def log(client: TrackingClient, run_id: str, steps: range) -> None:
    for step in steps:
        client.log_metric(run_id, "m", step / 7, step=step, timestamp=1)


def refused_write(api: Api) -> str:
    """Write what cannot be written; return what the error says."""
    with expect_refusal(StatusCode.UNAVAILABLE, "STORAGE") as refusal:
        api.experiments.CreateExperiment(CreateExperimentRequest(name="x"), timeout=60)
    return refusal.message


@pytest.mark.parametrize("trouble", TROUBLES)
def test_what_the_database_refuses_is_a_clear_error_and_clients_go_on_when_it_is_mended(
    postgres: Postgres, start: Callable[..., ServerProcess], connect: Connect, trouble: str
) -> None:
    break_it, mend_it, text = TROUBLES[trouble]
    url = postgres.create_database()
    if not postgres.execute("SELECT 1 FROM pg_roles WHERE rolname = 'app'"):
        postgres.execute("CREATE ROLE app LOGIN")
    postgres.execute(f"ALTER DATABASE {url.rpartition('/')[2]} OWNER TO app")

    def administrate(statements: str) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            for statement in statements.split("; {end_connections}"):
                connection.execute(statement or END_CONNECTIONS)

    server = start(url.replace("postgres@", "app@"))
    api = connect(server.address)
    with TrackingClient(server.uri) as client:
        run_id = client.create_run("0").info.run_id
        log(client, run_id, range(100))
        client.flush()
        administrate(break_it)
        try:
            log(client, run_id, range(100, 200))
            wait_until(lambda: text in refused_write(api), 60)
            wait_until(lambda: not is_serving(server), 60)
        finally:
            administrate(mend_it)
        wait_until(lambda: is_serving(server), 60)
        log(client, run_id, range(200, 300))
        client.flush()
    assert api.read_points(run_id) == expected(300)
    assert "a command failed" not in server.stop()


def test_a_frozen_database_holds_no_caller_beyond_its_time_and_loses_nothing(
    start: Callable[..., ServerProcess], connect: Connect
) -> None:
    with new_postgres() as postgres:
        server = start(postgres.create_database(), RUNSTREAM_QUERY_TIMEOUT="1")
        api = connect(server.address)
        with TrackingClient(server.uri) as client:
            run_id = client.create_run("0").info.run_id
            log(client, run_id, range(100))
            client.flush()
            postgres.signal_all(signal.SIGSTOP)
            try:
                log(client, run_id, range(100, 200))
                with ThreadPoolExecutor(20) as threads:  # more than there are threads that read
                    reads = [threads.submit(read_late, api, run_id) for _ in range(20)]
                    assert all(read.result(60) for read in reads)
                wait_until(lambda: not is_serving(server), 60)
            finally:
                postgres.signal_all(signal.SIGCONT)
            wait_until(lambda: is_serving(server), 60)
            log(client, run_id, range(200, 300))
            client.flush()
        assert api.read_points(run_id) == expected(300)
        server.stop()


@pytest.mark.parametrize("is_logged_to", [True, False], ids=["that is logged to", "idle"])
def test_a_frozen_database_does_not_hold_up_the_end_of_a_server(
    start: Callable[..., ServerProcess], connect: Connect, is_logged_to: bool
) -> None:
    with new_postgres() as postgres:
        server = start(postgres.create_database(), STOPS_SOON)
        run_id = connect(server.address).create_run()
        postgres.signal_all(signal.SIGSTOP)
        try:
            if is_logged_to:
                batch = make_batch(run_id, [("m", 0, 1, 0.5)])
                answers = connect(server.address).logging.LogBatch(iter([batch]), timeout=60)
            server.process.terminate()
            _, errors = server.process.communicate(timeout=25)
        finally:
            postgres.signal_all(signal.SIGCONT)
        assert server.process.returncode == NOT_WRITTEN_OUT
        assert "not all was written out" in errors
        if is_logged_to:
            assert answers.code() == StatusCode.UNAVAILABLE  # it was not acknowledged
        server.restart()
        assert server.stop() == ""


def test_a_database_that_restarts_is_one_line_of_the_sealer_and_no_traceback(
    tmp_path: Path, start: Callable[..., ServerProcess], connect: Connect
) -> None:
    hold = tmp_path / "hold"
    hold.touch()
    with new_postgres() as postgres:
        server = start(postgres.create_database(), HELD_SEALER)
        with TrackingClient(server.uri) as client:
            run_ids = [client.create_run("0").info.run_id for _ in range(10)]
            for run_id in run_ids:
                log(client, run_id, range(250))
            client.flush()
            postgres.kill()
            hold.unlink()
            wait_until(lambda: not is_serving(server), 60)
            postgres.start()
            sealed = "SELECT count(DISTINCT series_id) FROM chunk"
            wait_until(lambda: server.query(sealed) == [(len(run_ids),)], 60)
        api = connect(server.address)
        assert [api.read_points(run_id) for run_id in run_ids] == [expected(250)] * len(run_ids)
        errors = server.stop()
    assert "Traceback" not in errors
    assert errors.count("points were not sealed: ") == 1


def read_late(api: Api, run_id: str) -> bool:
    """Read what cannot be read in time; return whether the error said so."""
    with expect_refusal(StatusCode.DEADLINE_EXCEEDED, "READ_TOO_LONG"):
        api.runs.GetRun(GetRunRequest(run_id=run_id), timeout=60)
    return True


def test_a_standby_takes_over_and_every_point_is_there_once(
    start: Callable[..., ServerProcess], connect: Connect
) -> None:
    with new_postgres() as primary, new_postgres(primary=primary) as standby:
        url = primary.create_database()
        hosts = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
        server = start(url.replace(f"127.0.0.1:{primary.port}", hosts))
        api = connect(server.address)
        with TrackingClient(server.uri) as client:
            run_id = client.create_run("0").info.run_id
            log(client, run_id, range(100))
            client.flush()
            primary.kill()
            log(client, run_id, range(100, 200))
            wait_until(lambda: not is_serving(server), 60)  # a standby takes no writes
            standby.execute("SELECT pg_promote()")
            wait_until(lambda: is_serving(server), 60)
            log(client, run_id, range(200, 300))
            client.flush()
        assert api.read_points(run_id) == expected(300)
        server.stop()


def test_a_time_limit_of_the_administrator_does_not_cut_short_what_the_server_limits(
    postgres: Postgres, start: Callable[..., ServerProcess], connect: Connect
) -> None:
    server = start(postgres.create_database())
    name = server.url.rpartition("/")[2]
    postgres.execute(f"ALTER DATABASE {name} SET statement_timeout = 1")
    postgres.execute(END_CONNECTIONS.replace("current_database()", f"'{name}'"))
    api = connect(server.address)
    run_ids = [api.create_run() for _ in range(50)]
    for run_id in run_ids:
        assert api.runs.GetRun(GetRunRequest(run_id=run_id)).run.info.run_id == run_id
    assert "statement timeout" not in server.stop()
