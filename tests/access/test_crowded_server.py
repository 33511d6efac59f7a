"""More processes of one user than the server lets in at once: they wait, and lose nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import pytest

from runstream import TrackingClient
from support.access import create_tokens
from support.server_process import ENVIRONMENT, ServerProcess

pytestmark = pytest.mark.sqlite

STREAMS = 3

# Logs until it is told to end; each of its answers is a line.
PROGRAM = """
import sys, runstream
run = runstream.start_run()
for step in range(300):
    runstream.log_metric("loss", 1 / (step + 1), step=step)
print(run.info.run_id, flush=True)
sys.stdin.readline()
runstream.end_run()
print(len(runstream.TrackingClient().get_metric_history(run.info.run_id, "loss")), flush=True)
"""


@pytest.fixture
def crowded(tmp_path: Path) -> Iterator[tuple[ServerProcess, dict[str, str]]]:
    """A server that lets three streams of each caller in; with the variables of Ada's programs."""
    server = ServerProcess(tmp_path / "runs.db", {"RUNSTREAM_CALLS_PER_CALLER": str(STREAMS)})
    token = create_tokens(server.address)["ada"]
    with TrackingClient(server.uri, token=token) as ada:
        ada.create_experiment("ours")
    variables = {
        "RUNSTREAM_TRACKING_URI": server.uri,
        "RUNSTREAM_TOKEN": token,
        "RUNSTREAM_EXPERIMENT_NAME": "ours",
        "RUNSTREAM_SOURCE": "none",
    }
    yield server, variables
    server.stop()


def read(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline().strip()


def test_processes_beyond_the_limit_start_their_runs_and_deliver_when_there_is_room(
    crowded: tuple[ServerProcess, dict[str, str]],
) -> None:
    server, variables = crowded
    with ExitStack() as started:
        programs = [
            started.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", PROGRAM],
                    env=ENVIRONMENT | variables,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(2 * STREAMS)
        ]
        for program in programs:
            started.callback(program.kill)
        runs = [read(program.stdout) for program in programs]  # all have begun, none has ended
        assert len({*runs}) == len(programs)
        with TrackingClient(server.uri, token=variables["RUNSTREAM_TOKEN"]) as ada:
            # She still sees the runs that had room.
            assert len({run.info.run_id for run in ada.search_runs()} & {*runs}) >= STREAMS
        waited = 0
        for program in programs:
            assert program.stdin is not None
            program.stdin.write("end\n")
            program.stdin.flush()
        for program in programs:
            out, errors = program.communicate(timeout=90)
            assert (program.returncode, out) == (0, "300\n"), errors
            assert len(errors.splitlines()) <= 1
            waited += "this server allows 3 streams at once to one caller" in errors
        assert waited >= STREAMS - 1
        with TrackingClient(server.uri, token=variables["RUNSTREAM_TOKEN"]) as ada:
            statuses = {run.info.run_id: run.info.status for run in ada.search_runs()}
        assert statuses == dict.fromkeys(runs, "FINISHED")
