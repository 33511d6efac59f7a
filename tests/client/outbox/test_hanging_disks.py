"""A disk that hangs, such as that of a file server that is gone: bounded memory, and an end."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runstream.errors import Unavailable
from runstream.outbox import disk_watch, outgoing_batches
from runstream.outbox.batch_files import BatchFiles
from runstream.outbox.disk_queue import DiskQueue
from runstream.outbox.series import RECORD_BYTES
from runstream.outbox.uploader import Uploader
from runstream.process.exit_status import UNDELIVERED
from runstream.spool.folder import list_folders
from support.outboxes import RUN
from support.server_process import ENVIRONMENT

LIMIT_BYTES = 1024 * 1024


@pytest.fixture
def hang(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Let writes to the spool wait from now on, until the event is set."""
    is_back, write = threading.Event(), os.writev

    def wait(*arguments: Any) -> int:
        is_back.wait(60)
        return write(*arguments)

    monkeypatch.setattr(disk_watch, "HANG_SECONDS", 0.5)
    monkeypatch.setattr(outgoing_batches, "LIMIT_BYTES", LIMIT_BYTES)
    monkeypatch.setattr(os, "writev", wait)
    yield is_back
    is_back.set()


def refuse(*_: object) -> Any:
    raise Unavailable("away")


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_calls_that_log_wait_for_a_disk_that_hangs_once_memory_has_its_limit(
    tmp_path: Path, hang: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "runstream")
    files = BatchFiles("grpc://away", 1024**3, find_spool=lambda: tmp_path)
    uploader = Uploader(lambda: "away", refuse, new_queue=lambda: DiskQueue(files))
    outbox = uploader.outbox
    logged = [0]

    def log_points() -> None:
        buffer = outbox.buffer(RUN)
        while not hang.is_set():
            for _ in range(100):
                buffer.log_metric("loss", 0.5, logged[0], 1)
                logged[0] += 1
            time.sleep(0.001)

    thread = threading.Thread(target=log_points)
    thread.start()
    wait_until(lambda: outbox.batches.is_full)
    time.sleep(1)
    seen = logged[0]
    time.sleep(1)
    assert logged[0] <= seen + 1
    assert seen * RECORD_BYTES < 3 * LIMIT_BYTES
    (folder,) = list_folders(tmp_path)
    texts = [record.getMessage() for record in caplog.records]
    assert [str(folder.path) in text for text in texts if "disk" in text] == [True]
    hang.set()
    thread.join(30)
    assert not thread.is_alive()
    wait_until(lambda: not outbox.unsaved())
    assert not outbox.batches.is_full
    uploader.stop()


PROGRAM = """
import os, threading, time
import runstream
write = os.writev
with runstream.start_run():
    os.writev = lambda *_: threading.Event().wait()
    runstream.log_metric("loss", 0.5)
"""


@pytest.mark.parametrize("uri", ["grpc://127.0.0.1:1", "offline:{0}/other"])
def test_a_program_ends_in_time_though_its_disk_hangs(tmp_path: Path, uri: str) -> None:
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=ENVIRONMENT
        | {
            "RUNSTREAM_SPOOL": str(tmp_path),
            "RUNSTREAM_TRACKING_URI": uri.format(tmp_path),
            "RUNSTREAM_EXIT_SECONDS": "2",
        },
        stderr=subprocess.PIPE,
        text=True,
        timeout=100,
        check=False,
    )
    assert time.monotonic() - start < 40  # it took more than a minute
    assert done.returncode == UNDELIVERED
    assert len(re.findall(rf"the disk of {tmp_path}/\S+ has not answered", done.stderr)) == 1
    assert "lost" in done.stderr
