"""What other users of the machine can do to those who log to an SQLite file, with real locks."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

import runstream
from runstream import TrackingClient
from runstream.errors import InvalidArgument, PermissionDenied
from runstream.transport import embedded, tracking_uri
from runstream.transport.embedded import ensure_server
from support.other_users import (
    STRANGER,
    as_root,
    make_dangling_link,
    make_file_of_stranger,
    make_link,
    make_pipe,
)


@pytest.fixture
def database(shared_folder: Path) -> Iterator[str]:
    file = str(shared_folder / "runs.db")
    yield file
    target = embedded._find_listening(file)
    if target is not None and target.startswith("unix:"):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(target.removeprefix("unix:"))
            peer = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 4)
        server = psutil.Process(int.from_bytes(peer, "little"))
        server.terminate()
        server.wait(30)  # it removes files of the folder until then


def test_what_a_client_makes_is_for_its_user_alone(database: str) -> None:
    before = os.umask(0)
    try:
        ensure_server(database)
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode for path in Path(database).parent.iterdir()}
    assert modes.keys() >= {f"runs.db{suffix}" for suffix in ("", ".lock", ".address", ".log")}
    assert {stat.S_IMODE(mode) for mode in modes.values()} == {0o600}


@as_root
def test_others_cannot_take_the_lock(database: str) -> None:
    ensure_server(database)
    for name in (database, f"{database}.lock"):
        done = subprocess.run(
            ["/bin/sh", "-c", f"exec 3< {name}"], user=STRANGER, capture_output=True, check=False
        )
        assert done.returncode != 0
        assert b"denied" in done.stderr


@pytest.mark.parametrize("name", ["lock", "log", "address"])
@pytest.mark.parametrize("put", [make_pipe, make_dangling_link, make_link])
def test_what_is_no_file_is_refused_at_once(
    database: str, name: str, put: Callable[[Path], None]
) -> None:
    there = Path(f"{database}.{name}")
    put(there)
    with pytest.raises(PermissionDenied, match=f"{there} is a .*, and not a file") as error:
        ensure_server(database)
    assert error.value.reason == "FILE_NOT_OURS"
    target = there.with_name("target")
    assert not target.exists() or target.read_bytes() == b"precious"


@as_root
@pytest.mark.parametrize("name", ["lock", "log", "address"])
def test_a_file_of_somebody_else_is_refused_at_once(database: str, name: str) -> None:
    there = Path(f"{database}.{name}")
    make_file_of_stranger(there, b"")
    with pytest.raises(PermissionDenied, match=f"{there} belongs to another user"):
        ensure_server(database)
    with (
        TrackingClient(database) as client,
        pytest.raises(PermissionDenied, match="belongs to another user"),
    ):
        client.create_run()


@as_root
def test_nobody_is_led_to_the_server_of_a_stranger(database: str) -> None:
    """He holds a lock and listens at the address that he has put there."""
    came: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as stranger:

        def listen() -> None:
            with suppress(OSError):  # the test is over
                came.append(stranger.accept())

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        make_file_of_stranger(Path(f"{database}.lock"), b"")
        address = f"127.0.0.1:{stranger.getsockname()[1]}\n"
        make_file_of_stranger(Path(f"{database}.address"), address.encode())
        with pytest.raises(PermissionDenied):
            ensure_server(database)
        Path(f"{database}.lock").unlink()
        with pytest.raises(PermissionDenied):
            ensure_server(database)
        stranger.shutdown(socket.SHUT_RDWR)
        thread.join(10)
    assert came == []


def test_an_address_deletes_nothing_but_a_socket(database: str, tmp_path: Path) -> None:
    """One that is left behind may name what is no socket any more."""
    folder = tmp_path / "runstream-x"
    folder.mkdir()
    precious = folder / "grpc.sock"
    precious.write_text("precious")
    Path(f"{database}.address").write_text(f"unix:{precious}\n")
    assert ensure_server(database) != f"unix:{precious}"
    assert precious.read_text() == "precious"


@as_root
def test_a_socket_that_a_stranger_has_put_in_the_place_of_ours_is_not_used(
    database: str, tmp_path: Path
) -> None:
    Path(database).touch()
    path = tmp_path / "grpc.sock"
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.bind(str(path))
        stranger.listen()
        os.chown(path, STRANGER, STRANGER)
        tmp_path.chmod(0o1777)
        Path(f"{database}.address").write_text(f"unix:{path}\n")
        with pytest.raises(PermissionDenied, match="belongs to another user"):
            embedded._find_listening(database)
    os.unlink(f"{database}.address")


@as_root
def test_the_link_of_a_stranger_is_no_database(shared_folder: Path) -> None:
    there = shared_folder / "runs.db"
    there.symlink_to("precious.db")
    os.lchown(there, STRANGER, STRANGER)
    with pytest.raises(InvalidArgument, match="belongs to another user"):
        tracking_uri.parse(there)


def test_a_link_of_ones_own_is_the_database_that_it_leads_to(tmp_path: Path) -> None:
    there = tmp_path / "runs.db"
    there.symlink_to("elsewhere.db")
    assert tracking_uri.parse(there).database == str(tmp_path / "elsewhere.db")


def test_a_database_that_is_deleted_gets_a_new_server(database: str) -> None:
    """Its old one would say that all is well, and store into nothing."""
    with TrackingClient(database) as client:
        first = client.create_run().info.run_id
        client.log_metric(first, "m", 1.0)
        client.flush(30)
    old = ensure_server(database)
    os.unlink(database)
    with TrackingClient(database) as client:
        experiment = client.create_experiment("again")
        run_id = client.create_run(experiment).info.run_id
        client.log_metric(run_id, "m", 2.0)
        client.flush(30)
        assert client.get_run(run_id).data.metrics == {"m": 2.0}
        with pytest.raises(runstream.NotFound):
            client.get_run(first)
    assert ensure_server(database) != old
    assert os.path.exists(database)


def test_a_training_whose_database_is_deleted_is_told(database: str) -> None:
    with TrackingClient(database) as client:
        run_id = client.create_run().info.run_id
        client.log_metric(run_id, "m", 1.0, step=1)
        client.flush(30)
        os.unlink(database)
        client.log_metric(run_id, "m", 2.0, step=2)
        with pytest.raises(runstream.NotFound, match=run_id):
            client.flush(30)
