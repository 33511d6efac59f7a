"""Files that are uploaded in the background, and what is kept while the server is away."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

import runstream
from runstream import FailedPrecondition, TrackingClient
from runstream.spool.folder import list_folders
from support.server_process import ServerProcess
from support.uploads import content, run_program

pytestmark = pytest.mark.usefixtures("spool")


def test_a_file_is_uploaded_in_the_background_as_it_was_when_it_was_logged(
    client: TrackingClient, run_id: str, source: Path
) -> None:
    before = source.read_bytes()
    client.log_artifact(run_id, source, "models", synchronous=False)
    with source.open("r+b") as file:  # in place: a hard link would show it
        file.write(b"another content")
    assert content(client, run_id, "models/model.bin") == before


def test_flush_waits_for_what_is_uploaded_in_the_background(
    client: TrackingClient, server: ServerProcess, run_id: str, source: Path
) -> None:
    client.log_artifact(run_id, source, synchronous=False)
    client.flush()
    with TrackingClient(server.uri) as other:
        assert [file.path for file in other.list_artifacts(run_id)] == ["model.bin"]


def test_what_reads_artifacts_waits_for_those_that_were_logged_before(
    client: TrackingClient, run_id: str, tmp_path: Path
) -> None:
    for number in range(20):
        file = tmp_path / f"{number:02}.txt"
        file.write_text(str(number))
        client.log_artifact(run_id, file, synchronous=False)
    assert len(client.list_artifacts(run_id)) == 20
    client.log_artifact(run_id, tmp_path / "07.txt", "again", synchronous=False)
    client.delete_artifacts(run_id, "again")
    assert client.list_artifacts(run_id, "again") == []


def test_files_of_one_path_are_uploaded_in_the_order_in_which_they_were_logged(
    client: TrackingClient, run_id: str, tmp_path: Path
) -> None:
    file = tmp_path / "log.txt"
    for number in range(10):
        file.write_text(str(number))
        client.log_artifact(run_id, file, synchronous=False if number % 3 else None)
    assert content(client, run_id, "log.txt") == b"9"


def test_a_folder_of_many_files_is_uploaded_in_the_background(
    client: TrackingClient, run_id: str, tmp_path: Path, spool: Path
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(500):
        (folder / f"{number}.txt").write_text(str(number))
    client.log_artifacts(run_id, folder, "many", synchronous=False)
    client.flush()
    assert len(client.list_artifacts(run_id, "many")) == 500
    (own,) = list_folders(spool)
    assert list(own.files.iterdir()) == []  # what is uploaded takes no room


def test_what_the_server_refuses_is_raised_by_the_next_call_for_the_run(
    client: TrackingClient, run_id: str, source: Path
) -> None:
    client.delete_run(run_id)
    client.log_artifact(run_id, source, synchronous=False)
    with pytest.raises(FailedPrecondition, match=r"model\.bin was refused"):
        client.flush()
    client.restore_run(run_id)
    client.log_artifact(run_id, source, synchronous=False)
    client.flush()


def test_what_cannot_be_uploaded_is_refused_at_once(client: TrackingClient, tmp_path: Path) -> None:
    run_id = client.create_run().info.run_id
    with pytest.raises(FileNotFoundError):
        client.log_artifact(run_id, tmp_path / "none", synchronous=False)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(runstream.InvalidArgument, match="named pipe"):
        client.log_artifact(run_id, tmp_path / "pipe", synchronous=False)


def test_a_file_waits_for_the_start_of_its_run(
    server: ServerProcess, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNSTREAM_TRACKING_URI", server.uri)
    server.kill()
    with runstream.start_run() as run:
        runstream.log_artifact(source, synchronous=False)
    server.restart()
    assert content(run.client, run.run_id, "model.bin") == source.read_bytes()


def test_an_upload_that_a_killed_server_broke_off_is_done_again(
    server: ServerProcess, tmp_path: Path
) -> None:
    file = tmp_path / "large.bin"
    file.write_bytes(os.urandom(48 * 1024 * 1024))
    with TrackingClient(server.uri) as client:
        run_id = client.create_run().info.run_id
        client.log_artifact(run_id, file, synchronous=False)
        staged = server.database.parent / "artifacts"
        while not any(p.is_file() and p.stat().st_size for p in staged.rglob("*")):
            time.sleep(0.001)
        server.kill()
        server.restart()
        assert content(client, run_id, "large.bin") == file.read_bytes()


LOGS_FILES = """
import sys
import runstream
uri, run_id, source, folder = sys.argv[1:]
client = runstream.TrackingClient(uri)
for i in range(20):
    client.log_artifact(run_id, source, f"{folder}/{i}", synchronous=False)
"""


def test_two_processes_upload_to_one_run(server: ServerProcess, source: Path, spool: Path) -> None:
    with TrackingClient(server.uri) as client:
        run_id = client.create_run().info.run_id
        programs = [
            run_program(LOGS_FILES, spool, server.uri, run_id, str(source), name) for name in "ab"
        ]
        for each in programs:
            _, errors = each.communicate(timeout=120)
            assert each.returncode == 0, errors
        assert len(client.list_artifacts(run_id, recursive=True)) == 40


def test_a_forked_child_uploads_its_own_files_and_leaves_those_of_its_parent(
    client: TrackingClient, server: ServerProcess, run_id: str, source: Path
) -> None:
    server.kill()
    client.log_artifact(run_id, source, "parent", synchronous=False)
    child = os.fork()
    if not child:
        status = 1
        try:
            assert not client._outbox.background.has_pending()
            client.log_artifact(run_id, source, "child", synchronous=False)
            server_is_back = time.monotonic() + 60
            while client._outbox.background.has_pending() and time.monotonic() < server_is_back:
                time.sleep(0.05)
            status = 0 if not client._outbox.background.has_pending() else 2
        finally:
            os._exit(status)
    server.restart()
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    paths = [file.path for file in client.list_artifacts(run_id, recursive=True)]
    assert paths == ["child/model.bin", "parent/model.bin"]
