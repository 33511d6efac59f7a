"""Transfers of files that break off, and files that change or are very large."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from runstream import FailedPrecondition, TrackingClient
from support.proxy import Proxy
from support.server_process import ENVIRONMENT, ServerProcess

SIZE = 24 * 1024 * 1024


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "source.bin"
    file.write_bytes(os.urandom(SIZE))
    return file


def interrupt(when: Callable[[], bool], act: Callable[[], object]) -> threading.Thread:
    """Act once, as soon as something is so."""

    def wait() -> None:
        while not when():
            pass
        act()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_an_upload_goes_on_after_the_connection_was_cut(
    server: ServerProcess, source: Path
) -> None:
    proxy = Proxy(server.address)
    with closing(proxy), TrackingClient(proxy.uri) as client:
        run_id = client.create_run().info.run_id
        staged = server.database.parent / "artifacts"

        def half() -> bool:
            files = [p for p in staged.rglob("*") if p.is_file()]
            return any(p.stat().st_size > SIZE // 3 for p in files if p.exists())

        cut = interrupt(half, proxy.cut)
        client.log_artifact(run_id, source)
        cut.join()
        assert client.get_artifact(run_id, "source.bin").sha256 == digest(source)


def test_an_upload_whose_answer_was_lost_is_not_sent_again(server: ServerProcess) -> None:
    proxy = Proxy(server.address)
    with closing(proxy), TrackingClient(proxy.uri) as client, TrackingClient(server.uri) as other:
        run_id = client.create_run().info.run_id
        proxy.swallow_answers()
        logging = threading.Thread(target=client.log_text, args=(run_id, "small", "a.txt"))
        logging.start()
        while not other.list_artifacts(run_id):
            time.sleep(0.01)
        first = other.get_artifact(run_id, "a.txt")
        proxy.heal()
        proxy.cut()
        logging.join()
        assert other.get_artifact(run_id, "a.txt") == first  # with the time of its upload


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_transfers_go_on_after_the_server_was_killed(
    server: ServerProcess, source: Path, tmp_path: Path
) -> None:
    with TrackingClient(server.uri) as client:
        run_id = client.create_run().info.run_id
        client.log_artifact(run_id, source)
        copy = tmp_path / "copy"

        def begun() -> bool:
            return any(p.stat().st_size > 2**20 for p in copy.glob("*.part"))

        def restart() -> None:
            server.kill()
            server.restart()

        killed = interrupt(begun, restart)
        local = client.download_artifacts(run_id, "source.bin", copy)
        killed.join()
        assert digest(Path(local)) == digest(source)
        assert [p.name for p in copy.iterdir()] == ["source.bin"]


def test_a_file_that_changes_while_it_is_uploaded_is_refused(
    server: ServerProcess, source: Path
) -> None:
    from runstream.calls.file_transfer import Upload
    from runstream.calls.sessions import open_session, release_session

    with TrackingClient(server.uri) as client:
        run_id = client.create_run().info.run_id
        session = open_session(server.uri)
        changed = threading.Event()

        def change(_: int) -> None:
            if not changed.is_set():
                changed.set()
                with source.open("ab") as file:
                    file.write(b"more")

        try:
            with source.open("rb") as opened, pytest.raises(FailedPrecondition, match="changed"):
                Upload(run_id, "x", opened, change).run(session.connection)
        finally:
            release_session(session)
        assert client.list_artifacts(run_id) == []


def test_a_download_that_is_not_what_the_server_has_is_refused(
    server: ServerProcess, source: Path, tmp_path: Path
) -> None:
    with TrackingClient(server.uri) as client:
        run_id = client.create_run().info.run_id
        client.log_artifact(run_id, source)
        (stored,) = (
            path
            for path in (server.database.parent / "artifacts").rglob("*")
            if path.is_file() and path.stat().st_size == SIZE
        )
        with stored.open("r+b") as file:
            file.seek(SIZE // 2)
            file.write(b"rotten")
        with pytest.raises(Exception, match="is not what the server has"):
            client.download_artifacts(run_id, "source.bin", tmp_path / "copy")
        assert list((tmp_path / "copy").iterdir()) == []


def test_a_large_file_takes_little_memory(server: ServerProcess, tmp_path: Path) -> None:
    program = """
import resource, sys
from pathlib import Path
from runstream import TrackingClient
folder = Path(sys.argv[2])
with (folder / "large").open("wb") as file:
    file.truncate(256 * 1024 * 1024)
def used():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
with TrackingClient(sys.argv[1]) as client:
    run_id = client.create_run().info.run_id
    client.log_text(run_id, "", "small")
    before = used()
    client.log_artifact(run_id, folder / "large")
    client.download_artifacts(run_id, "large", folder / "copy")
    print(used() - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, server.uri, str(tmp_path)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) < 100
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    (peak,) = (int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line)
    assert peak // 1024 < 250
