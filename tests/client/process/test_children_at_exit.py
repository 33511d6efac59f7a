"""The end of a child of multiprocessing whose server does not answer."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runstream import TrackingClient
from runstream.spool.folder import list_folders
from support.ports import reserve_port
from support.server_process import ENVIRONMENT, ServerProcess

CHILDREN = """
import multiprocessing, sys, time
import runstream
def child(uri):
    runstream.TrackingClient(uri).log_metric("a" * 32, "loss", 1.0)
if __name__ == "__main__":
    began = time.monotonic()
    for _ in range(2):
        process = multiprocessing.get_context(sys.argv[2]).Process(target=child, args=sys.argv[1:2])
        process.start()
        process.join()
        assert process.exitcode == 0
    print(time.monotonic() - began)
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_children_whose_server_is_away_leave_what_they_logged_on_disk_and_end_soon(
    tmp_path: Path, method: str
) -> None:
    program = tmp_path / "program.py"
    program.write_text(CHILDREN)
    spool = tmp_path / "spool"
    done = subprocess.run(
        [sys.executable, program, f"grpc://127.0.0.1:{reserve_port()}", method],
        env=ENVIRONMENT | {"RUNSTREAM_SPOOL": str(spool), "RUNSTREAM_EXIT_SECONDS": "30"},
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    assert float(done.stdout) < 30, "one of them has waited"
    folders = list_folders(spool)
    assert len(folders) == 2
    for folder in folders:
        assert f"it is kept in {folder}: 1 point of run" in done.stderr


WAITS = """
import multiprocessing, sys
import runstream
def child():
    client = runstream.TrackingClient(sys.argv[1])
    client.log_metric(sys.argv[2], "loss", 1.0)
    client.flush()
    print("flushed", flush=True)
    with open(0) as stdin:
        stdin.readline()
    client.log_metric(sys.argv[2], "loss", 2.0)
process = multiprocessing.get_context("fork").Process(target=child)
process.start()
process.join()
"""


def test_a_child_waits_for_a_server_that_is_only_slow(
    server: ServerProcess, client: TrackingClient
) -> None:
    run_id = client.create_run().info.run_id
    program = subprocess.Popen(
        [sys.executable, "-c", WAITS, server.uri, run_id],
        env=ENVIRONMENT | {"RUNSTREAM_EXIT_SECONDS": "60"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "flushed\n"
    server.process.send_signal(signal.SIGSTOP)
    try:
        assert program.stdin is not None
        program.stdin.write("\n")
        program.stdin.flush()
        time.sleep(3)  # three times what it waits for a server that is away
    finally:
        server.process.send_signal(signal.SIGCONT)
    _, errors = program.communicate(timeout=100)
    assert errors == ""
    assert len(client.get_metric_history(run_id, "loss")) == 2
