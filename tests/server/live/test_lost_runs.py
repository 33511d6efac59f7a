"""Heartbeats: a run whose client vanished is FAILED, and RUNNING again when it is back."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from runstream.v1 import run_service_pb2 as runs
from runstream.v1.logging_service_pb2 import LogRequest, RunUpdate
from runstream.v1.run_pb2 import Run, RunStatus
from runstream.v1.watch_service_pb2 import WatchRequest
from runstream_service.live.heartbeats import mark_lost_runs_regularly
from support.api import Api, make_batch
from support.run_batches import RunWriter, everything
from support.server_process import ServerProcess

LOST = "runstream.lost"
RESUMED = "runstream.resumed"
LOST_AFTER = 1.0  # seconds; a run that is back is read before that
TIME = r"[-0-9]{10}T[:0-9]{8}\.\d{3}Z"


@pytest.fixture
def server(start_server: Callable[..., ServerProcess]) -> ServerProcess:
    return start_server(RUNSTREAM_LOST_AFTER=str(LOST_AFTER))


def send_heartbeat(api: Api, run_id: str) -> None:
    """Send a heartbeat of a run."""
    (answer,) = api.log_batches([make_batch(run_id)])
    assert not answer.HasField("error")


def read(api: Api, run_id: str) -> Run:
    return api.runs.GetRun(runs.GetRunRequest(run_id=run_id)).run


def tags(run: Run) -> dict[str, str]:
    return {tag.key: tag.value for tag in run.data.tags}


def wait_until_lost(api: Api, run_id: str, seconds: float = 30) -> Run:
    """Return the run once it has the tag of lost runs."""
    give_up = time.monotonic() + seconds
    while LOST not in tags(run := read(api, run_id)):
        assert time.monotonic() < give_up
        time.sleep(0.05)
    return run


def test_a_run_that_sends_no_more_heartbeats_is_failed_and_says_so(api: Api) -> None:
    run_id = api.create_run()
    before = time.time_ns() // 1_000_000
    send_heartbeat(api, run_id)
    after = time.time_ns() // 1_000_000
    run = wait_until_lost(api, run_id)
    assert run.info.status == RunStatus.FAILED
    assert before <= run.info.end_time <= after
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(run.info.end_time // 1000))
    assert tags(run)[LOST] == f"The last heartbeat came at {moment} UTC."


def test_a_run_that_never_sent_a_heartbeat_is_left_alone(api: Api) -> None:
    silent, logged, one_shot, beating = (api.create_run() for _ in range(4))
    api.log_batches([make_batch(logged, [("m", 1, 1, 1.0)])])
    api.logging.Log(LogRequest(run_id=one_shot))
    send_heartbeat(api, beating)
    wait_until_lost(api, beating)
    for run_id in (silent, logged, one_shot):
        run = read(api, run_id)
        assert run.info.status == RunStatus.RUNNING
        assert LOST not in tags(run)


def test_a_run_whose_creator_vanished_before_its_first_heartbeat_is_lost(api: Api) -> None:
    """R8: what announces heartbeats is the first of them."""
    request = runs.CreateRunRequest(heartbeat=True, run_id="a" * 32)
    created = api.runs.CreateRun(request).run.info.run_id
    assert api.runs.CreateRun(request).run.info.run_id == created
    resumed = api.create_run()
    api.runs.UpdateRun(
        runs.UpdateRunRequest(run_id=resumed, status=RunStatus.RUNNING, heartbeat=True)
    )
    for run_id in (created, resumed):
        assert wait_until_lost(api, run_id).info.status == RunStatus.FAILED


def test_a_start_and_an_update_of_a_batch_are_heartbeats_if_they_announce_some(api: Api) -> None:
    """R8."""
    started, resumed, silent = RunWriter(), RunWriter(), RunWriter()
    update = RunUpdate(status=RunStatus.RUNNING, heartbeat=True)
    requests = [started.start(heartbeat=True), resumed.start(), silent.start()]
    api.log_batches([*requests, resumed.batch(update=update), silent.batch(update=RunUpdate())])
    for run in (started, resumed):
        assert wait_until_lost(api, run.run_id).info.status == RunStatus.FAILED
    assert read(api, silent.run_id).info.status == RunStatus.RUNNING
    (answer,) = api.log_batches([resumed.batch(update=update)])
    assert answer.run_infos[0].status == RunStatus.RUNNING
    assert LOST not in tags(read(api, resumed.run_id))
    wait_until_lost(api, resumed.run_id)


def test_a_start_or_a_resumption_that_comes_again_brings_no_lost_run_back(api: Api) -> None:
    """P3: who sends what a process has left does not say that the process lives."""
    run = RunWriter()
    update = RunUpdate(status=RunStatus.RUNNING, heartbeat=True)
    batches = [run.start(heartbeat=True), run.batch(update=update)]
    api.log_batches(batches)
    lost = wait_until_lost(api, run.run_id)
    infos = [info for answer in api.log_batches(batches) for info in answer.run_infos]
    assert infos == [lost.info] * 2
    assert read(api, run.run_id) == lost
    # Another write, of one who lives, does.
    (answer,) = api.log_batches([run.batch(**everything(), update=RunUpdate(run_name="n"))])
    assert (answer.run_infos[0].status, answer.run_infos[0].run_name) == (RunStatus.RUNNING, "n")
    assert answer.run_infos[0] == read(api, run.run_id).info


def test_what_is_logged_to_a_run_is_a_sign_of_its_life(
    start_server: Callable[..., ServerProcess], connect: Callable[[str], Api]
) -> None:
    api = connect(start_server("slower.db", RUNSTREAM_LOST_AFTER="1.5").address)
    logging, silent = api.create_run(), api.create_run()
    send_heartbeat(api, logging)
    send_heartbeat(api, silent)
    while LOST not in tags(read(api, silent)):
        api.log_batches([make_batch(logging, [("m", 1, time.time_ns() // 1_000_000, 1.0)])])
        time.sleep(0.05)
    assert read(api, logging).info.status == RunStatus.RUNNING


def test_a_lost_run_is_running_again_with_its_next_sign(api: Api) -> None:
    run_id = api.create_run()
    send_heartbeat(api, run_id)
    for points in ([], [("m", 1, 1, 1.0)]):
        wait_until_lost(api, run_id)
        api.log_batches([make_batch(run_id, points)])
        run = read(api, run_id)
        assert run.info.status == RunStatus.RUNNING
        assert not run.info.HasField("end_time")
        assert LOST not in tags(run)


def test_a_lost_run_whose_status_is_told_is_not_lost(api: Api) -> None:
    lost = {api.create_run(): s for s in (RunStatus.FINISHED, RunStatus.FAILED, RunStatus.KILLED)}
    for run_id in lost:
        send_heartbeat(api, run_id)
    for run_id, status in lost.items():
        wait_until_lost(api, run_id)
        api.runs.UpdateRun(runs.UpdateRunRequest(run_id=run_id, status=status, end_time=9))
        for _ in range(2):
            run = read(api, run_id)
            assert (run.info.status, run.info.end_time) == (status, 9)
            assert LOST not in tags(run)
            api.log_batches([make_batch(run_id, [("m", 1, 1, 1.0)]), make_batch(run_id)])


def test_a_run_that_is_resumed_has_all_its_time_again(api: Api) -> None:
    run_id, other = api.create_run(), api.create_run()
    send_heartbeat(api, run_id)
    wait_until_lost(api, run_id)
    send_heartbeat(api, other)
    resumed = time.time_ns() // 1_000_000
    api.runs.UpdateRun(runs.UpdateRunRequest(run_id=run_id, status=RunStatus.RUNNING))
    assert LOST not in tags(read(api, run_id))
    assert wait_until_lost(api, run_id).info.end_time >= resumed


def test_an_ended_or_deleted_run_is_not_lost(api: Api) -> None:
    ended, deleted, silent = api.create_run(), api.create_run(), api.create_run()
    for run_id in (ended, deleted, silent):
        send_heartbeat(api, run_id)
    api.runs.UpdateRun(runs.UpdateRunRequest(run_id=ended, status=RunStatus.FINISHED))
    api.runs.DeleteRun(runs.DeleteRunRequest(run_id=deleted))
    wait_until_lost(api, silent)
    assert read(api, ended).info.status == RunStatus.FINISHED
    assert read(api, deleted).info.status == RunStatus.RUNNING


def test_a_run_that_was_left_when_its_server_was_killed_is_lost_at_the_next_start(
    server: ServerProcess, api: Api, connect: Callable[[str], Api]
) -> None:
    run_id = api.create_run()
    send_heartbeat(api, run_id)
    server.kill()
    time.sleep(LOST_AFTER)
    started = time.monotonic()
    api = connect(server.restart().address)
    wait_until_lost(api, run_id)
    assert time.monotonic() - started > LOST_AFTER  # so long a client has to come back


def test_a_watcher_is_told_of_a_lost_run_and_of_its_return(api: Api) -> None:
    run_id = api.create_run()
    send_heartbeat(api, run_id)
    watch: Any = api.watches.Watch(WatchRequest(run_ids=[run_id]), timeout=30)
    changes = (change for answer in watch for change in answer.changes)
    lost = next(change for change in changes if change.HasField("info"))
    assert lost.info.status == RunStatus.FAILED
    assert [tag.key for tag in lost.tags] == [LOST]
    send_heartbeat(api, run_id)
    found = next(change for change in changes if change.HasField("info"))
    assert found.info.status == RunStatus.RUNNING
    assert list(found.deleted_tags) == [LOST]
    assert [tag.key for tag in found.tags] == [RESUMED]
    assert re.fullmatch(f"LOST at {TIME}, RUNNING at {TIME}", tags(read(api, run_id))[RESUMED])


def test_a_server_can_be_told_that_no_run_is_ever_lost() -> None:
    nobody: Any = None
    asyncio.run(asyncio.wait_for(mark_lost_runs_regularly(nobody, nobody, 0), 10))
