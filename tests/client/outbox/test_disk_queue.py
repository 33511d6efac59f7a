"""What waits for the server is on disk, in its order, with little of it in memory."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runstream.errors import DeadlineExceeded
from runstream.outbox import disk_queue, outgoing_batches
from runstream.outbox.batch_files import BatchFiles
from runstream.outbox.disk_queue import DiskQueue
from runstream.outbox.drain import drain
from runstream.outbox.outbox import Outbox
from runstream.outbox.uploader import Uploader
from runstream.spool.cursor import read_cursor
from runstream.spool.folder import list_folders
from runstream.spool.log_reader import LogReader
from runstream.spool.log_writer import LogWriter
from runstream.v1.logging_service_pb2 import LogBatchRequest
from support.outboxes import RUN, send_all
from support.server_process import ENVIRONMENT

LIMIT = 1024**3


def new_outbox(spool: Path, limit: int = LIMIT) -> Outbox:
    """Return an outbox whose batches are on disk, and whose tasks run on the thread of the test."""

    def start() -> bool:
        outbox.tasks.run_pending(0)
        return True

    def new_queue() -> DiskQueue:
        return DiskQueue(BatchFiles("grpc://away", limit, find_spool=lambda: spool))

    outbox = Outbox(start, new_queue=new_queue)
    return outbox


def log(outbox: Outbox, numbers: range) -> None:
    """Log a batch of a kilobyte for each number."""
    for number in numbers:
        outbox.buffer(RUN).set_tags({f"t{number}": "x" * 1000})
    outbox.dispatch.collect()


def tags(requests: list[LogBatchRequest]) -> list[str]:
    return [request.tags[0].key for request in requests]


def names(numbers: range) -> list[str]:
    return [f"t{number}" for number in numbers]


def left(spool: Path) -> list[LogBatchRequest]:
    """Return what the folders of a spool have that is not answered."""
    requests = []
    for folder in list_folders(spool):
        reader = LogReader(folder.batches, read_cursor(folder.batches))
        while frame := reader.next(may_grow=False):
            requests.append(LogBatchRequest.FromString(frame.payload))
        reader.close()
    return requests


def test_what_is_not_in_memory_is_read_back_in_its_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_queue, "HEAD_BYTES", 10_000)
    outbox = new_outbox(tmp_path)
    log(outbox, range(50))
    assert len(outbox.batches.queue.in_memory()) < 10
    assert outbox.backlog()[RUN].params_and_tags == 50
    assert tags(left(tmp_path)) == names(range(50))
    stream = outbox.window.start_stream()
    for _ in range(30):
        outbox.window.next_message(stream)
    outbox.answers.record(stream, 25, None)
    assert tags(left(tmp_path)) == names(range(25, 50))
    log(outbox, range(50, 60))
    assert tags(send_all(outbox)) == names(range(25, 60))
    assert outbox.backlog() == {}
    log(outbox, range(60, 65))  # in memory and on disk again
    assert tags(send_all(outbox)) == names(range(60, 65))
    assert left(tmp_path) == []
    outbox.close_queue()
    assert list(tmp_path.iterdir()) == []


def test_a_program_that_logs_nothing_makes_no_folder(tmp_path: Path) -> None:
    outbox = new_outbox(tmp_path)
    outbox.dispatch.collect()
    outbox.close_queue()
    assert list(tmp_path.iterdir()) == []


def test_what_has_no_answer_stays_when_the_program_ends(tmp_path: Path) -> None:
    outbox = new_outbox(tmp_path)
    log(outbox, range(3))
    outbox.close_queue()
    assert tags(left(tmp_path)) == names(range(3))
    log(outbox, range(3, 5))  # too late for the folder, which others may deliver now
    assert tags(send_all(outbox)) == names(range(5))
    assert tags(left(tmp_path)) == names(range(3))


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EACCES])
def test_what_cannot_be_written_is_in_memory_until_it_can_and_keeps_its_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    monkeypatch.setattr(disk_queue, "RETRY_SECONDS", 0.0)
    outbox = new_outbox(tmp_path)
    log(outbox, range(3))

    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as failing, caplog.at_level(logging.WARNING, "runstream"):
        failing.setattr(LogWriter, "append", fail)
        log(outbox, range(3, 6))
        log(outbox, range(6, 8))
    assert caplog.text.count("cannot be written to the spool") == 1
    assert tags(left(tmp_path)) == names(range(3))
    assert outbox.batches.queue.held_bytes > 5_000
    log(outbox, range(8, 9))
    assert tags(left(tmp_path)) == names(range(9))
    assert outbox.batches.queue.held_bytes == 0
    assert tags(send_all(outbox)) == names(range(9))
    assert left(tmp_path) == []


def test_the_end_of_a_program_finds_the_disk_that_was_full_shortly_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = new_outbox(tmp_path)

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as failing:
        failing.setattr(LogWriter, "append", fail)
        log(outbox, range(3))
    log(outbox, range(3, 5))
    assert left(tmp_path) == []  # it is tried again after some seconds
    assert drain(outbox, 0.0, 0.0) is not None
    assert tags(left(tmp_path)) == names(range(5))
    assert outbox.unsaved() == {}


def test_a_program_without_a_place_for_a_spool_logs_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    outbox = new_outbox(tmp_path / "file" / "spool")
    with caplog.at_level(logging.WARNING, "runstream"):
        log(outbox, range(3))
    assert "cannot be written to the spool" in caplog.text
    assert tags(send_all(outbox)) == names(range(3))


def test_at_its_limit_the_spool_takes_no_more_and_memory_has_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(outgoing_batches, "LIMIT_BYTES", 10_000)
    outbox = new_outbox(tmp_path, limit=20_000)
    with caplog.at_level(logging.WARNING, "runstream"):
        log(outbox, range(15))
        assert not outbox.batches.is_full
        for number in range(15, 40):
            if not outbox.batches.is_full:
                log(outbox, range(number, number + 1))
    assert "the spool has its limit of 20000 bytes" in caplog.text
    assert 10 < len(left(tmp_path)) < 20
    assert 20 < outbox.backlog()[RUN].params_and_tags < 40
    send_all(outbox)
    assert not outbox.batches.is_full


def test_a_folder_that_somebody_removes_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_queue, "RETRY_SECONDS", 0.0)
    outbox = new_outbox(tmp_path)
    log(outbox, range(3))
    (folder,) = list_folders(tmp_path)
    shutil.rmtree(folder.path)
    log(outbox, range(3, 5))
    log(outbox, range(5, 6))
    assert tags(left(tmp_path)) == names(range(6))
    assert tags(send_all(outbox)) == names(range(6))


def test_what_is_lost_with_its_folder_is_told_and_waited_for_by_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(disk_queue, "HEAD_BYTES", 3_000)
    monkeypatch.setattr(disk_queue, "RETRY_SECONDS", 0.0)
    outbox = new_outbox(tmp_path)
    log(outbox, range(10))
    (folder,) = list_folders(tmp_path)
    shutil.rmtree(folder.path)
    with caplog.at_level(logging.ERROR, "runstream"):
        log(outbox, range(10, 12))
    assert "8 batches are lost" in caplog.text
    assert tags(send_all(outbox)) == names(range(2)) + names(range(10, 12))
    assert outbox.backlog() == {}
    outbox.flush(timeout=0)
    assert outbox.batches.is_answered()


def test_offline_what_is_on_disk_needs_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_queue, "RETRY_SECONDS", 0.0)
    files = BatchFiles("", LIMIT, find_spool=lambda: tmp_path, delivers=False)
    uploader = Uploader(
        lambda: "nothing",
        lambda _: pytest.fail("a stream was opened"),
        new_queue=lambda: DiskQueue(files, is_final=True),
    )
    outbox = uploader.outbox
    outbox.start_heartbeats(RUN, "me")
    outbox.buffer(RUN).log_params({"a": 1})
    outbox.flush(timeout=5)

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as failing:
        failing.setattr(LogWriter, "append", fail)
        outbox.buffer(RUN).log_params({"b": 1})
        with pytest.raises(DeadlineExceeded):
            outbox.flush(timeout=0.3)
    outbox.flush(timeout=5)
    uploader.stop()
    outbox.close_queue()
    assert [request.params[0].key for request in left(tmp_path)] == ["a", "b"]


PROGRAM = """
import os, signal, sys, time
import runstream
client = runstream.TrackingClient("grpc://127.0.0.1:9")
for step in range(20_000):
    client.log_metric("a" * 32, "loss", 0.5, step=step)
time.sleep(0.1)
print("logged", flush=True)
{}
"""


@pytest.mark.parametrize("end", ["os._exit(3)", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_what_was_logged_100_ms_before_a_sudden_end_is_on_disk(tmp_path: Path, end: str) -> None:
    lost = []
    for attempt in range(10):  # the machine may be busy
        spool = tmp_path / str(attempt)
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM.format(end)],
            env=ENVIRONMENT | {"RUNSTREAM_SPOOL": str(spool)},
            stdout=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode != 0
        assert done.stdout == "logged\n"
        steps = [step for request in left(spool) for step in request.metrics.step]
        lost.append(20_000 - len(steps))
        if steps == list(range(20_000)):
            break
    assert lost[-1] == 0


FORKS = """
import os, sys, time
import runstream
client = runstream.TrackingClient("grpc://127.0.0.1:9")
def save():
    while not client._session.saved():
        time.sleep(0.01)
client.log_param("a" * 32, "parent", 1)
save()
if (child := os.fork()) == 0:
    client.log_param("b" * 32, "child", 1)
    save()
    os._exit(0)
os.waitpid(child, 0)
os._exit(0)
"""


def test_a_forked_child_has_a_folder_of_its_own(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", FORKS],
        env=ENVIRONMENT | {"RUNSTREAM_SPOOL": str(tmp_path)},
        timeout=60,
        check=True,
    )
    assert len(list_folders(tmp_path)) == 2
    keys = sorted(request.params[0].key for request in left(tmp_path))
    assert keys == ["child", "parent"]


def test_a_synced_spool_is_synced_once_for_what_came_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Any] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    queue = DiskQueue(BatchFiles("grpc://away", LIMIT, True, lambda: tmp_path))
    outbox = Outbox(lambda: True, new_queue=lambda: queue)
    log(outbox, range(5))
    assert synced == []
    outbox.dispatch.save()
    assert len(synced) == 1
