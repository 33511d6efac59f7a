"""What an audit log keeps, for how long, and what it says of that which it cannot keep."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace
from typing import Any

import grpc
import psycopg
import pytest
import requests

from runstream.errors import Unavailable
from runstream.v1.access_service_pb2 import AuditEntry, SearchAuditLogRequest
from runstream.v1.experiment_service_pb2 import CreateExperimentRequest, DeleteExperimentRequest
from runstream.v1.run_service_pb2 import DeleteRunRequest
from runstream_service.access import audit, audit_bounds
from runstream_service.access.audit import AuditLog
from runstream_service.access.caller import Caller, ServerRole
from support.access import GuardedServer, connect_with_token, create_tokens
from support.server_process import ServerProcess
from support.waiting import wait_until

ADA = Caller("ada", ServerRole.WRITER)
DAY = 86_400_000


class Database:
    """Stands for the writer of a database that can be away."""

    def __init__(self) -> None:
        self.is_away = True
        self.entries: list[Any] = []

    async def submit(self, _command: Any, entries: list[Any]) -> None:
        if self.is_away:
            raise Unavailable("the storage failed", reason="STORAGE")
        self.entries += entries


def audit_log(database: Database) -> AuditLog:
    authentication: Any = SimpleNamespace(is_open=False)
    writer: Any = database
    return AuditLog(writer, authentication, days=0)


def record_calls(log: AuditLog, count: int) -> None:
    for number in range(count):
        log.record(ADA, "ipv4:127.0.0.1:1", "DeleteRun", f"run_id={number}", "OK")


def test_entries_that_are_lost_while_the_database_is_away_are_logged_now_and_then(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "_WAITING", 100)
    database = Database()
    log = audit_log(database)
    with caplog.at_level(logging.ERROR, logger=audit.__name__):
        record_calls(log, 100)
        assert caplog.messages == []
        record_calls(log, 50)
        begin = "entries of the audit log are lost"
        assert caplog.messages == [f"{begin}, 1 since the start: 100 wait for the database"]
        monkeypatch.setattr(audit, "_LOST_LOG_SECONDS", 0.0)
        record_calls(log, 1)
        assert caplog.messages[1:] == [f"{begin}, 51 since the start: 100 wait for the database"]


def test_what_was_recorded_before_is_written_when_the_database_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(audit, "_WAITING", 100)
    database = Database()
    log = audit_log(database)
    record_calls(log, 150)
    with pytest.raises(Unavailable):
        asyncio.run(log.flush())
    database.is_away = False
    asyncio.run(log.flush())
    assert [entry[4] for entry in database.entries] == [f"run_id={n}" for n in range(100)]
    record_calls(log, 1)
    asyncio.run(log.flush())
    assert len(database.entries) == 101


def execute(server: ServerProcess, sql: str) -> None:
    """Change the database of a server that is stopped."""
    if server.url.startswith("sqlite:"):
        with closing(sqlite3.connect(server.database)) as file, file:
            file.execute(sql)
    else:
        with psycopg.connect(server.url) as connection:
            connection.execute(sql.encode())


@pytest.mark.parametrize("days", ["30", "0"])
def test_entries_go_after_the_days_of_the_option_and_others_stay(
    tmp_path: Path, new_url: Callable[[], str | None], days: str
) -> None:
    server = ServerProcess(tmp_path / "runs.db", {"RUNSTREAM_AUDIT_DAYS": days}, url=new_url())
    try:
        root = create_tokens(server.address)["root"]
        names = ["29 days old", "31 days old", "new"]
        with connect_with_token(server.address, root) as api:
            ids = [api.create_experiment(name) for name in names]
            for experiment in ids:
                request = DeleteExperimentRequest(experiment_id=experiment)
                api.experiments.DeleteExperiment(request)
        server.stop()
        for experiment, age in zip(ids, (29, 31), strict=False):
            execute(
                server,
                f"UPDATE audit_entry SET time = time - {age * DAY}"
                f" WHERE subject = 'experiment_id={experiment}'",
            )
        server.restart()
        expected = ids if days == "0" else [ids[0], ids[2]]
        with connect_with_token(server.address, root) as api:

            def kept() -> list[str]:
                request = SearchAuditLogRequest(method="DeleteExperiment")
                entries = api.access.SearchAuditLog(request).entries
                return sorted(entry.subject for entry in entries)

            subjects = sorted(f"experiment_id={experiment}" for experiment in expected)
            wait_until(lambda: kept() == subjects, 20)
            time.sleep(2 * audit.FLUSH_SECONDS)
            assert kept() == subjects
    finally:
        server.stop()


def entries(guarded: GuardedServer, **fields: Any) -> list[AuditEntry]:
    request = SearchAuditLogRequest(max_results=1000, **fields)
    return list(guarded.apis["root"].access.SearchAuditLog(request).entries)


def calls_of(found: Iterable[Any]) -> int:
    """Return for how many calls these entries stand."""
    return sum(
        int(entry.subject.split()[0]) if entry.subject.endswith("more were left out") else 1
        for entry in found
    )


def test_who_is_refused_again_and_again_hides_nothing_of_others(guarded: GuardedServer) -> None:
    before, is_over, sent = round(1000 * time.time()), Event(), 0

    def flood() -> None:
        nonlocal sent
        create = guarded.apis["bob"].experiments.CreateExperiment
        while not is_over.is_set() or sent < 600:
            for call in [create.future(CreateExperimentRequest(name="n")) for _ in range(50)]:
                assert call.code() == grpc.StatusCode.PERMISSION_DENIED
                sent += 1

    flooding = [Thread(target=flood)]
    for thread in flooding:
        thread.start()
    try:
        time.sleep(0.3)
        for _ in range(20):
            with suppress(grpc.RpcError):
                guarded.apis["eve"].access.SearchAuditLog(SearchAuditLogRequest())
            time.sleep(0.1)
    finally:
        is_over.set()
        for thread in flooding:
            thread.join()

    def found(name: str) -> list[AuditEntry]:
        return entries(guarded, user_name=name, start_time=before)

    wait_until(lambda: calls_of(found("bob")) >= sent, 20)
    assert calls_of(found("bob")) == sent
    left_out = [entry for entry in found("bob") if "left out" in entry.subject]
    assert {(entry.method, entry.peer, entry.code) for entry in left_out} == {
        ("CreateExperiment", "ipv4:127.0.0.1", "PERMISSION_DENIED")
    }
    assert [entry.subject for entry in found("eve")] == [""] * 20


def test_changes_that_fail_fill_no_disk(guarded: GuardedServer) -> None:
    before = round(1000 * time.time())
    url = f"{guarded.server.http}/api/2.0/mlflow/runs/delete"
    with requests.Session() as session:
        session.headers.update(guarded.headers("bob"))
        for number in range(100):
            run_id = f"{number:032x}"
            assert session.post(url, json={"run_id": run_id}).status_code == 404
    delete = guarded.apis["bob"].runs.DeleteRun
    calls = [delete.future(DeleteRunRequest(run_id=f"{number:032x}")) for number in range(500)]
    assert {call.code() for call in calls} == {grpc.StatusCode.NOT_FOUND}

    def found() -> list[AuditEntry]:
        return entries(guarded, user_name="bob", method="DeleteRun", start_time=before)

    wait_until(lambda: calls_of(found()) >= 600, 20)
    assert calls_of(found()) == 600
    assert {entry.code for entry in found()} == {"NOT_FOUND"}
    seconds = time.time() - before / 1000
    assert len(found()) <= 51 * (2 * seconds + 1)
    assert len(found()) < 600


def test_a_route_that_is_not_there_is_in_no_entry(guarded: GuardedServer) -> None:
    headers = guarded.headers("bob")
    for path in ("nowhere", "api/2.0/mlflow/runs/nothing", "api/1.0/runstream/none"):
        answer = requests.post(f"{guarded.server.http}/{path}", headers=headers, timeout=30)
        assert answer.status_code == 404
    url = f"{guarded.server.http}/api/2.0/mlflow/runs/create"
    assert requests.post(url, b"[", headers=headers, timeout=30).status_code == 400
    found: list[str] = []

    def is_written() -> bool:
        found[:] = [entry.method for entry in entries(guarded, user_name="bob")]
        return any(method in ("CreateRun", "POST /api/2.0/mlflow/runs/create") for method in found)

    wait_until(is_written, 20)
    assert not [method for method in found if "no" in method]


def test_a_stranger_uses_up_a_part_of_the_hour_and_what_is_left_out_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = 3_600_000
    monkeypatch.setattr(audit, "now", lambda: clock)
    database = Database()
    database.is_away = False
    log = audit_log(database)

    def knock(peer: str, count: int) -> list[Any]:
        database.entries.clear()
        for number in range(count):
            log.record(None, f"{peer}:{number}", "GetCaller", "", "UNAUTHENTICATED")
        asyncio.run(log.flush())
        return list(database.entries)

    for _ in range(20):
        knock("ipv4:192.0.2.7", 60)
    assert knock("ipv4:192.0.2.7", 60) == []
    assert len(knock("ipv6:[2001:db8::1]", 1)) == 1
    clock += 60_000
    (left_out,) = knock("ipv4:192.0.2.7", 60)
    # Of 22 times 60 those that were recorded, and the 10 of the first flush, which it counts.
    assert left_out.subject == f"{22 * 60 - 500 - 10} more were left out"
    assert (left_out.peer, left_out.method) == ("ipv4:192.0.2.7", "GetCaller")
    knock("ipv4:192.0.2.7", 3)
    asyncio.run(log.flush(is_last=True))
    assert [entry.subject for entry in database.entries] == ["3 more were left out"]


def test_callers_without_number_are_counted_in_a_bounded_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(audit_bounds, "_COUNTED", 10)
    database = Database()
    database.is_away = False
    log = audit_log(database)
    for number in range(1000):
        log.record(Caller(f"u{number}", ServerRole.READER), "", f"M{number}", "", "NOT_FOUND")
    asyncio.run(log.flush())
    assert len(database.entries) == 10 + 50 + 1
    left_out = database.entries[-1]
    assert (left_out.user_name, left_out.method) == ("", "several")
    assert left_out.subject == "940 more were left out"


def test_streams_that_their_callers_end_have_not_failed() -> None:
    database = Database()
    database.is_away = False
    log = audit_log(database)
    for number in range(200):
        log.record(ADA, "", "LogBatch", f"run_id={number}", "CANCELLED")
    asyncio.run(log.flush())
    assert len(database.entries) == 200
