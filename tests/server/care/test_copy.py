"""`runstream db copy` moves an installation between SQLite and PostgreSQL."""

from __future__ import annotations

import math
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import psycopg
import pytest

from runstream import TrackingClient
from runstream.entities import Dataset, DatasetInput
from runstream.errors import FailedPrecondition
from runstream.v1.console_pb2 import CONSOLE_STREAM_STDOUT, ConsoleLine
from runstream.v1.logging_service_pb2 import LogBatchRequest
from runstream.v1.run_service_pb2 import GetRunRequest, ListConsoleRequest, SearchRunsRequest
from runstream_service.access.token_text import digest_of
from runstream_service.care import copy as copying
from runstream_service.care import copy_state, table_copy
from runstream_service.care.check import check_engine
from runstream_service.care.lock import DatabaseLock
from runstream_service.care.table_copy import Totals, copied_tables
from runstream_service.care.upgrade import open_upgraded
from runstream_service.engine.engine import CannotOpenError
from runstream_service.engine.sqlite import SqliteEngine
from runstream_service.engine.store import open_engine
from support.access import connect_with_token
from support.api import Api
from support.postgres import Postgres
from support.server_process import ENVIRONMENT, ServerProcess
from support.waiting import wait_until

NUMBERS = ["9007199254740993", "1e400", "-0.0", "nan", "5", "5.0", "0.1", "-inf", "1e20", "2e-320"]
VALUES = [math.nan, -math.inf, math.inf, -0.0, 0.0, 5e-324, 1e308, 0.1]
RUNS = 4
TOKEN = "rst_" + "x" * 43


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an installation that has something in every table; artifacts are beside it."""
    server = ServerProcess(tmp_path_factory.mktemp("filled") / "runs.db")
    with (
        TrackingClient(server.uri) as client,
        grpc.insecure_channel(server.address) as channel,
    ):
        fill(client, Api(channel))
    assert server.stop() == ""
    with closing(sqlite3.connect(server.database)) as connection, connection:
        connection.execute(
            "INSERT INTO token VALUES (1, 'ada', 'ci', ?, 3, 1, NULL, NULL, 2, 'root')",
            [digest_of(TOKEN)],
        )
        connection.execute(
            "INSERT INTO session VALUES (1, x'00fe', 'ada', 2, '[\"team\"]', 1, 4000000000000)"
        )
        connection.execute(
            "INSERT INTO audit_entry VALUES (1, 5, 'ada', 'ipv4:x', 'DeleteRun', 'run_id=1', 'OK')"
        )
        connection.execute("INSERT INTO experiment_grant VALUES (1, 'user:ada', 3)")
        connection.execute("UPDATE experiment SET deleted_by = 'ada' WHERE id = 1")
        connection.execute("UPDATE run SET deleted_by = 'ada' WHERE id = 1")
        connection.execute("UPDATE artifact SET uploaded_by = 'ada'")
        connection.execute(
            "INSERT INTO storage_use"
            " SELECT 'ada', sum(size) FROM artifact JOIN blob ON blob.id = blob_id"
        )
    return server.database


def fill(client: TrackingClient, api: Api) -> None:
    experiment = client.create_experiment("moved", tags={"team": "a\0b", "size": "7"})
    client.set_experiment_tag(experiment, "stage", "prod")
    client.create_document(experiment, "report", "findings", "\0 \U0010ffff")
    client.create_document(experiment, "view", "", "x=time")
    for number in range(RUNS):
        run_id = client.create_run(experiment, run_name=f"\0 \U0010ffff {number}").info.run_id
        client.log_params(run_id, {f"p{i}": text for i, text in enumerate(NUMBERS)})
        client.set_tags(run_id, {"long": "x" * 60_000, "nul": "\0\U0010ffff", "n": str(number)})
        for step, value in enumerate(VALUES):
            client.log_metrics(run_id, {"a": value, "b": -value}, step=step)
        steps = np.arange(20_000)
        client.log_columns(run_id, "long", np.random.default_rng(number).normal(size=20_000), steps)
        client.log_text(run_id, f"artifact {number}", "notes.txt")
        dataset = Dataset("train", f"d{number}", "local", "here", "{}", "\0")
        client.log_inputs(run_id, [DatasetInput(dataset, {"mlflow.data.context": "training"})])
        model = client.create_logged_model(
            experiment, f"model {number}", params={"depth": "3"}
        ).model_id
        client.set_logged_model_tags(model, {"kind": "tree"})
        client.log_model_metrics(run_id, model, [("acc", math.nan, 1, 1)], ("t", "d"))
        client.log_input_models(run_id, [model])
        client.log_outputs(run_id, [(model, 3)])
        line = ConsoleLine(
            stream=CONSOLE_STREAM_STDOUT, timestamp=5, text="\0 said", writer=7, sequence=1
        )
        api.log_batches([LogBatchRequest(run_id=run_id, console=[line])])
        client.set_terminated(run_id)
    client.delete_run(run_id)


@pytest.fixture
def source(filled: Path, tmp_path: Path) -> Path:
    """A copy of that file."""
    return Path(shutil.copy(filled, tmp_path / "source.db"))


def run_copy(source: str, target: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "runstream", "db", "copy", source, target]
    return subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, timeout=120)


def copy(source: str, target: str) -> str:
    """Copy in this process; return the name of the target."""
    copy_in_process(source, target)
    return target


def copy_in_process(source: str, target: str) -> copying.Copied:
    old, new = (
        SqliteEngine(Path(url), {}, read_only=True) if url.startswith("/") else open_engine(url)
        for url in (source, target)
    )
    return copying.copy_database(old, new, print)


def totals(url: str) -> dict[str, Totals]:
    """Return what tells whether two databases are equal."""
    engine = open_engine(f"sqlite:///{url}" if url.startswith("/") else url)
    try:
        with engine.read_transaction():
            return {table.name: table.totals(engine, print) for table in copied_tables()}
    finally:
        engine.close_all()


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


class _KilledError(BaseException):
    pass


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
            raise _KilledError  # the transaction is undone

    def die_before_insert(self: Any, engine: Any, rows: Any) -> None:
        nonlocal calls
        calls += 1
        if calls % 5 == 0:
            raise _KilledError  # the one before is committed
        inserted.append((self.name, len(rows)))
        insert(self, engine, rows)

    def die_before_rename(*_: Path) -> None:
        monkeypatch.setattr(copying, "_rename", rename)
        raise _KilledError

    rename = copying._rename
    monkeypatch.setattr(copying, "_rename", die_before_rename)
    monkeypatch.setattr(copying, "save_state", save_and_die)
    monkeypatch.setattr(table_copy.TableCopy, "insert", die_before_insert)
    deaths = 0
    while deaths < 1_000:
        try:
            copy(str(source), target)
            break
        except _KilledError:
            deaths += 1
            if to == "postgresql":
                assert "is a copy that is not complete" in served_error(target)
            assert not Path(target).exists()
    assert deaths > 8
    assert totals(target) == totals(str(source))


def served_error(url: str) -> str:
    """Return why a database cannot be served."""
    with pytest.raises(CannotOpenError) as found:
        open_upgraded(open_engine(url))
    return str(found.value)


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


def refusal(source: str, target: str) -> str:
    """Return why a copy is refused."""
    with pytest.raises((FailedPrecondition, CannotOpenError)) as found:
        copy(source, target)
    return str(found.value)


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
        raise _KilledError

    with monkeypatch.context() as patch:
        patch.setattr(copying._Copy, "_compare", die)
        with pytest.raises(_KilledError):
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
