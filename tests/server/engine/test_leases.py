"""Leases and the servers of a database, on the connections of a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest

from runstream_service.engine.leases import Leases
from runstream_service.engine.membership import SILENCE, Membership
from runstream_service.engine.postgresql import PostgresqlEngine
from runstream_service.engine.sqlite import SqliteEngine
from runstream_service.engine.store import Store
from support.cluster import Cluster
from support.postgres import Postgres
from support.waiting import wait_until

T = TypeVar("T")

WAITING = (
    "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


@pytest.fixture
def store(postgres: Postgres) -> Iterator[Store]:
    store = Store.open(PostgresqlEngine(postgres.create_database()))
    with closing(store):
        yield store


def commit(store: Store, function: Callable[..., T], *args: Any) -> T:
    """Call a function in a transaction of its own, as a command of the writer."""
    with store.engine.write_transaction():
        return function(*args)


def query(store: Store, sql: str) -> list[Any]:
    """Run a statement beside the store; return its rows."""
    with psycopg.connect(store.engine.name) as connection:
        cursor = connection.execute(sql.encode())
        return cursor.fetchall() if cursor.description else []


def test_one_server_holds_a_lease_until_it_gives_it_back(store: Store) -> None:
    first, second = (Leases(Membership(store.engine)) for _ in range(2))
    assert commit(store, first.take, "purge", 60)
    assert not commit(store, second.take, "purge", 60)
    assert commit(store, second.take, "seal", 60)
    assert commit(store, first.take, "purge", 60)
    commit(store, second.release, "purge")
    assert not commit(store, second.take, "purge", 60)
    commit(store, first.release, "purge")
    assert commit(store, second.take, "purge", 60)
    assert not commit(store, first.take, "purge", 60)


def test_a_lease_that_is_not_renewed_goes_to_whoever_asks_next(store: Store) -> None:
    first, second = (Leases(Membership(store.engine)) for _ in range(2))
    assert commit(store, first.take, "purge", 0.2)
    wait_until(lambda: commit(store, second.take, "purge", 60), 30)
    assert not commit(store, first.take, "purge", 60)


def test_a_lease_of_a_clock_that_was_set_back_is_not_held_for_ever(store: Store) -> None:
    first, second = (Leases(Membership(store.engine)) for _ in range(2))
    assert commit(store, first.take, "purge", 60)
    query(store, "UPDATE lease SET expires = expires + 3600000")
    assert commit(store, second.take, "purge", 60)


def test_who_waits_for_a_step_under_a_lease_does_not_get_it(store: Store) -> None:
    """The lease ends within the step, and the other one gets it only after the commit."""
    first, second = (Leases(Membership(store.engine)) for _ in range(2))
    done: list[str] = []

    def wait() -> None:
        assert commit(store, second.take, "purge", 60)
        done.append("second")

    with ThreadPoolExecutor(1) as threads:
        with store.engine.write_transaction():
            assert first.take("purge", 0.001)
            waited = threads.submit(wait)
            wait_until(lambda: bool(query(store, WAITING)), 30)
            done.append("first")
        waited.result()
    assert done == ["first", "second"]


def test_the_server_of_a_file_has_every_lease(tmp_path: Path) -> None:
    store = Store.open(SqliteEngine(tmp_path / "runs.db"))
    with closing(store):
        server = Membership(store.engine)
        leases = Leases(server)
        assert server.id == 0
        assert commit(store, leases.take, "purge", 60)
        commit(store, leases.release, "purge")
        commit(store, server.leave)


def test_a_server_that_leaves_is_gone_at_once(store: Store) -> None:
    first, second = (Membership(store.engine) for _ in range(2))
    gone = f"SELECT id FROM server WHERE seen <= (SELECT max(seen) FROM server) - {SILENCE * 1000}"
    assert query(store, gone) == []
    commit(store, first.leave)
    commit(store, second.renew)
    assert query(store, gone) == [(first.id,)]


def test_servers_are_known_by_their_rows_and_leave_when_they_stop(
    postgres: Postgres, tmp_path: Path
) -> None:
    cluster = Cluster(tmp_path, postgres.create_database(), size=2)
    first, second = cluster.servers
    names = dict(first.query("SELECT name, seen FROM server"))
    assert sorted(name.partition("process ")[2] for name in names) == sorted(
        str(server.process.pid) for server in cluster.servers
    )
    assert all(names.values())
    first.stop()
    seen = dict(second.query("SELECT name, seen FROM server"))
    left = seen.pop(next(name for name in seen if name.endswith(f" {first.process.pid}")))
    assert left < min(seen.values()) - 20_000
    cluster.stop()
