"""The table of changes: what is recorded and when, in which order, and how much of it is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from typing import Any

import psycopg
import pytest

from runstream_service.engine import change_log
from runstream_service.engine.change_log import (
    FORGOTTEN,
    KEPT_SECONDS,
    ChangeLog,
    ServerState,
    announce_interest,
    changes_after,
    server_states,
)
from runstream_service.engine.membership import SILENCE, Membership
from runstream_service.engine.postgresql import PostgresqlEngine
from runstream_service.engine.store import Store
from support.postgres import Postgres
from support.waiting import wait_until


@pytest.fixture
def store(postgres: Postgres) -> Iterator[Store]:
    store = Store.open(PostgresqlEngine(postgres.create_database()))
    with closing(store):
        yield store


class Server:
    """The membership and the changes of a server, in transactions of their own."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.membership = Membership(store.engine)
        self.id = self.membership.id
        self.log = ChangeLog(self.membership)

    def commit(self, *rows: bytes, within: Callable[[], object] = lambda: None) -> bool:
        """Commit changes; return whether they were to be recorded."""
        with self._store.engine.write_transaction():
            is_recorded = self.log.begin()
            within()
            if is_recorded and rows:
                self.log.append(rows)
        return is_recorded

    def tidy(self, is_interested: bool) -> None:
        self.commit(within=lambda: self.log.tidy(is_interested))

    def state(self) -> ServerState:
        states: dict[int, ServerState] = self._read(server_states)
        return states[self.id]

    def told(self, *seen: int) -> list[bytes]:
        """What follows the changes that were seen, which are of the first servers."""
        numbers = dict(enumerate(seen, 1))
        return [change.data for change in self._read(lambda: changes_after(numbers))]

    def _read(self, query: Callable[[], Any]) -> Any:
        with self._store.engine.read_transaction():
            return query()


def query(store: Store, sql: str) -> list[Any]:
    """Run a statement beside the store; return its rows."""
    with psycopg.connect(store.engine.name) as connection:
        cursor = connection.execute(sql.encode())
        return cursor.fetchall() if cursor.description else []


def test_numbers_only_grow_also_after_a_transaction_that_failed(store: Store) -> None:
    server = Server(store)
    assert server.commit(b"a", b"b")

    def fail() -> None:
        server.log.append([b"lost"])
        raise LookupError

    with suppress(LookupError):
        server.commit(within=fail)
    server.commit(b"c")
    assert server.told(0) == [b"a", b"b", b"c"]
    assert server.told(3) == [b"c"]
    assert server.told(4) == []
    assert server.state() == (True, 0)


def test_changes_of_several_servers_come_in_the_order_in_which_they_saw_each_other(
    store: Store,
) -> None:
    first, second = Server(store), Server(store)
    for data, server in ((b"1", second), (b"2", first), (b"3", second), (b"4", first)):
        server.commit(data)
    assert first.told(0, 0) == [b"1", b"2", b"3", b"4"]
    assert first.told(1, 1) == [b"3", b"4"]


def test_a_server_records_until_nobody_is_interested_and_then_leaves_a_gap(store: Store) -> None:
    first, second = Server(store), Server(store)
    second.tidy(is_interested=True)
    first.commit(b"a")
    first.tidy(is_interested=False)
    assert first.commit(b"b")
    second.tidy(is_interested=False)
    first.tidy(is_interested=False)
    assert first.state() == (False, 3)
    assert not first.commit(b"c")
    assert first.told(0, 0) == []
    announce_interest(store.engine, second.id)
    assert first.commit(b"d")
    assert first.told(0, 0) == [b"d"]
    first.tidy(is_interested=False)
    assert first.state() == (True, 3)


def test_whoever_begins_to_watch_waits_for_the_transactions_that_are_not_recorded(
    store: Store,
) -> None:
    first, second = Server(store), Server(store)
    first.tidy(is_interested=False)
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"

    with ThreadPoolExecutor(1) as threads:

        def announce() -> None:
            begun.append(threads.submit(announce_interest, store.engine, second.id))
            wait_until(lambda: bool(query(store, waiting)), 30)
            assert not begun[0].done()

        begun: list[Any] = []
        assert not first.commit(within=announce)
        begun[0].result(30)
    assert first.commit(b"a")


def test_a_server_keeps_so_many_bytes_and_so_many_seconds(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(store)
    server.tidy(is_interested=True)
    monkeypatch.setattr(change_log, "KEPT_BYTES", 10_000)
    for i in range(200):
        server.commit(b"%03d" % i + b"x" * 900)
    told = server.told(0)
    assert 7 <= len(told) <= 10
    assert told[-1].startswith(b"199")
    assert server.state() == (True, 200 - len(told))
    monkeypatch.setattr(change_log, "KEPT_SECONDS", 0.0)
    server.tidy(is_interested=True)
    assert server.told(0) == []
    assert server.state() == (True, 200)


def test_what_a_server_left_that_is_gone_is_removed_and_it_may_come_back(store: Store) -> None:
    first, second = Server(store), Server(store)
    second.tidy(is_interested=True)
    first.commit(b"a", b"b")
    second.tidy(is_interested=True)
    assert second.told(0) == [b"a", b"b"]
    query(store, f"UPDATE server SET seen = seen - {1000 * SILENCE} WHERE id = {first.id}")
    second.tidy(is_interested=True)
    assert second.told(0) == [b"a", b"b"]
    query(store, f"UPDATE change SET created = created - {1000 * KEPT_SECONDS}")
    second.tidy(is_interested=True)
    assert second.told(0) == []
    assert first.state() == (True, 2)
    query(store, f"UPDATE server SET seen = seen - {1000 * FORGOTTEN} WHERE id = {first.id}")
    second.tidy(is_interested=True)
    assert query(store, "SELECT id FROM server") == [(second.id,)]
    first.commit(b"c")
    assert second.told(0) == [b"c"]
    assert first.state() == (True, 3)
