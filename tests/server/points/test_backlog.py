"""Which tails are sealed when, and who waits while the sealer is behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from grpc import StatusCode

from runstream import Metric, TrackingClient
from runstream.errors import DeadlineExceeded
from runstream.v1.logging_service_pb2 import LogMetricRequest
from runstream.v1.run_pb2 import RunStatus
from runstream.v1.run_service_pb2 import (
    CreateRunRequest,
    GetRunRequest,
    SearchRunsRequest,
    SetTagRequest,
    UpdateRunRequest,
)
from support.api import Api, expect_refusal, make_batch
from support.held_sealer import held_sealer
from support.server_process import ServerProcess
from support.waiting import wait_until

LOOKS_OFTEN = """
from runstream_service.points import backlog
backlog.LOOK_SECONDS = 0.2
from runstream.cli import main
main()
"""
# The sealer stands still while there is a file `hold`, and 1,000 points may wait for it.
HELD = held_sealer(
    "backlog.MAX_WAITING_POINTS, backlog.SEAL_POINTS, backlog.LOOK_SECONDS = 1_000, 200, 0.2"
)
FAILS = HELD.replace("while", "if").replace("time.sleep(0.01)", "raise OSError('the sealer fails')")
SMALL_STEPS = f"""
from runstream_service.engine.writer import Writer
from runstream_service.points import sealing
Writer.QUEUE_BYTES, sealing.STEP_POINTS = 10_000, 300
{HELD}"""
NOT_HELD = "from runstream.cli import main\nmain()"
Connect = Callable[[str], Api]
Start = Callable[..., ServerProcess]


@pytest.fixture
def start(tmp_path: Path, new_url: Callable[[], str | None]) -> Iterator[Start]:
    """Start a server whose program begins with lines of ours."""
    started = []
    url = new_url()

    def start(program: str, **environment: str) -> ServerProcess:
        program_of_ours = ("-c", program)
        database = tmp_path / "runs.db"
        started.append(ServerProcess(database, environment, program_of_ours, url=url))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            assert "not sealed" not in server.stop()


@pytest.fixture
def hold(tmp_path: Path) -> Iterator[Path]:
    """The file that holds the sealer of a server."""
    file = tmp_path / "hold"
    file.touch()
    yield file
    file.unlink(missing_ok=True)


def count_sealed(server: ServerProcess) -> dict[str, int]:
    """Return how many points of each run are in chunks."""
    rows = server.query(
        "SELECT uuid, sum(chunk.count) FROM chunk JOIN series ON series.id = series_id "
        "JOIN run ON run.id = series.run_id GROUP BY uuid"
    )
    return {run_id: int(points) for run_id, points in rows}


def count_waiting(server: ServerProcess) -> int:
    """Return how many points came to tails since those were sealed."""
    ((points,),) = server.query("SELECT sum(count) FROM tail_row WHERE NOT is_rest")
    return int(points or 0)


def rows_of(count: int, first: int = 0) -> list[tuple[str, int, int, float]]:
    return [("m", step, 1, step / 7) for step in range(first, first + count)]


def log_point(api: Api, run_id: str, seconds: float) -> grpc.StatusCode:
    """Log a point; return the status of the call."""
    request = LogMetricRequest(run_id=run_id, key="m", step=-1, timestamp=1, value=0.5)
    code: grpc.StatusCode = api.logging.LogMetric.future(request, timeout=seconds).code()
    return code


def fill_backlog(api: Api) -> str:
    """Log as much as may wait for the sealer; return the run."""
    run_id = api.create_run()
    (answer,) = api.log_batches([make_batch(run_id, rows_of(1_500))])
    assert not answer.HasField("error")
    assert log_point(api, run_id, 1) == StatusCode.DEADLINE_EXCEEDED
    return run_id


def test_the_points_of_a_run_that_ended_are_sealed_soon_however_it_ended(
    start: Start, connect: Connect
) -> None:
    server = start(LOOKS_OFTEN, RUNSTREAM_LOST_AFTER="1")
    api = connect(server.address)
    ends = [RunStatus.FINISHED, RunStatus.FAILED, RunStatus.KILLED]
    ended, goes_on, short = [api.create_run() for _ in ends], api.create_run(), api.create_run()
    lost = api.runs.CreateRun(CreateRunRequest(heartbeat=True)).run.info.run_id
    for run_id in (*ended, goes_on, lost):
        api.log_batches(make_batch(run_id, rows_of(20, first)) for first in range(0, 200, 20))
    api.log_batches([make_batch(short, rows_of(5)), make_batch(short, rows_of(5, 5))])
    for run_id, status in ((short, RunStatus.FINISHED), *zip(ended, ends, strict=True)):
        api.runs.UpdateRun(UpdateRunRequest(run_id=run_id, status=status))
    wait_until(lambda: len(count_sealed(server)) == 4, 40)
    assert count_sealed(server) == dict.fromkeys((*ended, lost), 200)
    for run_id in (*ended, goes_on, lost):
        assert [step for _, step, _, _ in api.read_points(run_id)] == list(range(200))
    assert len(api.read_points(short)) == 10


def test_who_logs_waits_while_the_sealer_is_behind_and_nothing_is_lost(
    start: Start, connect: Connect, hold: Path
) -> None:
    server = start(HELD)
    api = connect(server.address)
    runs, probe = [api.create_run() for _ in range(3)], api.create_run()
    fill_backlog(api)
    batches = {
        run_id: [make_batch(run_id, rows_of(20, i)) for i in range(0, 4_000, 20)] for run_id in runs
    }
    with ThreadPoolExecutor() as threads:
        logging = [threads.submit(api.log_batches, of_run) for of_run in batches.values()]
        assert log_point(api, probe, 1) == StatusCode.DEADLINE_EXCEEDED
        # Others go on: those who read, and those who log no points.
        assert not any(api.read_points(run_id) for run_id in runs)
        api.runs.SetTag(SetTagRequest(run_id=probe, key="team", value="a"), timeout=20)
        assert len(api.runs.SearchRuns(SearchRunsRequest(), timeout=20).runs) == 5
        assert api.runs.GetRun(GetRunRequest(run_id=probe), timeout=20).run.data.tags
        with TrackingClient(server.uri) as client:
            client.log_batch(probe, [Metric("late", 0.5, 1, 1)])
            with pytest.raises(DeadlineExceeded, match="1 point"):
                client.flush(timeout=0.5)
            hold.unlink()
            client.flush(timeout=60)
        answers = [each.result(60) for each in logging]
    assert all(not answer.HasField("error") for each in answers for answer in each)
    for run_id in runs:
        assert [step for _, step, _, _ in api.read_points(run_id)] == list(range(4_000))
    assert api.read_points(probe, "late") == [("late", 1, 1, 0.5)]


def test_a_server_that_stops_ends_those_who_wait_for_the_sealer(
    start: Start, connect: Connect, hold: Path
) -> None:
    server = start(HELD)
    api = connect(server.address)
    run_id = fill_backlog(api)
    batches = [make_batch(run_id, rows_of(20, first)) for first in range(0, 4_000, 20)]
    with ThreadPoolExecutor() as threads:
        stream = threads.submit(api.log_batches, batches)
        call = threads.submit(log_point, api, run_id, 60)
        server.process.terminate()
        with expect_refusal(StatusCode.UNAVAILABLE, "SERVER_STOPPING"):
            stream.result(8)  # calls under way would be given ten seconds
        assert call.result(8) == StatusCode.UNAVAILABLE
        hold.unlink()
        server.stop()
    api = connect(start(NOT_HELD).address)
    assert [step for _, step, _, _ in api.read_points(run_id)] == list(range(1_500))
    api.log_batches(batches)
    assert [step for _, step, _, _ in api.read_points(run_id)] == list(range(4_000))


def test_points_of_tails_that_are_short_make_nobody_wait(
    start: Start, connect: Connect, hold: Path
) -> None:
    api = connect(start(HELD).address)
    for _ in range(15):  # 1,500 points in all
        run_id = api.create_run()
        answers = api.log_batches([make_batch(run_id, rows_of(100))])
        assert not answers[0].HasField("error")
    assert log_point(api, run_id, 60) == StatusCode.OK
    hold.unlink()


def test_points_wait_until_they_are_sealed_however_many_steps_that_takes(
    start: Start, connect: Connect, hold: Path
) -> None:
    server = start(SMALL_STEPS)
    api = connect(server.address)
    run_id = fill_backlog(api)
    batches = [make_batch(run_id, rows_of(290, first)) for first in range(1_500, 20_000, 290)]
    with ThreadPoolExecutor() as threads:
        logging = threads.submit(api.log_batches, batches)
        hold.unlink()
        most = 0
        while not logging.done():
            most = max(most, count_waiting(server))
            time.sleep(0.005)
        assert all(not answer.HasField("error") for answer in logging.result(60))
    # Those that are read when it becomes full are stored, too.
    assert 1_000 < most < 5_000
    wait_until(lambda: count_waiting(server) < 200, 40)


def test_a_seal_that_fails_leaves_its_points_waiting_and_is_tried_again(
    start: Start, connect: Connect, hold: Path
) -> None:
    server = start(FAILS)
    api = connect(server.address)
    run_id = fill_backlog(api)
    hold.unlink()
    assert log_point(api, run_id, 60) == StatusCode.OK
    wait_until(lambda: count_waiting(server) < 200, 40)
    assert "the sealer fails" in server.stop()
