"""`runstream db copy` moves an installation between SQLite and PostgreSQL."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest

from runstream import TrackingClient
from runstream.v1.run_service_pb2 import GetRunRequest, ListConsoleRequest, SearchRunsRequest
from runstream_service.care import copy as copying
from runstream_service.care import copy_state, table_copy
from runstream_service.care.check import check_engine
from runstream_service.engine.store import open_engine
from support.access import connect_with_token
from support.copies import (
    TOKEN,
    KilledError,
    copy,
    copy_in_process,
    run_copy,
    served_error,
    totals,
)
from support.postgres import Postgres
from support.server_process import ENVIRONMENT, ServerProcess
from support.waiting import wait_until


def test_all_tables_are_equal_after_a_copy_to_postgresql_and_back(
    source: Path, postgres: Postgres, tmp_path: Path
) -> None:
    url, back = postgres.create_database(), tmp_path / "back.db"
    for old, new in ((str(source), url), (url, str(back))):
        assert copy_in_process(old, new).faults == []
    expected = totals(str(source))
    # What is only there while the server works, and files of no run.
    assert {name for name, found in expected.items() if not found.rows} == {
        "model_artifact",
        "orphan_blob",
        "shared_artifact",
        "staged_content",
    }
    assert totals(url) == totals(str(back)) == expected
    assert not list(tmp_path.glob("back.db.copy*"))
    with closing(sqlite3.connect(source)) as before, closing(sqlite3.connect(back)) as after:
        for table in ("chunk", "chunk_data", "tail_row", "param", "series", "setting"):
            query = f"SELECT * FROM {table} ORDER BY 1, 2"  # as SQLite has them, in its order
            assert before.execute(query).fetchall() == after.execute(query).fetchall()


def test_a_copy_between_files_is_the_same_too(source: Path, tmp_path: Path) -> None:
    copy(str(source), str(tmp_path / "new.db"))
    assert totals(str(tmp_path / "new.db")) == totals(str(source))


def test_a_server_of_the_copy_answers_as_the_one_before_and_goes_on(
    filled: Path, postgres: Postgres, tmp_path: Path
) -> None:
    root = {"RUNSTREAM_ARTIFACT_ROOT": str(filled.parent / "artifacts")}
    url = copy(str(filled), postgres.create_database())
    file = Path(shutil.copy(filled, tmp_path / "runs.db"))
    before, after = ServerProcess(file, root), ServerProcess(tmp_path / "no.db", root, url=url)
    with (
        connect_with_token(before.address, TOKEN) as old,
        connect_with_token(after.address, TOKEN) as new,
        TrackingClient(after.uri, TOKEN) as client,
    ):
        request = SearchRunsRequest(experiment_ids=["1"], max_results=2, order_by=["params.p4"])
        page = old.runs.SearchRuns(request)
        assert new.runs.SearchRuns(request).runs == page.runs
        request.page_token = page.next_page_token  # of the server before
        assert new.runs.SearchRuns(request).runs == old.runs.SearchRuns(request).runs
        for run in page.runs:
            run_id = run.info.run_id
            asked = GetRunRequest(run_id=run_id)
            assert str(new.runs.GetRun(asked)) == str(old.runs.GetRun(asked))  # NaN is not NaN
            assert repr(new.read_points(run_id)) == repr(old.read_points(run_id))
            lines = ListConsoleRequest(run_id=run_id)
            assert new.runs.ListConsole(lines) == old.runs.ListConsole(lines)
            assert client.load_text(run_id, "notes.txt").startswith("artifact ")
        # New rows get ids of their own.
        run_id = client.create_run(client.create_experiment("next")).info.run_id
        client.log_metric(run_id, "loss", 1.0, step=1)
        client.log_columns(run_id, "long", np.ones(20_000), np.arange(20_000))
        assert client.get_run(run_id).data.metrics == {"loss": 1.0, "long": 1.0}
    assert before.stop() == after.stop() == ""
    engine = open_engine(url)
    assert [fault for found in check_engine(engine) for fault in found.faults] == []


@pytest.mark.parametrize("to", ["sqlite", "postgresql"])
def test_a_copy_that_is_killed_after_each_transaction_and_in_it_goes_on_and_copies_nothing_twice(
    source: Path, to: str, tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = str(tmp_path / "new.db") if to == "sqlite" else postgres.create_database()
    monkeypatch.setattr(table_copy, "_BATCH_ROWS", 20)
    save = copy_state.save_state
    insert = table_copy.TableCopy.insert
    inserted: list[tuple[str, int]] = []
    calls = 0

    def save_and_die(engine: Any, state: Any) -> None:
        nonlocal calls
        save(engine, state)
        calls += 1
        if calls % 3 == 0:
            raise KilledError  # the transaction is undone

    def die_before_insert(self: Any, engine: Any, rows: Any) -> None:
        nonlocal calls
        calls += 1
        if calls % 5 == 0:
            raise KilledError  # the one before is committed
        inserted.append((self.name, len(rows)))
        insert(self, engine, rows)

    def die_before_rename(*_: Path) -> None:
        monkeypatch.setattr(copying, "_rename", rename)
        raise KilledError

    rename = copying._rename
    monkeypatch.setattr(copying, "_rename", die_before_rename)
    monkeypatch.setattr(copying, "save_state", save_and_die)
    monkeypatch.setattr(table_copy.TableCopy, "insert", die_before_insert)
    deaths = 0
    while deaths < 1_000:
        try:
            copy(str(source), target)
            break
        except KilledError:
            deaths += 1
            if to == "postgresql":
                assert "is a copy that is not complete" in served_error(target)
            assert not Path(target).exists()
    assert deaths > 8
    assert totals(target) == totals(str(source))


def test_a_copy_whose_process_is_killed_goes_on(source: Path, postgres: Postgres) -> None:
    url = postgres.create_database()
    slowly = (
        "import sys, time; from runstream_service.care import copy, table_copy\n"
        "save = copy.save_state\n"
        "copy.save_state = lambda *state: (save(*state), time.sleep(0.05))\n"
        "table_copy._BATCH_ROWS = 3\n"
        "from runstream.cli import main; main(['db', 'copy', *sys.argv[1:]])"
    )
    process = subprocess.Popen([sys.executable, "-c", slowly, str(source), url], env=ENVIRONMENT)

    def has_begun() -> bool:
        with psycopg.connect(url) as connection:
            found = connection.execute("SELECT to_regclass('param')").fetchone()
            if found is None or found[0] is None:
                return False
            return connection.execute("SELECT 1 FROM param LIMIT 1").fetchone() is not None

    wait_until(has_begun, 60)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    done = run_copy(str(source), url)
    assert (done.returncode, done.stderr) == (0, "")
    assert totals(url) == totals(str(source))
