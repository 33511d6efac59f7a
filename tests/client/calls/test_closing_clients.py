"""`TrackingClient.close` while the server is away."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from runstream import DeadlineExceeded, TrackingClient
from runstream.spool.folder import list_folders
from support.ports import reserve_port
from support.server_process import ENVIRONMENT, ServerProcess

RUN = "a" * 32


@pytest.fixture(autouse=True)
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The spool of the test."""
    monkeypatch.setenv("RUNSTREAM_SPOOL", str(tmp_path))
    monkeypatch.setenv("RUNSTREAM_EXIT_SECONDS", "1")
    return tmp_path


def test_leaving_the_block_of_a_client_whose_server_is_away_is_quick_and_warns_once(
    spool: Path, caplog: pytest.LogCaptureFixture
) -> None:
    begin = time.monotonic()
    with (
        caplog.at_level(logging.WARNING, "runstream"),
        TrackingClient(f"grpc://127.0.0.1:{reserve_port()}") as client,
    ):
        client.log_metric(RUN, "loss", 1.0)
    assert time.monotonic() - begin < 30
    (folder,) = list_folders(spool)
    warnings = [text for text in caplog.messages if str(folder) in text]
    assert len(warnings) == 1
    assert warnings[0].startswith(f"not all is delivered to {client.tracking_uri} (")


CLOSES = """
import sys, runstream, time
with runstream.TrackingClient(sys.argv[1]) as client:
    client.log_metric("a" * 32, "loss", 1.0)
print(time.monotonic(), flush=True)
"""


def close_and_end(code: str, exit_seconds: int) -> tuple[float, str]:
    """Return for how long a program ends that has closed a client, and what it says on stderr."""
    program = subprocess.run(
        [sys.executable, "-c", code, f"grpc://127.0.0.1:{reserve_port()}"],
        env=ENVIRONMENT
        | {
            "RUNSTREAM_SPOOL": os.environ["RUNSTREAM_SPOOL"],
            "RUNSTREAM_EXIT_SECONDS": str(exit_seconds),
        },
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    return time.monotonic() - float(program.stdout), program.stderr


def test_the_end_of_a_program_neither_waits_nor_warns_again_for_a_client_that_was_closed() -> None:
    seconds, said = close_and_end(CLOSES, 10)
    assert seconds < 10
    assert said.count("delivered to") == 1, said


def test_what_is_logged_after_a_client_was_closed_is_announced_at_the_end() -> None:
    _, said = close_and_end(CLOSES + "client.log_metric('a' * 32, 'loss', 2.0)\n", 1)
    assert said.count("delivered to") == 2
    assert "2 points of run" in said


def test_closing_a_client_raises_what_is_in_memory_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNSTREAM_SPOOL_LIMIT", "0")
    client = TrackingClient(f"grpc://127.0.0.1:{reserve_port()}")
    client.log_metric(RUN, "loss", 1.0)
    begin = time.monotonic()
    with pytest.raises(DeadlineExceeded, match="for 1 point;"):
        client.close()
    assert time.monotonic() - begin < 30


def test_closed_clients_leave_no_threads_however_many_there_were(server: ServerProcess) -> None:
    before = set(threading.enumerate())

    def threads() -> list[str]:
        new = set(threading.enumerate()) - before
        return [one.name for one in new if one.name.startswith("runstream-")]

    for number in range(20):
        with TrackingClient(server.uri, token=f"caller-{number}") as client:
            run_id = client.create_run().info.run_id
            client.log_metric(run_id, "loss", 1.0)
    end = time.monotonic() + 60
    while threads() and time.monotonic() < end:
        time.sleep(0.1)
    assert threads() == []
    with client:  # it opens the connection again
        assert client.get_run(run_id).data.metrics["loss"] == 1.0
