"""Copies that are refused, and what they leave behind."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from runstream import TrackingClient
from runstream_service.care import copy as copying
from runstream_service.care.lock import DatabaseLock
from support.copies import (
    TOKEN,
    KilledError,
    copy,
    copy_in_process,
    refusal,
    run_copy,
    served_error,
    totals,
)
from support.postgres import Postgres
from support.server_process import ServerProcess


def test_what_is_served_or_has_data_is_refused_and_left_as_it_is(
    start_server: Callable[..., ServerProcess], source: Path, postgres: Postgres, tmp_path: Path
) -> None:
    served = start_server()
    done = run_copy(served.url, str(tmp_path / "new.db"))
    assert (done.returncode, done.stdout) == (1, "")
    assert "is served by another server" in done.stderr
    assert not (tmp_path / "new.db.copy").exists()
    url = postgres.create_database()
    server = ServerProcess(tmp_path / "no.db", url=url)
    assert "is served by" in refusal(str(source), url)
    assert "is served by" in refusal(url, str(tmp_path / "new.db"))
    with TrackingClient(server.uri) as client:
        client.create_run()
    server.stop()
    before = totals(url)
    assert "has data already" in refusal(str(source), url)
    assert totals(url) == before
    assert f"{source} is there already" in refusal(url, str(source))
    assert "there is no database" in refusal(str(tmp_path / "none.db"), url)


def test_a_copy_that_fails_before_it_begins_says_only_why_and_leaves_nothing_behind(
    postgres: Postgres, tmp_path: Path
) -> None:
    to = tmp_path / "new.db"
    url = f"{postgres.create_database()}_none"
    for missing, reason in ((str(tmp_path / "none.db"), "there is no database"), (url, "exist")):
        done = run_copy(missing, str(to))
        assert (done.returncode, done.stdout) == (1, "")
        assert reason in done.stderr
        assert "goes on" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_copy_says_that_another_command_has_the_file(source: Path, tmp_path: Path) -> None:
    to = tmp_path / "new.db"
    lock = DatabaseLock(to)
    try:
        done = run_copy(str(source), str(to))
    finally:
        lock.release()
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{to} is used by another process, a `runstream db` command or" in done.stderr


def test_a_complete_copy_from_postgresql_to_postgresql_is_compared_when_it_is_repeated(
    postgres: Postgres, tmp_path: Path
) -> None:
    one, other = postgres.create_database(), postgres.create_database()
    server = ServerProcess(tmp_path / "no.db", url=one)
    with TrackingClient(server.uri) as client:
        run_id = client.create_run().info.run_id
        client.log_metrics(run_id, {"nan": math.nan, "loss": 1.0})
        client.log_params(run_id, {"nul": "a\0b"})
    assert server.stop() == ""
    for again in (False, True):
        done = run_copy(one, other)
        assert (done.returncode, done.stderr) == (0, "")
        assert "rows of" in done.stdout
        assert ("complete copy" in done.stdout) == again
        assert ("The points were checked: no faults." in done.stdout) != again
    before = totals(other)
    assert totals(one) == before
    assert before["param"].rows == 1
    with psycopg.connect(one) as connection:
        connection.execute("UPDATE param SET value = 'b'")
    message = refusal(one, other)
    assert "one of them has changed since: table param has 1 rows" in message
    assert totals(other) == before


def test_a_complete_copy_in_a_file_is_compared_when_it_is_repeated(
    source: Path, tmp_path: Path
) -> None:
    to = tmp_path / "new.db"
    first, again = (copy_in_process(str(source), str(to)) for _ in range(2))
    assert (first.was_complete, again) == (False, first._replace(was_complete=True))
    with closing(sqlite3.connect(to)) as database, database:
        database.execute("DELETE FROM param WHERE key = 'p5'")
    assert "table param has 40 rows" in refusal(str(source), str(to))
    other = tmp_path / "other.db"
    other.write_text("no database")
    assert f"{other} is there already" in refusal(str(source), str(other))
    assert other.read_text() == "no database"


def test_a_copy_that_is_not_complete_takes_no_other_source_and_is_none_itself(
    source: Path, postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.create_database()

    def die(*_: object) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(copying._Copy, "_compare", die)
        with pytest.raises(KilledError):
            copy(str(source), url)
    other = ServerProcess(tmp_path / "other.db")
    other.stop()
    assert "a copy of another database" in refusal(str(other.database), url)
    assert "is itself a copy that is not complete" in refusal(url, str(tmp_path / "new.db"))
    # A row that was copied is another one by now: the copy ends with an error, and is not served.
    with closing(sqlite3.connect(source)) as database, database:
        database.execute("UPDATE param SET value = '5.00' WHERE key = 'p5'")
    assert "table param has 40 rows" in refusal(str(source), url)
    assert "is a copy that is not complete" in served_error(url)


def test_a_copy_notices_a_server_that_came_and_went(
    source: Path, postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = copy(str(source), postgres.create_database())
    run = copying._Copy.run

    def run_beside_a_server(self: Any) -> Any:
        copied = run(self)
        server = ServerProcess(tmp_path / "no.db", url=url)
        with TrackingClient(server.uri, TOKEN) as client:
            client.create_run()
        server.stop()
        return copied

    with monkeypatch.context() as patch:
        patch.setattr(copying._Copy, "run", run_beside_a_server)
        assert "was started meanwhile" in refusal(url, str(tmp_path / "new.db"))
    assert "it has changed since the copy began" in refusal(url, str(tmp_path / "new.db"))
    assert not (tmp_path / "new.db").exists()


def test_a_database_of_an_older_version_is_refused(source: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(source)) as database, database:
        database.execute("DELETE FROM schema_migration WHERE name LIKE '0022%'")
    assert "is of an older version" in refusal(str(source), str(tmp_path / "new.db"))
    assert not (tmp_path / "new.db.copy").exists()
