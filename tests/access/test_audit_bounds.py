"""What an audit log keeps, for how long, and what it says of that which it cannot keep."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from runstream.errors import Unavailable
from runstream.v1.access_service_pb2 import SearchAuditLogRequest
from runstream.v1.experiment_service_pb2 import DeleteExperimentRequest
from runstream_service.access import audit
from runstream_service.access.audit import AuditLog
from runstream_service.access.caller import Caller, ServerRole
from support.access import connect_with_token, create_tokens
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
