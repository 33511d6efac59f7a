"""Folders of a spool that are delivered by `runstream.sync`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from runstream import InvalidArgument, NotFound, TrackingClient, Unauthenticated, Unavailable
from runstream.spool.cursor import read_cursor
from runstream.spool.folder import list_folders
from runstream.spool.log_files import Place, file_path
from runstream.spool.refused_log import read_refusals
from runstream.syncing.results import SyncResult
from runstream.syncing.sync import SpoolDelivery, sync
from runstream.v1.logging_service_pb2 import LogBatchRequest
from runstream.v1.run_pb2 import Param
from support.ports import reserve_port
from support.server_process import ServerProcess
from support.spools import (
    append_batches,
    left_folder,
    new_folder,
    points_batch,
    steps,
)


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
