"""Lost runs where servers share a database: a heartbeat counts whichever of them it reaches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import pytest

from runstream.v1.run_pb2 import RunStatus
from runstream.v1.run_service_pb2 import CreateRunRequest, GetRunRequest
from runstream_service.access.caller import ANYONE
from runstream_service.catalog import runs
from runstream_service.catalog.runs import NewRun
from runstream_service.engine.postgresql import PostgresqlEngine
from runstream_service.engine.store import Store
from runstream_service.live import heartbeats
from runstream_service.live.heartbeats import SharedHeartbeats
from support.api import Api, make_batch
from support.cluster import Cluster
from support.postgres import Postgres
from support.waiting import wait_until

T = TypeVar("T")
Connect = Callable[[str], Api]

LOST_AFTER = 100.0
HOUR = 3_600_000


@pytest.fixture
def store(postgres: Postgres) -> Iterator[Store]:
    store = Store.open(PostgresqlEngine(postgres.create_database()))
    with closing(store):
        yield store


class Clocks:
    """What the clocks of all servers show; each may be wrong by an offset of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds, self.offset = 1_000.0, 0
        monkeypatch.setattr(heartbeats, "_monotonic", lambda: 1000 * self.seconds)
        monkeypatch.setattr(heartbeats, "now", lambda: round(1000 * self.seconds) + self.offset)


class Servers:
    """The heartbeats of two servers, whose clocks differ by an hour."""

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self._store = store
        self.clocks = Clocks(monkeypatch)
        self.both = [SharedHeartbeats(LOST_AFTER) for _ in range(2)]

    def create(self) -> str:
        new = NewRun("0", "", "", None, (), "", heartbeat=True)
        return self._commit(0, lambda: runs.create(ANYONE, new)).run.uuid

    def send(self, server: int, run_id: str) -> None:
        self._commit(server, lambda: self.both[server].record(ANYONE, run_id))

    def look(self, server: int) -> list[str]:
        return self._commit(server, self.both[server].mark_lost_runs)

    def look_and_fail(self, server: int) -> None:
        """Look in a transaction that is undone."""

        def fail() -> None:
            assert self.both[server].mark_lost_runs()
            raise LookupError

        self._commit(server, fail)

    def status(self, run_id: str) -> int:
        return self._commit(0, lambda: runs.get(ANYONE, run_id)).status

    def _commit(self, server: int, function: Callable[[], T]) -> T:
        self.clocks.offset = server * HOUR
        with self._store.engine.write_transaction():
            return function()


@pytest.fixture
def servers(store: Store, monkeypatch: pytest.MonkeyPatch) -> Servers:
    return Servers(store, monkeypatch)


def test_a_heartbeat_counts_whichever_server_it_reaches_and_whatever_its_clock_says(
    servers: Servers,
) -> None:
    lively = [servers.create() for _ in range(3)]
    silent = servers.create()
    lost: list[str] = []
    for second in range(0, 400, 10):
        servers.clocks.seconds = 1_000.0 + second
        servers.send(0, lively[0])
        servers.send(1, lively[1])
        servers.send(second // 10 % 2, lively[2])
        lost += servers.look(0) + servers.look(1)
        assert lost == ([silent] if second > LOST_AFTER * 1.25 else [])
    assert [servers.status(run_id) for run_id in lively] == [RunStatus.RUNNING] * 3
    assert servers.status(silent) == RunStatus.FAILED
    servers.send(1, silent)
    assert servers.status(silent) == RunStatus.RUNNING
    for second in range(400, 520, 10):
        servers.clocks.seconds = 1_000.0 + second
        assert not {silent} & {*servers.look(0), *servers.look(1)}
    servers.clocks.seconds += 20
    assert silent in servers.look(1)
    assert silent not in servers.look(0)


def test_a_run_is_lost_also_if_the_server_that_looked_has_died(servers: Servers) -> None:
    run_id = servers.create()
    servers.send(0, run_id)
    for second in range(0, 140, 10):
        servers.clocks.seconds = 1_000.0 + second
        assert servers.status(run_id) == RunStatus.RUNNING
        servers.look(1)
        if second < 70:
            servers.look(0)
    assert servers.status(run_id) == RunStatus.FAILED


def test_a_time_without_the_database_is_not_counted(servers: Servers) -> None:
    run_id = servers.create()
    for server in (0, 1):
        servers.look(server)
    servers.clocks.seconds += 10_000
    assert servers.look(0) == servers.look(1) == []
    for _ in range(13):
        assert servers.status(run_id) == RunStatus.RUNNING
        servers.clocks.seconds += 10
        servers.look(1)
    assert servers.status(run_id) == RunStatus.FAILED


def test_a_run_is_lost_also_if_the_transaction_that_marks_it_is_run_again(
    servers: Servers,
) -> None:
    run_id = servers.create()
    for _ in range(13):
        assert servers.look(0) == []
        servers.clocks.seconds += 10
    with pytest.raises(LookupError):
        servers.look_and_fail(0)
    assert servers.status(run_id) == RunStatus.RUNNING
    assert servers.look(0) == [run_id]


def test_a_run_is_lost_with_its_server_and_comes_back_through_another(
    postgres: Postgres, tmp_path: Path, connect: Connect
) -> None:
    environment = {"RUNSTREAM_LOST_AFTER": "2"}
    cluster = Cluster(tmp_path, postgres.create_database(), 2, environment)
    first, second = (connect(server.address) for server in cluster.servers)

    def run(run_id: str) -> Any:
        return second.runs.GetRun(GetRunRequest(run_id=run_id)).run.info

    lively, lost = (
        first.runs.CreateRun(CreateRunRequest(heartbeat=True)).run.info.run_id for _ in range(2)
    )
    first.log_batches([make_batch(lost)])
    cluster.servers[0].kill()

    def is_lost() -> bool:
        second.log_batches([make_batch(lively)])
        time.sleep(0.05)
        return bool(run(lost).status == RunStatus.FAILED)

    wait_until(is_lost, 60)
    assert run(lively).status == RunStatus.RUNNING
    second.log_batches([make_batch(lost)])
    assert run(lost).status == RunStatus.RUNNING
    cluster.stop()
