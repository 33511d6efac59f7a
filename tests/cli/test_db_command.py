"""`runstream db` on real database files."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from peewee import SqliteDatabase
from playhouse.migrations import Runner

from runstream import Metric, TrackingClient
from runstream_service.care import backup
from runstream_service.engine.sqlite import SqliteEngine
from support.server_process import ServerProcess
from support.shell import Shell

Start = Callable[..., ServerProcess]
POINTS = [Metric("loss", 1 / (step + 1), 1_000 + step, step) for step in range(500)]
CHECKS = ["integrity", "references", "migrations", "points", "consoles", "stored bytes"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that a server made, and has closed."""
    server = ServerProcess(tmp_path_factory.mktemp("made") / "runs.db")
    log(server)
    server.stop()
    return server.database


@pytest.fixture
def file(made: Path, tmp_path: Path) -> Path:
    """A copy of that database, to do anything with."""
    return Path(shutil.copy(made, tmp_path))


def log(server: ServerProcess) -> str:
    """Log a run; return its id."""
    with TrackingClient(server.uri) as client:
        run_id = client.create_run().info.run_id
        client.log(run_id, POINTS, {"lr": "0.1"})
    return run_id


def change(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def url(file: Path) -> str:
    return f"--database=sqlite:///{file}"


# check


def test_a_good_database_has_no_faults_with_a_server_and_without(
    db: Shell, start_server: Start
) -> None:
    server = start_server()
    log(server)
    assert db.json("db", "check", url(server.database)) == {name: [] for name in CHECKS}
    server.stop()
    lines = db.output("db", "check", url(server.database)).splitlines()
    assert lines == [f"{name}: ok" for name in CHECKS]


def test_the_file_may_be_named_without_an_option(db: Shell, file: Path, tmp_path: Path) -> None:
    assert db.rows("db", "check", str(file)) == [[f"{check}: ok"] for check in CHECKS]
    assert db.output("db", "upgrade", f"sqlite:///{file}") == f"{file} is up to date.\n"
    assert "no-such.db" in db.refusal(3, "db", "upgrade", str(tmp_path / "no-such.db"))


def test_a_killed_server_leaves_no_fault(db: Shell, start_server: Start) -> None:
    server = start_server()
    log(server)
    server.kill()
    assert db.json("db", "check", url(server.database)) == {name: [] for name in CHECKS}


@pytest.mark.parametrize(
    ("statement", "check", "said"),
    [
        ("UPDATE series SET count = count - 1", "points", "loss"),
        ("UPDATE series SET last_step = 7", "points", "loss"),
        ("UPDATE series SET max_value = NULL", "points", "loss"),
        ("DELETE FROM tail_row", "points", "loss"),
        ("DELETE FROM experiment", "references", "experiment"),
        (
            "INSERT INTO schema_migration VALUES (999, '9999_x', '')",
            "migrations",
            "9999",
        ),
    ],
)
def test_a_fault_is_named_under_its_check(
    db: Shell, file: Path, statement: str, check: str, said: str
) -> None:
    change(file, statement)
    done = db.run("db", "check", url(file))
    assert done.exit_code == 1
    lines = [line for line in done.stdout.splitlines() if not line.endswith(": ok")]
    faults = [line for line in lines if "not checked" not in line]
    assert faults
    assert all(line.startswith(f"{check}: ") for line in faults)
    assert said in faults[0]
    assert done.stderr == f"Error: {file} has faults\n"


def test_a_damaged_file_is_told_from_a_good_one(db: Shell, file: Path) -> None:
    with file.open("r+b") as damaged:
        damaged.seek(4096 * 12)
        damaged.write(b"\xff" * 4096 * 8)
    done = db.run("db", "check", url(file))
    assert done.exit_code == 1
    assert "integrity: ok" not in done.stdout


def test_checking_changes_nothing(db: Shell, file: Path) -> None:
    before = file.read_bytes()
    db.output("db", "check", url(file))
    assert file.read_bytes() == before


# backup


def test_a_backup_is_made_while_a_server_serves(
    db: Shell, start_server: Start, tmp_path: Path
) -> None:
    server = start_server()
    run_id = log(server)
    copy = tmp_path / "copy.db"
    said = db.output("db", "backup", str(copy), url(server.database))
    assert said.endswith(f" in {copy}\n")
    assert db.json("db", "check", url(copy)) == {name: [] for name in CHECKS}
    with TrackingClient(start_server("copy.db").uri) as client:
        assert client.get_metric_history(run_id, "loss") == POINTS
    assert copy.stat().st_mode & 0o777 == server.database.stat().st_mode & 0o777 == 0o600
    assert not list(tmp_path.glob("*.part*"))


def test_a_backup_is_of_one_moment_however_much_is_written_meanwhile(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite would begin a backup anew after each of these commits."""
    monkeypatch.setattr(backup, "_PAGES", 1)
    copied = []

    def write(done: int, total: int) -> None:
        copied.append((done, total))
        change(file, f"INSERT INTO param (run_id, key, value) VALUES (1, 'k{len(copied)}', '')")

    copy = tmp_path / "copy.db"
    backup.back_up(file, copy, overwrite=False, progress=write)
    assert [done for done, _ in copied] == sorted({done for done, _ in copied})
    assert len(copied) > 10
    assert copied[-1][0] == copied[-1][1] == copy.stat().st_size
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT key FROM param").fetchall() == [("lr",)]


def test_a_backup_that_fails_leaves_what_was_there(
    db: Shell, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy.db"
    copy.write_text("yesterday's")
    refused = ("db", "backup", str(copy), url(file))
    assert "is there already; --overwrite replaces it" in db.refusal(1, *refused)
    assert copy.read_text() == "yesterday's"

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backup, "copy", fail)
    assert "No space left" in db.refusal(1, *refused, "--overwrite")
    assert copy.read_text() == "yesterday's"
    monkeypatch.undo()
    db.output(*refused, "--overwrite")
    assert copy.read_bytes().startswith(b"SQLite format 3")


def test_the_database_is_no_target_of_its_backup(db: Shell, file: Path) -> None:
    before = file.read_bytes()
    assert "itself" in db.refusal(2, "db", "backup", str(file), url(file), "--overwrite")
    assert file.read_bytes() == before


# upgrade


def test_an_old_database_is_upgraded_and_keeps_its_runs(db: Shell, tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    first = Runner(SqliteDatabase(str(old)), str(SqliteEngine.MIGRATIONS))
    first.up("0001_initial")
    first.database.close()
    newer = sorted(path.stem for path in SqliteEngine.MIGRATIONS.glob("0*.py"))[1:]
    assert "0002_datasets" in newer
    *_, migrations, points, consoles, stored = db.output("db", "check", url(old)).splitlines()
    assert migrations.startswith(
        f"migrations: {', '.join(newer)} not applied yet; `runstream db up"
    )
    not_checked = "not checked, because the schema is not that of this version"
    assert (points, consoles) == (f"points: {not_checked}", f"consoles: {not_checked}")
    assert stored == f"stored bytes: {not_checked}"
    assert db.json("db", "check", url(old)) == {name: [] for name in CHECKS} | {
        "points": None,
        "consoles": None,
        "stored bytes": None,
    }
    *applied, last = db.output("db", "upgrade", url(old)).splitlines()
    assert applied == [f"Applied {name}." for name in newer]
    assert last == f"{old} is up to date."
    assert db.output("db", "upgrade", url(old)) == f"{last}\n"
    assert db.json("db", "check", url(old)) == {name: [] for name in CHECKS}


def test_heartbeats_summaries_and_orphans_outlive_an_upgrade(db: Shell, tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    before = Runner(SqliteDatabase(str(old)), str(SqliteEngine.MIGRATIONS))
    before.up("0015_more_writes")
    before.database.close()
    run = "'u', 0, '', '', 1, 5, '', 0, 0, 7"
    change(
        old,
        "INSERT INTO run (uuid, experiment_id, name, user_id, status, start_time, artifact_uri, "
        f"deleted, deleted_with_experiment, last_sign) VALUES ({run})",
        "INSERT INTO series VALUES (1, 1, 'loss', 2, 3, 4, 0.5, -0.0, 2.5)",
        "INSERT INTO point VALUES (1, 3, 3, -0.0), (1, 3, 4, 0.5)",
        "INSERT INTO stray VALUES ('ab/c', 9)",
    )
    db.output("db", "upgrade", url(old))
    with closing(sqlite3.connect(old)) as connection:
        for query, row in (
            ("SELECT last_heartbeat FROM run", (7,)),
            ("SELECT min_value, max_value FROM series", (0.0, 2.5)),
            ("SELECT name, since FROM orphan_blob", ("ab/c", 9)),
            ("SELECT name FROM sqlite_schema WHERE name LIKE 'run_by_%sign%'", None),
            ("SELECT tbl_name FROM sqlite_schema WHERE name = 'run_by_heartbeat'", ("run",)),
        ):
            assert connection.execute(query).fetchone() == row


def test_a_database_that_is_served_is_not_upgraded(db: Shell, server: ServerProcess) -> None:
    said = db.refusal(1, "db", "upgrade", url(server.database))
    assert f"served by another server at {server.address}: stop it, or wait" in said


def test_a_database_that_is_not_there_is_not_made(db: Shell, tmp_path: Path) -> None:
    nowhere = url(tmp_path / "nowhere.db")
    for command in (["upgrade"], ["check"], ["backup", str(tmp_path / "copy.db")]):
        assert "there is no database" in db.refusal(3, "db", *command, nowhere)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_another_program_is_refused(db: Shell, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    change(other, "CREATE TABLE x (y)")
    assert "another program" in db.refusal(1, "db", "upgrade", url(other))
    refusal = f"Error: {other} is no database of Runstream"
    assert db.refusal(2, "db", "check", url(other)) == refusal
    assert db.refusal(2, "db", "check", "--json", url(other)) == refusal
    for command in ("upgrade", "check"):
        assert "SQLite" in db.refusal(2, "db", command, "--database=grpc://127.0.0.1:1")
