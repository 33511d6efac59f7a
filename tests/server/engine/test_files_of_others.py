"""What other users of the machine can put beside a database, or read and lock of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest

from support.api import Api
from support.artifacts import upload
from support.other_users import (
    STRANGER,
    as_root,
    make_dangling_link,
    make_file_of_stranger,
    make_link,
    make_pipe,
    run_refused_server,
)
from support.server_process import ServerProcess

pytestmark = pytest.mark.sqlite

# What the server opens beside X.db, and X.db itself.
FILES = ["", "-wal", "-shm", "-journal", ".lock"]


@pytest.fixture
def database(shared_folder: Path) -> Path:
    return shared_folder / "runs.db"


@pytest.fixture
def permissive() -> Iterator[None]:
    """Let everybody read and write what does not say otherwise."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("permissive")
def test_what_a_server_makes_is_for_its_user_alone(database: Path) -> None:
    root = database.with_name("made") / "artifacts"
    server = ServerProcess(database, {"RUNSTREAM_ARTIFACT_ROOT": str(root)})
    with grpc.insecure_channel(server.address) as channel:
        api = Api(channel)
        upload(api, api.create_run(), "file", b"content")
    there = [*database.parent.glob("**/*")]
    kinds = {path: stat.S_IMODE(path.stat().st_mode) for path in there}
    server.stop()
    assert {path.name for path in there} >= {
        *(f"runs.db{suffix}" for suffix in ("", "-wal", "-shm", ".lock", ".address")),
        *("made", "artifacts", "uploads"),
    }
    assert kinds == {path: 0o700 if path.is_dir() else 0o600 for path in kinds} | {
        path: 0o600 for path in kinds if path.name.startswith("runs.db")
    }


def test_a_lock_that_others_could_open_is_closed_to_them(database: Path) -> None:
    lock = Path(f"{database}.lock")
    lock.touch()
    lock.chmod(0o666)
    ServerProcess(database).stop()
    assert stat.S_IMODE(lock.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("suffix", "put"),
    [("", make_pipe), ("-wal", make_link), (".lock", make_pipe), (".lock", make_dangling_link)],
)
def test_what_is_no_file_is_refused_and_left_alone(
    database: Path, suffix: str, put: Callable[[Path], None]
) -> None:
    there = Path(f"{database}{suffix}")
    put(there)
    before = {*database.parent.iterdir()}
    assert f"{there} is a" in run_refused_server(database)
    assert {*database.parent.iterdir()} - before <= {database.with_name("runs.db.lock")}


@as_root
@pytest.mark.parametrize("suffix", FILES)
def test_a_file_of_somebody_else_is_refused_and_left_alone(database: Path, suffix: str) -> None:
    there = Path(f"{database}{suffix}")
    make_file_of_stranger(there, b"")
    assert f"{there} belongs to another user (uid {STRANGER})" in run_refused_server(database)
    assert there.read_bytes() == b""


@as_root
@pytest.mark.parametrize("name", ["artifacts", "artifacts/uploads"])
def test_a_folder_of_somebody_else_is_refused_for_artifacts(database: Path, name: str) -> None:
    folder = database.parent / name
    folder.mkdir(parents=True)
    os.chown(folder, STRANGER, STRANGER)
    assert f"{folder} belongs to another user" in run_refused_server(database)


@as_root
def test_a_folder_that_somebody_else_makes_later_gets_no_artifacts(database: Path) -> None:
    server = ServerProcess(database)
    folder = database.with_name("artifacts")
    folder.mkdir()
    os.chown(folder, STRANGER, STRANGER)
    with grpc.insecure_channel(server.address) as channel:
        api = Api(channel)
        with pytest.raises(grpc.RpcError) as raised:
            upload(api, api.create_run(), "file", b"content")
    assert raised.value.code() == grpc.StatusCode.UNAVAILABLE
    assert "belongs to another user" in server.stop()
    assert [path.name for path in folder.rglob("*") if path.is_file()] == []


@as_root
def test_root_serves_a_file_in_the_folder_of_its_owner(tmp_path: Path) -> None:
    """As in a container, into which a folder of the host is mounted."""
    folder = tmp_path / "of a user"
    folder.mkdir()
    database = folder / "runs.db"
    ServerProcess(database).stop()
    for path in (folder, *folder.iterdir()):
        os.chown(path, STRANGER, STRANGER)
    ServerProcess(database).stop()
    folder.chmod(0o777)
    assert "belongs to another user" in run_refused_server(database)
