"""CopyRuns in many calls, between which a server dies, a purge comes or the run changes (R11)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest

from runstream.v1.maintenance_service_pb2 import PurgeRequest
from runstream.v1.run_copies_pb2 import CopyRunsRequest, CopyRunsResponse
from runstream.v1.run_pb2 import RunStatus
from runstream.v1.run_service_pb2 import SearchRunsRequest, SetTagRequest, UpdateRunRequest
from runstream.v1.write_pb2 import WriteId
from support.api import Api, Point, expect_refusal, make_batch
from support.server_process import ServerProcess
from support.waiting import wait_until

# A call does one piece, and chunks are small. The sealer works while there is no file `hold`.
PROGRAM = """
import os
from runstream_service.care import purge_step
from runstream_service.points import backlog, codec, point_copy, sealing
from runstream_service.rpc import run_copying
purge_step.STEP_SECONDS, run_copying.CALL_SECONDS = -1, 0
point_copy._CHUNKS = 2
backlog.SEAL_ROWS, backlog.SEAL_POINTS, backlog.SEAL_SERIES_POINTS = 8, 100, 1
backlog.IDLE_SECONDS = backlog.ENDED_SECONDS = backlog.LOOK_SECONDS = 0.1
sealing.MIN_POINTS = sealing.MIN_IDLE_POINTS = 4
sealing.FULL_POINTS = codec.FULL_POINTS = 64
plan = sealing.plan
def held_plan(*arguments):
    import time
    while os.path.exists("hold"):
        time.sleep(0.01)
    return plan(*arguments)
sealing.plan = held_plan
from runstream.cli import main
main()
"""
POINTS: list[Point] = [
    (key, step, step, float(step)) for key in ("a", "b", "c") for step in range(1_000)
]
SEALED = "SELECT count(*) FROM tail_row WHERE NOT is_rest"
HIDDEN = "SELECT count(*) FROM run WHERE purging AND uuid LIKE 'copy %'"
WRITE = WriteId(writer="a" * 32, sequence=1)


@pytest.fixture
def server(tmp_path: Path, new_url: Callable[[], str | None]) -> Iterator[ServerProcess]:
    server = ServerProcess(tmp_path / "runs.db", program=("-c", PROGRAM), url=new_url())
    yield server
    server.stop()


def log_run(api: Api) -> str:
    """Log a run of three metrics, and end it."""
    run_id = api.create_run()
    params = [(f"p{number:03}", "1") for number in range(100)]
    for start in range(0, len(POINTS), 100):
        api.log_batches([make_batch(run_id, POINTS[start : start + 100])])
    api.log_batches([make_batch(run_id, params=params)])
    api.runs.UpdateRun(UpdateRunRequest(run_id=run_id, status=RunStatus.FINISHED))
    return run_id


def call(api: Api, to: str, run_id: str) -> CopyRunsResponse:
    request = CopyRunsRequest(run_ids=[run_id], experiment_id=to, write=WRITE)
    return api.runs.CopyRuns(request, timeout=60)


def call_until_done(api: Api, to: str, run_id: str) -> str:
    while not (answer := call(api, to, run_id)).done:
        pass
    (copied,) = answer.copies
    return copied.run_id


def find(api: Api, experiment: str) -> list[str]:
    found = api.runs.SearchRuns(SearchRunsRequest(experiment_ids=[experiment])).runs
    return [run.info.run_id for run in found]


def check(api: Api, to: str, run_id: str) -> None:
    """Check that the only run of an experiment is the whole copy."""
    assert find(api, to) == [run_id]
    assert api.read_points(run_id) == POINTS
    assert (
        len(api.runs.SearchRuns(SearchRunsRequest(experiment_ids=[to])).runs[0].data.params) == 100
    )


def test_a_copy_is_hidden_until_it_is_whole_and_goes_on_when_a_server_was_killed(
    server: ServerProcess, connect: Callable[[str], Api]
) -> None:
    api = connect(server.address)
    to = api.create_experiment("to")
    run_id = log_run(api)
    wait_until(lambda: server.query(SEALED) == [(0,)], 30)
    calls = 0
    while not (answer := call(api, to, run_id)).done:
        calls += 1
        assert find(api, to) == []
        if calls in (2, 8, 15):
            server.kill()
            server.start()
    assert calls > 15
    check(api, to, answer.copies[0].run_id)
    assert call_until_done(api, to, run_id) == answer.copies[0].run_id


def test_points_that_are_sealed_meanwhile_are_copied_once(
    server: ServerProcess, connect: Callable[[str], Api], tmp_path: Path
) -> None:
    api = connect(server.address)
    to = api.create_experiment("to")
    (tmp_path / "hold").touch()
    run_id = log_run(api)
    for _ in range(6):
        assert not call(api, to, run_id).done
    (tmp_path / "hold").unlink()
    wait_until(lambda: server.query(SEALED) == [(0,)], 30)
    check(api, to, call_until_done(api, to, run_id))


def test_points_that_no_sealer_has_seen_are_copied(
    server: ServerProcess, connect: Callable[[str], Api], tmp_path: Path
) -> None:
    api = connect(server.address)
    to = api.create_experiment("to")
    (tmp_path / "hold").touch()
    run_id = log_run(api)
    copied = call_until_done(api, to, run_id)
    (tmp_path / "hold").unlink()
    check(api, to, copied)


@pytest.mark.parametrize("change", ["tag", "point"])
def test_a_run_that_changes_meanwhile_is_copied_by_the_next_call(
    server: ServerProcess, connect: Callable[[str], Api], change: str
) -> None:
    api = connect(server.address)
    to = api.create_experiment("to")
    run_id = log_run(api)
    for _ in range(12):
        assert not call(api, to, run_id).done
    if change == "tag":
        api.runs.SetTag(SetTagRequest(run_id=run_id, key="a", value="v"))
    else:
        api.log_batches([make_batch(run_id, [("a", -1, 1, 1.0)])])
    with expect_refusal(grpc.StatusCode.ABORTED, "RUN_CHANGED"):
        call_until_done(api, to, run_id)
    assert find(api, to) == []
    copied = call_until_done(api, to, run_id)
    assert find(api, to) == [copied]
    assert api.read_points(copied) == api.read_points(run_id)
    request = UpdateRunRequest(run_id=run_id, status=RunStatus.RUNNING)
    api.runs.UpdateRun(request)
    assert (
        call_until_done(api, to, run_id) == copied
    )  # of a copy that is there nothing more is asked


def test_a_purge_leaves_a_copy_that_goes_on_and_removes_one_that_was_left(
    server: ServerProcess, connect: Callable[[str], Api]
) -> None:
    api = connect(server.address)
    to = api.create_experiment("to")
    run_id = log_run(api)
    for _ in range(12):
        assert not call(api, to, run_id).done
    *_, purged = api.maintenance.Purge(PurgeRequest())
    assert purged.runs == purged.points == 0
    assert server.query(HIDDEN) == [(1,)]
    server.query("UPDATE run SET deleted_time = deleted_time - 700000 WHERE uuid LIKE 'copy %'")
    list(api.maintenance.Purge(PurgeRequest()))
    assert server.query(HIDDEN) == [(0,)]
    check(api, to, call_until_done(api, to, run_id))  # anew
