"""`runstream db restore`, and backups that are copied over a database by hand."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from runstream import TrackingClient
from runstream_service.engine.sqlite_files import refuse_foreign_log
from support.server_process import ServerProcess
from support.shell import Shell

Start = Callable[..., ServerProcess]


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `backup.db` of one run, and `runs.db` of three, whose server was killed."""
    server = ServerProcess(tmp_path_factory.mktemp("killed") / "runs.db")
    backup = server.database.with_name("backup.db")
    create_runs(server, 1)
    Shell("").output("db", "backup", str(backup), url(server.database))
    create_runs(server, 2)
    server.kill()
    assert Path(f"{server.database}-wal").stat().st_size
    return server.database.parent


@pytest.fixture
def file(killed: Path, tmp_path: Path) -> Path:
    """A copy of that database, beside its log and the backup."""
    for name in ("runs.db", "runs.db-wal", "backup.db"):
        shutil.copy(killed / name, tmp_path)
    return tmp_path / "runs.db"


def create_runs(server: ServerProcess, count: int) -> None:
    with TrackingClient(server.uri) as client:
        for _ in range(count):
            client.create_run()


def count_runs(file: Path) -> int:
    refuse_foreign_log(file)
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return int(database.execute("SELECT COUNT(*) FROM run").fetchone()[0])


def url(file: Path) -> str:
    return f"--database=sqlite:///{file}"


def former(file: Path) -> Path:
    (kept,) = (path for path in file.parent.glob("runs.db.before-*") if path.name[-4:] != "-wal")
    return kept


def test_a_backup_is_restored_over_the_database_of_a_killed_server(
    db: Shell, file: Path, start_server: Start
) -> None:
    backup = file.with_name("backup.db")
    said = db.output("db", "restore", str(backup), url(file)).splitlines()
    kept = former(file)
    assert said == [
        f"{file} is restored from {backup}.",
        f"The former database is {kept}; remove it when you do not need it.",
    ]
    assert sorted(path.name for path in file.parent.iterdir()) == sorted(
        ["backup.db", "runs.db", "runs.db.lock", kept.name]
    )
    assert file.stat().st_mode & 0o777 == 0o600
    assert (count_runs(file), count_runs(kept)) == (1, 3)
    with TrackingClient(start_server("runs.db").uri) as client:
        assert client.count_runs(["0"]) == 1


def test_a_backup_that_was_copied_over_the_file_is_not_mixed_with_its_log(
    db: Shell, file: Path, tmp_path: Path
) -> None:
    backup = file.with_name("backup.db")
    shutil.copy(backup, file)
    said = f"{file}-wal belongs to another database"
    for command in (["check"], ["upgrade"], ["backup", str(tmp_path / "copy.db")]):
        assert said in db.refusal(1, "db", *command, url(file))
    with pytest.raises(AssertionError, match="belongs to another database"):
        ServerProcess(file)
    db.output("db", "restore", str(backup), url(file))
    assert count_runs(file) == 1
    assert Path(f"{former(file)}-wal").exists()


def test_a_damaged_or_missing_database_is_restored(db: Shell, file: Path) -> None:
    backup, damaged = file.with_name("backup.db"), b"\xff" * 100_000
    file.write_bytes(damaged)
    Path(f"{file}-wal").write_bytes(damaged)
    db.output("db", "restore", str(backup), url(file))
    assert count_runs(file) == 1
    assert former(file).read_bytes() == damaged
    file.unlink()
    assert db.output("db", "restore", str(backup), url(file)).count("\n") == 1
    assert count_runs(file) == 1


def test_a_restore_that_is_refused_changes_nothing(db: Shell, file: Path) -> None:
    backup = file.with_name("backup.db")
    assert "itself" in db.refusal(2, "db", "restore", str(file), url(file))
    assert "no backup" in db.refusal(3, "db", "restore", f"{backup}.old", url(file))
    with closing(sqlite3.connect(backup)) as database, database:
        database.execute("DELETE FROM experiment")
    assert "faults: references: 1 rows of run" in db.refusal(
        1, "db", "restore", str(backup), url(file)
    )
    backup.write_text("not a database")
    assert "file is not a database" in db.refusal(1, "db", "restore", str(backup), url(file))
    assert not list(file.parent.glob("*.before-*")) + list(file.parent.glob("*.restore*"))
    assert count_runs(file) == 3


def test_a_database_that_is_served_is_not_restored(
    db: Shell, file: Path, start_server: Start
) -> None:
    backup = str(file.with_name("backup.db"))
    server = start_server("runs.db")
    said = db.refusal(1, "db", "restore", backup, url(file))
    assert f"served by another server at {server.address}: stop it, or wait" in said


_KILLED_AT = """
import os, signal, sys
from pathlib import Path
from runstream_service.care import restore

left = int(sys.argv[3])
def kill(event, _):
    global left
    if event in {"os.link", "os.remove", "os.rename", "sqlite3.connect"}:
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

replace = restore._replace
def replace_and_be_killed(*files):
    sys.addaudithook(kill)
    return replace(*files)

restore._replace = replace_and_be_killed
restore.restore(Path(sys.argv[1]), Path(sys.argv[2]), lambda *_: None)
"""


def test_a_restore_that_is_killed_leaves_one_database_or_the_other(
    killed: Path, tmp_path: Path
) -> None:
    found = []
    for number in range(20):
        folder = tmp_path / str(number)
        shutil.copytree(killed, folder)
        file = folder / "runs.db"
        arguments = [str(folder / "backup.db"), str(file), str(number)]
        done = subprocess.run([sys.executable, "-c", _KILLED_AT, *arguments], check=False)
        found.append(count_runs(file))
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
    assert found == sorted(found, reverse=True)
    assert set(found) == {1, 3}
    assert len(found) > 5
