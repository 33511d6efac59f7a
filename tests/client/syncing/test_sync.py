"""Folders of a spool that are delivered by `runstream.sync`."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from runstream import InvalidArgument, NotFound, TrackingClient, Unauthenticated, Unavailable
from runstream.files.own_files import ForeignFileError, check_own
from runstream.spool.cursor import Cursor, read_cursor
from runstream.spool.folder import SpoolFolder, list_folders
from runstream.spool.frames import make_header
from runstream.spool.log_files import Place, file_path
from runstream.spool.log_writer import LogWriter
from runstream.syncing import folder_delivery, folder_state, own_folders
from runstream.syncing.inspection import list_refusals
from runstream.syncing.refused_log import read_refusals
from runstream.syncing.results import SyncResult
from runstream.syncing.sync import SpoolDelivery, sync
from runstream.v1 import logged_model_service_pb2 as models
from runstream.v1.logged_model_pb2 import (
    LOGGED_MODEL_READY,
    LoggedModelParameter,
    LoggedModelTag,
)
from runstream.v1.logging_service_pb2 import LogBatchRequest, LogBatchResponse, RunStart
from runstream.v1.logging_service_pb2_grpc import (
    LoggingServiceServicer,
    add_LoggingServiceServicer_to_server,
)
from runstream.v1.run_pb2 import Param, RunTag
from runstream.v1.spool_pb2 import SpoolTask
from support.ports import reserve_port
from support.server_process import ServerProcess
from support.spools import (
    append_batches,
    append_tasks,
    append_upload,
    left_folder,
    new_folder,
    points_batch,
)


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """A spool of its own."""
    return tmp_path / "spool"


@pytest.fixture
def run_id(client: TrackingClient) -> str:
    """A run on the server."""
    return client.create_run().info.run_id


def steps(client: TrackingClient, run_id: str, key: str = "loss") -> list[int]:
    """The steps of a metric that the server has."""
    return [point.step for point in client.get_metric_history(run_id, key)]


def test_what_a_process_left_is_delivered_and_its_folder_removed(
    client: TrackingClient, run_id: str, spool: Path
) -> None:
    batches = [points_batch(run_id, range(i * 10, i * 10 + 10)) for i in range(100)]
    left_folder(spool, client.tracking_uri, batches)
    result = sync(spool)
    assert (result.batches, result.points, result.refused) == (100, 1_000, 0)
    assert result.is_complete
    assert result.folders[0].is_removed
    assert result.folders[0].program == "train.py"
    assert steps(client, run_id) == list(range(1_000))
    assert list(spool.iterdir()) == []
    assert sync(spool) == SyncResult([])


def test_a_folder_without_anything_to_deliver_is_removed_and_not_named(
    client: TrackingClient, spool: Path
) -> None:
    left_folder(spool, client.tracking_uri)
    assert sync(spool) == SyncResult([])
    assert list(spool.iterdir()) == []


def test_several_files_are_removed_one_after_the_other(
    client: TrackingClient, run_id: str, spool: Path
) -> None:
    folder = left_folder(spool, client.tracking_uri)
    for number in range(5):
        append_batches(folder, [points_batch(run_id, [number])])
    assert sync(folder.path).points == 5
    assert steps(client, run_id) == list(range(5))
    assert not folder.path.exists()


def test_contents_go_once_they_are_uploaded_and_what_is_refused_keeps_its_own(
    client: TrackingClient, run_id: str, spool: Path
) -> None:
    folder = left_folder(spool, client.tracking_uri)
    append_upload(folder, run_id, "a.txt", b"a")
    append_upload(folder, "f" * 32, "b.txt", b"b")
    append_upload(folder, run_id, "c.txt", b"c")
    result = sync(spool)
    assert (result.files, result.refused) == (2, 1)
    assert [path.name for path in folder.files.iterdir()] == ["b.txt"]


def test_a_refused_batch_is_set_aside_and_the_rest_is_delivered(
    client: TrackingClient, run_id: str, spool: Path
) -> None:
    bad = points_batch("f" * 32, [1])
    batches = [points_batch(run_id, [1]), bad, points_batch(run_id, [2])]
    folder = left_folder(spool, client.tracking_uri, batches)
    result = sync(spool)
    assert (result.batches, result.refused, result.is_complete) == (2, 1, False)
    assert steps(client, run_id) == [1, 2]
    (refusal,) = read_refusals(folder.refused)
    assert refusal.batch == bad
    assert refusal.error.code == 5
    assert "not found" in refusal.error.message
    (again,) = sync(spool).folders
    assert (again.batches, again.refused, again.refused_before) == (0, 0, 1)
    assert not again.is_complete, "it stays, and is not sent again"
    assert folder.path.exists()


def test_a_batch_that_no_server_takes_for_its_size_is_set_aside(
    client: TrackingClient, run_id: str, spool: Path
) -> None:
    large = LogBatchRequest(run_id=run_id, params=[Param(key="a", value="x" * 5_000_000)])
    batches = [points_batch(run_id, [1]), large.SerializeToString(), points_batch(run_id, [2])]
    folder = left_folder(spool, client.tracking_uri, batches)
    assert (sync(spool).batches, sync(spool).batches) == (2, 0)
    (refusal,) = read_refusals(folder.refused)
    assert refusal.error.reason == "BATCH_TOO_LARGE"
    assert steps(client, run_id) == [1, 2]


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


def test_a_folder_of_a_process_that_lives_is_sent_and_left_as_it_is(
    client: TrackingClient, run_id: str, spool: Path
) -> None:
    program = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from pathlib import Path
from support.spools import append_batches, new_folder, points_batch
folder = new_folder(Path({str(spool)!r}), {client.tracking_uri!r}, [points_batch({run_id!r}, [0])])
print(flush=True)
for step in map(int, sys.stdin):
    append_batches(folder, [points_batch({run_id!r}, [step])])
    print(flush=True)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.readline()
    (folder,) = list_folders(spool)
    delivery = SpoolDelivery(spool, None)
    (result,) = delivery.deliver()
    assert (result.batches, result.is_live, result.is_complete) == (1, True, True)
    assert list(delivery.deliver()) == [], "it remembers what it has sent"
    process.stdin.write("1\n")
    process.stdin.flush()
    process.stdout.readline()
    assert [found.points for found in delivery.deliver()] == [1]
    assert steps(client, run_id) == [0, 1]
    assert read_cursor(folder.batches) == Place(1, 0)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert sync(spool).folders[0].is_removed
    assert steps(client, run_id) == [0, 1]


def test_the_own_folder_of_a_process_is_left_to_its_uploader(
    client: TrackingClient, run_id: str, spool: Path
) -> None:
    folder = new_folder(spool, client.tracking_uri, [points_batch(run_id, [0])])
    assert sync(spool) == SyncResult([])
    folder.close()


def test_a_process_that_only_writes_is_synced_by_others_file_by_file(
    client: TrackingClient, run_id: str, spool: Path
) -> None:
    folder = new_folder(spool, "", [points_batch(run_id, [0])], delivers=False)
    append_batches(folder, [points_batch(run_id, [1])])
    result = sync(spool, client.tracking_uri)
    assert (result.batches, result.folders[0].is_live) == (2, True)
    assert read_cursor(folder.batches).file == 2
    assert not file_path(folder.batches, 1).exists()
    append_batches(folder, [points_batch(run_id, [2])])
    folder.close()
    assert sync(spool, client.tracking_uri).folders[0].is_removed
    assert steps(client, run_id) == [0, 1, 2]


def test_a_folder_that_names_no_server_asks_for_one(
    client: TrackingClient, run_id: str, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RUNSTREAM_TRACKING_URI", raising=False)
    left_folder(spool, "", [points_batch(run_id, [0])])
    with pytest.raises(InvalidArgument, match="names no server"):
        sync(spool)
    assert sync(spool, client.tracking_uri).batches == 1


def test_an_offline_program_that_was_killed_is_delivered_as_far_as_it_was_written(
    client: TrackingClient, spool: Path
) -> None:
    program = """
import runstream, time
with runstream.start_run(run_name="far away") as run:
    runstream.log_params({"lr": 0.1})
    for step in range(1_000):
        runstream.log_metric("loss", 1.0, step=step)
    time.sleep(1)
    print(run.info.run_id, flush=True)
    time.sleep(600)
"""
    environment = os.environ | {"RUNSTREAM_TRACKING_URI": f"offline:{spool}"}
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    run_id = process.stdout.readline().strip()
    assert sync(spool, client.tracking_uri).folders[0].is_live
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert sync(spool, client.tracking_uri).is_complete
    run = client.get_run(run_id)
    assert (run.info.run_name, run.data.params) == ("far away", {"lr": "0.1"})
    assert steps(client, run_id) == list(range(1_000))
    assert list(spool.iterdir()) == []


def test_a_machine_that_is_offline_by_its_environment_can_be_told_to_sync(
    client: TrackingClient, run_id: str, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_folder(spool, client.tracking_uri, [points_batch(run_id, [1])])
    monkeypatch.setenv("RUNSTREAM_OFFLINE", "1")
    with TrackingClient(client.tracking_uri):
        assert sync(spool).batches == 1
    assert steps(client, run_id) == [1]


def test_a_path_that_is_none_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        sync(tmp_path / "none")


def test_files_are_uploaded_after_the_batches(
    client: TrackingClient, spool: Path, tmp_path: Path
) -> None:
    run_id = "0123456789abcdef0123456789abcdef"
    start = RunStart(experiment_id="0", user_id="ada", run_name="offline", start_time=1_000)
    batch = LogBatchRequest(run_id=run_id, start=start, tags=[RunTag(key="a", value="b")])
    folder = left_folder(spool, client.tracking_uri, [batch.SerializeToString()])
    append_upload(folder, run_id, "model/weights.bin", b"abc" * 1_000_000)
    append_upload(folder, run_id, "notes.txt", b"hello")
    result = sync(spool)
    assert (result.batches, result.files) == (1, 2)
    assert result.folders[0].is_removed
    path = client.download_artifacts(run_id, "model/weights.bin", tmp_path / "there")
    assert Path(path).read_bytes() == b"abc" * 1_000_000


def test_a_file_whose_run_is_unknown_or_that_is_not_whole_is_set_aside(
    client: TrackingClient, run_id: str, spool: Path
) -> None:
    folder = left_folder(spool, client.tracking_uri)
    append_upload(folder, "f" * 32, "a.txt", b"a")
    append_upload(folder, run_id, "b.txt", b"b")
    append_upload(folder, run_id, "c.txt", b"c")
    append_upload(folder, run_id, "d.txt", b"d")
    (folder.files / "b.txt").write_bytes(b"")
    (folder.files / "c.txt").unlink()
    result = sync(spool)
    assert (result.files, result.refused) == (1, 3)
    refusals = list(read_refusals(folder.refused))
    assert [refusal.task.upload.path for refusal in refusals] == ["a.txt", "b.txt", "c.txt"]
    assert [refusal.error.reason for refusal in refusals[1:]] == [
        "FILE_INCOMPLETE",
        "FILE_MISSING",
    ]
    assert (folder.files / "a.txt").exists()


def test_a_server_that_is_away_ends_the_sync_with_what_is_left(
    spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runstream.syncing.sync.CONNECT_SECONDS", 0.2)
    batches = [points_batch("a" * 32, [1])]
    uri = f"grpc://127.0.0.1:{reserve_port()}"
    folder = left_folder(spool, uri, batches)
    other = left_folder(spool, uri, batches)
    with pytest.raises(Unavailable, match=r"0 batches with 0 points .* were sent, \d+ bytes"):
        sync(spool)
    assert folder.path.exists()
    assert other.path.exists()


def test_a_server_that_comes_back_gets_the_rest(
    start_server: Callable[..., ServerProcess], spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runstream.syncing.sync.CONNECT_SECONDS", 60.0)
    server = start_server("again")
    with TrackingClient(server.uri) as client:
        run_id = client.create_run().info.run_id
        batches = [points_batch(run_id, range(i * 100, i * 100 + 100)) for i in range(1_000)]
        left_folder(spool, server.uri, batches)
        results: list[SyncResult] = []
        thread = threading.Thread(target=lambda: results.append(sync(spool)))
        thread.start()
        for _ in range(3):
            time.sleep(0.2)
            server.process.kill()
            server.process.communicate()
            server.start()
        thread.join(120)
        assert results[0].is_complete
        assert steps(client, run_id) == list(range(100_000))
        assert list(spool.iterdir()) == []


def test_a_sync_that_is_interrupted_is_taken_up_by_the_next(
    client: TrackingClient, run_id: str, spool: Path
) -> None:
    batches = [points_batch(run_id, range(i * 100, i * 100 + 100)) for i in range(2_000)]
    folder = left_folder(spool, client.tracking_uri, batches)
    process = subprocess.Popen(
        [sys.executable, "-m", "runstream", "sync", str(spool)], stderr=subprocess.DEVNULL
    )
    while read_cursor(folder.batches) == Place(1, 0) and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) in {130, 0}, "0 if it was done by then"
    sync(spool)
    assert steps(client, run_id) == list(range(200_000))
    assert list(spool.iterdir()) == []


def test_two_syncs_at_once_store_nothing_twice(
    client: TrackingClient, run_id: str, spool: Path
) -> None:
    batches = [points_batch(run_id, range(i * 10, i * 10 + 10)) for i in range(500)]
    for _ in range(4):
        left_folder(spool, client.tracking_uri, batches)
    command = [sys.executable, "-m", "runstream", "sync", str(spool)]
    both = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    sync(spool)
    assert steps(client, run_id) == list(range(5_000))
    assert list(spool.iterdir()) == []


def test_a_sync_that_is_killed_is_taken_up_by_the_next(
    client: TrackingClient, run_id: str, spool: Path
) -> None:
    batches = [points_batch(run_id, range(i * 100, i * 100 + 100)) for i in range(2_000)]
    folder = left_folder(spool, client.tracking_uri, batches)
    process = subprocess.Popen([sys.executable, "-m", "runstream", "sync", str(spool)])
    while read_cursor(folder.batches) == Place(1, 0) and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    sync(spool)
    assert steps(client, run_id) == list(range(200_000))
    assert list(spool.iterdir()) == []


def start_batch(run_id: str) -> bytes:
    """Return the batch that starts a run."""
    start = RunStart(experiment_id="0", user_id="u", start_time=1_000)
    return LogBatchRequest(run_id=run_id, start=start).SerializeToString()


def test_a_start_in_a_folder_that_is_delivered_later_is_sent_first(
    client: TrackingClient, spool: Path
) -> None:
    """Another process logs to the run, and its folder was made before."""
    run_ids = [f"{number:032x}" for number in range(0xA0, 0xA3)]
    batches = [points_batch(run_id, [step]) for step in range(5) for run_id in run_ids]
    child = left_folder(spool, client.tracking_uri, batches)
    append_upload(child, "b" * 32, "a.txt", b"a")
    time.sleep(0.01)
    starts = [start_batch(run_id) for run_id in (*run_ids, "b" * 32)]
    left_folder(spool, client.tracking_uri, starts)
    result = sync(spool)
    assert (result.refused, result.files) == (0, 1)
    assert all(steps(client, run_id) == list(range(5)) for run_id in run_ids)
    assert list(spool.iterdir()) == []


@pytest.mark.parametrize("is_answered", [False, True])
def test_a_start_for_another_server_or_that_was_answered_starts_no_run(
    client: TrackingClient, spool: Path, is_answered: bool
) -> None:
    """A run that was removed meanwhile does not come back by what logs to it."""
    run_id = "a1" * 16
    child = left_folder(spool, client.tracking_uri, [points_batch(run_id, [0])])
    time.sleep(0.01)
    uri = client.tracking_uri if is_answered else "grpc://127.0.0.1:9"
    other = left_folder(spool, uri, [start_batch(run_id)])
    if is_answered:
        cursor = Cursor(other.batches)
        cursor.move(Place(1, file_path(other.batches, 1).stat().st_size))
        cursor.close()
    result = sync(child.path)
    assert result.refused == 1
    with pytest.raises(NotFound):
        client.get_run(run_id)


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


def test_models_are_created_with_their_params_tags_and_files(
    client: TrackingClient, run_id: str, spool: Path
) -> None:
    folder = left_folder(spool, client.tracking_uri)
    model_id = "m-" + "1" * 32
    append_tasks(
        folder,
        SpoolTask(
            create_model=models.CreateLoggedModelRequest(
                experiment_id="0", name="forest", source_run_id=run_id, model_id=model_id
            )
        ),
        SpoolTask(
            log_model_params=models.LogLoggedModelParamsRequest(
                model_id=model_id, params=[LoggedModelParameter(key="depth", value="3")]
            )
        ),
        SpoolTask(
            set_model_tags=models.SetLoggedModelTagsRequest(
                model_id=model_id, tags=[LoggedModelTag(key="kind", value="tree")]
            )
        ),
    )
    append_upload(folder, model_id, "weights.bin", b"abc")
    finalize = models.FinalizeLoggedModelRequest(model_id=model_id, status=LOGGED_MODEL_READY)
    append_tasks(folder, SpoolTask(finalize_model=finalize))
    result = sync(spool)
    assert result.is_complete
    assert (result.files, result.folders[0].is_removed) == (1, True)
    model = client.get_logged_model(model_id)
    assert (model.params, model.tags["kind"]) == ({"depth": "3"}, "tree")
    assert model.status == "READY"
    assert [file.path for file in client.list_artifacts(model_id)] == ["weights.bin"]


def test_a_task_of_a_newer_version_is_set_aside(
    client: TrackingClient, run_id: str, spool: Path
) -> None:
    folder = left_folder(spool, client.tracking_uri)
    append_tasks(folder, SpoolTask.FromString(b"\x78\x01"))  # a field that is not there yet
    append_upload(folder, run_id, "a.txt", b"a")
    assert (sync(spool).refused, len(client.list_artifacts(run_id))) == (1, 1)
    assert [refusal.error.reason for refusal in read_refusals(folder.refused)] == ["TASK_UNKNOWN"]


def test_a_server_that_does_not_know_the_caller_gets_it_later(
    start_server: Callable[..., ServerProcess],
    run_id: str,
    spool: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = start_server("closed")
    with TrackingClient(server.uri) as client:
        run_id = client.create_run().info.run_id
        token = client.create_token("ada", "admin").secret
    left_folder(spool, server.uri, [points_batch(run_id, [1])])
    with pytest.raises(Unauthenticated, match="bytes of batches are left"):
        sync(spool)
    monkeypatch.setenv("RUNSTREAM_TOKEN", token)
    assert sync(spool).is_complete
    with TrackingClient(server.uri) as client:
        assert steps(client, run_id) == [1]


def test_a_spool_is_delivered_into_a_file(spool: Path, tmp_path: Path) -> None:
    with TrackingClient(tmp_path / "runs.db") as client:
        run_id = client.create_run().info.run_id
        left_folder(spool, "", [points_batch(run_id, [1])])
        assert sync(spool, tmp_path / "runs.db").is_complete
        assert steps(client, run_id) == [1]


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


# Folders that are not as they should be


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


# Servers that do not do what they should


class EndingServer(LoggingServiceServicer):
    """Ends each stream well, after it has answered some batches."""

    def __init__(self, answers: int) -> None:
        self.answers = answers

    def LogBatch(  # noqa: N802, its name in the contract
        self, requests: Iterator[LogBatchRequest], _: object
    ) -> Iterator[LogBatchResponse]:
        for number in range(1, self.answers + 1):
            next(requests)
            yield LogBatchResponse(answered=number)


@pytest.fixture
def ending_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URI of such a server; the parameter says how many batches of a stream it answers."""
    server = grpc.server(ThreadPoolExecutor())
    add_LoggingServiceServicer_to_server(EndingServer(request.param), server)  # type: ignore[abstract]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"grpc://127.0.0.1:{port}"
    server.stop(0).wait()


@pytest.mark.parametrize("ending_server", [0], indirect=True)
def test_a_stream_that_ends_well_and_answers_nothing_has_delivered_nothing(
    ending_server: str, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_delivery, "AWAY_SECONDS", 0.5)
    batches = [points_batch("a" * 32, [step]) for step in range(5)]
    folder = left_folder(spool, ending_server, batches)
    append_upload(folder, "a" * 32, "a.txt", b"a")
    with pytest.raises(Unavailable, match="ended the stream before all was answered"):
        sync(spool)
    (result,) = SpoolDelivery(spool, None).deliver()
    assert result.bytes_left == sum(len(batch) + 12 for batch in batches)
    assert (result.batches, result.files_left, result.refused) == (0, 1, 0)
    assert read_cursor(folder.batches) == read_cursor(folder.tasks) == Place(1, 0)


@pytest.mark.parametrize("ending_server", [2], indirect=True)
def test_a_stream_that_ends_well_is_opened_again_for_the_rest(
    ending_server: str, spool: Path
) -> None:
    left_folder(spool, ending_server, [points_batch("a" * 32, [step]) for step in range(6)])
    assert sync(spool).batches == 6
    assert list(spool.iterdir()) == []


@pytest.mark.parametrize("ending_server", [0], indirect=True)
def test_what_is_left_of_a_process_that_lives_is_said(
    ending_server: str, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runstream.syncing.folder_delivery.may_be_live", lambda _: True)
    monkeypatch.setattr(folder_delivery, "AWAY_SECONDS", 0.2)
    left_folder(spool, ending_server, [points_batch("a" * 32, [1])])
    (result,) = SpoolDelivery(spool, None).deliver()
    assert result.bytes_left
    assert not result.is_complete
