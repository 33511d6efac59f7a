"""A clock that is set: it neither keeps lost runs alive nor ends live ones."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runstream.v1.run_pb2 import RunStatus
from runstream.v1.run_service_pb2 import CreateRunRequest, GetRunRequest
from support.api import Api, make_batch
from support.server_process import ServerProcess

HOUR = 3_600

# A server whose clock goes by as many seconds as a file says.
PROGRAM = """
import pathlib, time
shift, time_, time_ns = pathlib.Path("shift"), time.time, time.time_ns
seconds = lambda: int(shift.read_text()) if shift.exists() else 0
time.time = lambda: time_() + seconds()
time.time_ns = lambda: time_ns() + seconds() * 10**9
from runstream.cli import main
main()
"""


@pytest.fixture
def server(tmp_path: Path, new_url: Callable[[], str | None]) -> Iterator[ServerProcess]:
    environment, program = {"RUNSTREAM_LOST_AFTER": "2"}, ("-c", PROGRAM)
    server = ServerProcess(tmp_path / "runs.db", environment, program, url=new_url())
    yield server
    server.stop()


def status(api: Api, run_id: str) -> int:
    return api.runs.GetRun(GetRunRequest(run_id=run_id), wait_for_ready=True).run.info.status


def new_run(api: Api) -> str:
    return api.runs.CreateRun(CreateRunRequest(heartbeat=True)).run.info.run_id


@pytest.mark.parametrize("hours", [-1, 1])
@pytest.mark.parametrize("restart", [False, True])
def test_a_clock_that_jumps_ends_silent_runs_and_no_others(
    server: ServerProcess, api: Api, hours: int, restart: bool
) -> None:
    """R8: while the server lives, and while it is away."""
    silent, signed, live = (new_run(api) for _ in range(3))
    api.log_batches([make_batch(signed), make_batch(live)])
    if restart:
        server.stop()
    server.database.with_name("shift").write_text(str(hours * HOUR))
    if restart:
        server.restart()
    late = api.runs.CreateRun(CreateRunRequest(heartbeat=True), wait_for_ready=True).run.info.run_id
    give_up = time.monotonic() + 60
    while {status(api, run_id) for run_id in (silent, signed, late)} != {RunStatus.FAILED}:
        api.log_batches([make_batch(live)])
        assert status(api, live) == RunStatus.RUNNING
        assert time.monotonic() < give_up
        time.sleep(0.1)
