"""Folders that a sync finds as a copy, or cannot change."""

from __future__ import annotations

import os
import shutil
import socket
import time
from pathlib import Path

import pytest

from runstream import TrackingClient
from runstream.spool.cursor import read_cursor
from runstream.spool.folder import SpoolFolder
from runstream.spool.log_files import Place, file_path
from runstream.syncing import folder_state
from runstream.syncing.results import SyncResult
from runstream.syncing.sync import SpoolDelivery, sync
from support.spools import (
    append_batches,
    append_upload,
    left_folder,
    new_folder,
    points_batch,
    start_batch,
    steps,
)


def test_what_a_copy_does_not_have_yet_is_no_refusal(
    client: TrackingClient, spool: Path, tmp_path: Path
) -> None:
    """As by rsync while the program runs: what it copies last may need what is not there yet."""
    run_id = "a2" * 16
    source = new_folder(tmp_path / "node", "", delivers=False)
    append_batches(source, [start_batch(run_id)])
    append_upload(source, run_id, "a.txt", b"content")
    child = new_folder(tmp_path / "node", "", [points_batch(run_id, [0])], delivers=False)
    as_of_another_machine(source, 0)
    as_of_another_machine(child, 0)
    copy = spool / source.path.name
    content = copy / "files" / "a.txt"
    start = file_path(copy.joinpath("batches"), 1)

    def copy_and_sync(*missing: Path) -> SyncResult:
        shutil.copytree(child.path, spool / child.path.name, dirs_exist_ok=True)
        shutil.copytree(source.path, copy, dirs_exist_ok=True)
        for path in missing:
            path.write_bytes(path.read_bytes()[:3]) if path == content else path.unlink()
        delivery = SpoolDelivery(spool, client.tracking_uri)
        result = SyncResult(list(delivery.deliver()))
        assert not list(spool.glob("*/refused.log"))
        return result

    for missing in ((start,), (content,)):
        result = copy_and_sync(*missing)
        assert (result.refused, result.files, result.is_complete) == (0, 0, False)
    assert copy_and_sync().is_complete
    assert steps(client, run_id) == [0]
    assert [file.path for file in client.list_artifacts(run_id)] == ["a.txt"]
    source.close()
    child.close()


def as_of_another_machine(folder: SpoolFolder, seconds: float) -> None:
    """Let a folder be that of another machine, which wrote to it so long ago."""
    info = folder.path / "spool.json"
    info.write_text(info.read_text().replace(socket.gethostname(), "node17"))
    then = time.time() - seconds
    for path in folder.batches.glob("*.log"):
        os.utime(path, (then, then))


def test_a_copy_from_another_machine_is_sent_while_its_program_runs_there(
    client: TrackingClient, run_id: str, spool: Path, tmp_path: Path
) -> None:
    """As by rsync, which may copy a frame that is being written."""
    batches = [points_batch(run_id, [step]) for step in range(6)]
    source = new_folder(tmp_path / "node", "", batches, delivers=False)
    as_of_another_machine(source, 0)
    log = file_path(source.batches, 1)
    whole, copy = log.read_bytes(), spool / source.path.name
    for size in (len(whole) // 2 + 9, len(whole) - 3, len(whole)):
        log.write_bytes(whole[:size])
        shutil.copytree(source.path, copy, dirs_exist_ok=True)
        result = sync(spool, client.tracking_uri)
        assert result.folders[0].is_live
        assert result.is_complete
    assert steps(client, run_id) == list(range(6))
    assert list(copy.glob("damaged/*")) == []
    source.close()
    as_of_another_machine(source, folder_state.QUIET_SECONDS + 60)
    shutil.copytree(source.path, copy, dirs_exist_ok=True)
    assert sync(spool, client.tracking_uri).is_complete
    assert not copy.exists()
    assert steps(client, run_id) == list(range(6))


def test_a_folder_that_cannot_be_written_is_sent_and_stays(
    client: TrackingClient, run_id: str, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a file system that has no locks."""
    folder = left_folder(spool, client.tracking_uri, [points_batch(run_id, [1])])

    def fail(*_: object) -> None:
        raise OSError(37, "no locks")

    monkeypatch.setattr("fcntl.lockf", fail)
    for _ in range(2):
        assert sync(spool).batches == 1
    assert folder.path.exists()
    assert read_cursor(folder.batches) == Place(1, 0)
    assert steps(client, run_id) == [1]
