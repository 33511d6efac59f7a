"""Folders of a spool that are damaged, or are not what they should be."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from runstream import TrackingClient
from runstream.files.own_files import ForeignFileError, check_own
from runstream.spool.folder import SpoolFolder
from runstream.spool.frames import make_header
from runstream.spool.log_files import file_path
from runstream.spool.log_writer import LogWriter
from runstream.spool.refused_log import read_refusals
from runstream.syncing import own_folders
from runstream.syncing.inspection import list_refusals
from runstream.syncing.results import SyncResult
from runstream.syncing.sync import SpoolDelivery, sync
from support.spools import (
    append_batches,
    append_upload,
    left_folder,
    points_batch,
    steps,
)


def test_damaged_bytes_are_kept_and_the_rest_is_delivered(
    client: TrackingClient, run_id: str, spool: Path, caplog: pytest.LogCaptureFixture
) -> None:
    batches = [points_batch(run_id, [step]) for step in range(3)]
    folder = left_folder(spool, client.tracking_uri, batches)
    data = bytearray(file_path(folder.batches, 1).read_bytes())
    middle = len(data) // 2
    data[middle] ^= 1
    file_path(folder.batches, 1).write_bytes(data)
    result = sync(spool)
    assert (result.batches, result.folders[0].damaged) == (2, len(data) // 3)
    assert steps(client, run_id) == [0, 2]
    (kept,) = folder.damaged.iterdir()
    assert bytes(data).count(kept.read_bytes()) == 1
    assert f"they are kept in {kept}" in caplog.text


def test_what_a_killed_writer_began_is_passed_over(
    client: TrackingClient, run_id: str, spool: Path
) -> None:
    folder = left_folder(spool, client.tracking_uri, [points_batch(run_id, [s]) for s in range(2)])
    path = file_path(folder.batches, 1)
    os.truncate(path, path.stat().st_size - 7)
    assert sync(spool).batches == 1
    assert not folder.path.exists()
    assert steps(client, run_id) == [0]


def test_a_disk_that_is_full_loses_no_refusal(
    client: TrackingClient, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = left_folder(spool, client.tracking_uri, [points_batch("f" * 32, [1])])
    writev = os.writev
    monkeypatch.setattr(os, "writev", lambda descriptor, parts: writev(descriptor, [parts[0]]))
    with pytest.raises(OSError, match="No space"):
        sync(spool)
    assert list(read_refusals(folder.refused)) == []
    monkeypatch.undo()
    assert sync(spool).refused == 1
    assert len(list(read_refusals(folder.refused))) == 1


def append_frame(log: Path, payload: bytes) -> None:
    """Append a frame with any payload, in a file of its own."""
    writer = LogWriter(log)
    writer.append(payload)
    writer.close()


def write_cursor(log: Path, file: int, offset: int) -> None:
    """Put a cursor anywhere."""
    data = struct.pack("<4sQQ", b"RSC1", file, offset)
    (log / "cursor").write_bytes(data + struct.pack("<I", zlib.crc32(data)))


@pytest.mark.parametrize("offset", [1_000_000, 2**63 + 5, 2**64 - 1])
def test_nothing_is_passed_over_for_a_cursor_beyond_its_file(
    client: TrackingClient, run_id: str, spool: Path, offset: int
) -> None:
    """A crash of the machine may have cut the file of the cursor."""
    folder = left_folder(spool, client.tracking_uri, [points_batch(run_id, [1])])
    append_batches(folder, [points_batch(run_id, [2])])
    append_upload(folder, run_id, "a.txt", b"a")
    write_cursor(folder.batches, 1, offset)
    write_cursor(folder.tasks, 1, offset)
    result = sync(spool)
    assert (result.batches, result.files, result.is_complete) == (2, 1, True)
    assert steps(client, run_id) == [1, 2]
    assert not folder.path.exists()


@pytest.mark.parametrize("is_frame", [False, True])
def test_a_damaged_task_is_kept_with_all_contents_and_the_rest_is_done(
    client: TrackingClient,
    run_id: str,
    spool: Path,
    caplog: pytest.LogCaptureFixture,
    is_frame: bool,
) -> None:
    folder = left_folder(spool, client.tracking_uri)
    append_upload(folder, run_id, "a.txt", b"a")
    append_upload(folder, run_id, "b.txt", b"b")
    path = file_path(folder.tasks, 1)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    if is_frame:
        path.unlink()
        data = bytearray(make_header(b"\xff\xff") + b"\xff\xff")
    path.write_bytes(data)
    result = sync(spool)
    assert (result.files, result.folders[0].damaged) == (1, len(data))
    (kept,) = folder.damaged.iterdir()
    assert kept.name == "tasks-00000001-0000000000"
    assert kept.read_bytes() == data
    assert f"bytes are no tasks; they are kept in {kept}" in caplog.text
    assert sorted(file.name for file in folder.files.iterdir()) == ["a.txt", "b.txt"]
    assert [file.path for file in client.list_artifacts(run_id)] == ["b.txt"]


def test_a_batch_that_is_no_message_is_set_aside_and_the_rest_is_delivered(
    client: TrackingClient, run_id: str, spool: Path
) -> None:
    folder = left_folder(spool, client.tracking_uri, [points_batch(run_id, [0])])
    for step in range(1, 4):
        append_frame(folder.batches, b"\xff\xff\xff\xff")
        append_batches(folder, [points_batch(run_id, [step])])
    result = sync(spool)
    assert (result.batches, result.refused) == (4, 3)
    assert steps(client, run_id) == [0, 1, 2, 3]
    refusals = list(read_refusals(folder.refused))
    assert [refusal.batch for refusal in refusals] == [b"\xff\xff\xff\xff"] * 3
    assert {refusal.error.reason for refusal in refusals} == {"MESSAGE_MALFORMED"}
    assert {refusal.run_id for refusal in list_refusals(folder)} == {""}


def test_refused_batches_are_warned_of_once(
    client: TrackingClient, spool: Path, caplog: pytest.LogCaptureFixture
) -> None:
    batches = [points_batch("f" * 32, [step]) for step in range(50)]
    left_folder(spool, client.tracking_uri, batches)
    assert sync(spool).refused == 50
    (warning,) = [text for text in caplog.messages if "refused" in text]
    assert "50 batches and tasks were refused, the first because: " in warning


def break_info(folder: SpoolFolder) -> None:
    (folder.path / "spool.json").write_text("[" * 60_000)


def link_log(folder: SpoolFolder) -> None:
    file_path(folder.batches, 1).rename(folder.path.parent / "elsewhere")
    file_path(folder.batches, 1).symlink_to(folder.path.parent / "elsewhere")


def link_batches(folder: SpoolFolder) -> None:
    folder.batches.rename(folder.path.parent / "elsewhere")
    folder.batches.symlink_to(folder.path.parent / "elsewhere")


def link_content(folder: SpoolFolder) -> None:
    folder.files.mkdir()
    (folder.files / "a").symlink_to("/etc/passwd")


def pipe_log(folder: SpoolFolder) -> None:
    file_path(folder.batches, 1).unlink()
    os.mkfifo(file_path(folder.batches, 1))


def pipe_cursor(folder: SpoolFolder) -> None:
    os.mkfifo(folder.batches / "cursor")


def pipe_lock(folder: SpoolFolder) -> None:
    (folder.path / "delivery.lock").unlink()
    os.mkfifo(folder.path / "delivery.lock")


def make_refused_a_folder(folder: SpoolFolder) -> None:
    folder.refused.mkdir()


BREAKS = [
    break_info,
    link_log,
    link_batches,
    link_content,
    pipe_log,
    pipe_cursor,
    pipe_lock,
    make_refused_a_folder,
]


@pytest.mark.parametrize("break_folder", BREAKS)
def test_a_bad_folder_keeps_none_behind_it_from_the_server(
    client: TrackingClient, run_id: str, spool: Path, break_folder: Callable[[SpoolFolder], None]
) -> None:
    bad = left_folder(spool, client.tracking_uri, [points_batch(run_id, [1])])
    os.utime(bad.path / "spool.json", (1, 1))
    break_folder(bad)
    os.utime(bad.path / "spool.json", (1, 1))
    good = left_folder(spool, client.tracking_uri, [points_batch(run_id, [2])])
    results = {result.folder: result for result in SpoolDelivery(spool, None).deliver()}
    of_bad, of_good = results[str(bad)], results[str(good)]
    assert (of_bad.batches, bool(of_bad.error)) == (0, True)
    assert (of_good.batches, of_good.is_removed) == (1, True)
    assert steps(client, run_id) == [2]
    with pytest.raises((OSError, ValueError)):
        sync(spool)
    assert bad.path.exists()


def test_a_folder_with_something_of_somebody_else_is_delivered_and_stays(
    client: TrackingClient, run_id: str, spool: Path, tmp_path: Path
) -> None:
    folder = left_folder(spool, client.tracking_uri, [points_batch(run_id, [1])])
    (folder.path / "notes").symlink_to(tmp_path)
    assert sync(spool).batches == 1
    assert folder.path.exists()
    assert sync(spool) == SyncResult([])


def test_links_and_folders_of_other_users_are_passed_over_in_the_spool_of_a_user(
    client: TrackingClient,
    run_id: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("RUNSTREAM_SPOOL", str(tmp_path / "spool"))
    own = left_folder(tmp_path / "spool", client.tracking_uri, [points_batch(run_id, [1])])
    other = left_folder(tmp_path / "other", client.tracking_uri, [points_batch(run_id, [2])])
    (tmp_path / "spool" / "link").symlink_to(other.path)
    foreign = left_folder(tmp_path / "spool", client.tracking_uri, [points_batch(run_id, [3])])

    def check(path: Path, kind: int) -> bool:
        if path == foreign.path:  # only root could make one
            raise ForeignFileError(f"{path} belongs to another user")
        return check_own(path, kind)

    monkeypatch.setattr(own_folders, "check_own", check)
    for _ in range(2):
        result = sync()
        assert result.is_complete
    assert steps(client, run_id) == [1]
    assert not own.path.exists()
    assert sum("link is not delivered" in text for text in caplog.messages) == 1
    assert sum("belongs to another user" in text for text in caplog.messages) == 1
    assert sync(foreign.path).batches == 1, "it was asked for"
