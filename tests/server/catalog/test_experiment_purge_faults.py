"""PurgeExperiment, while its caller goes or somebody moves what it is about (E6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runstream.v1.experiment_purge_pb2 import PurgeExperimentRequest, PurgeExperimentResponse
from runstream.v1.run_service_pb2 import DeleteRunRequest, GetRunRequest
from support.api import Api
from support.named_runs import NamedRuns
from support.purging import (
    REMOVES_SLOWLY,
    create_runs_of_pieces,
    delete_runs,
    visible_run_ids,
)
from support.server_process import ServerProcess
from support.waiting import wait_until

Removed = PurgeExperimentResponse
RUNS, POINTS = 10, 10_000
# Somebody moves the parent of the runs, just before they are taken out of sight.
MOVES = """
from runstream_service.access.caller import ANYONE
from runstream_service.care import experiment_purge
from runstream_service.catalog import run_moves
from runstream_service.engine.tables import Experiment, Run
hide_runs = experiment_purge.hide_runs
def late(experiment, runs):
    other = Experiment.get(Experiment.name == "other").id
    run_moves.move(ANYONE, [Run.get(Run.name == "study").uuid], str(other), None)
    return hide_runs(experiment, runs)
experiment_purge.hide_runs = late
from runstream.cli import main
main()
"""


@pytest.fixture
def start(
    tmp_path: Path, new_url: Callable[[], str | None]
) -> Iterator[Callable[[str], ServerProcess]]:
    started = []

    def start(program: str) -> ServerProcess:
        server = ServerProcess(tmp_path / "runs.db", program=("-c", program), url=new_url())
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()


def ask(api: Api, *run_ids: str, dry_run: bool = False) -> Removed:
    request = PurgeExperimentRequest(experiment_id="0", run_ids=run_ids, dry_run=dry_run)
    return api.maintenance.PurgeExperiment(request, timeout=60)


def test_files_of_what_a_call_has_removed_go_also_when_its_caller_does(
    start: Callable[[str], ServerProcess], connect: Callable[[str], Api]
) -> None:
    server = start(REMOVES_SLOWLY)
    api = connect(server.address)
    runs = create_runs_of_pieces(api, RUNS, POINTS)
    delete_runs(api, *runs)
    api.create_run()
    call = api.maintenance.PurgeExperiment.future(PurgeExperimentRequest(experiment_id="0"))

    def files() -> int:
        ((count,),) = server.query("SELECT count(*) FROM artifact")
        return int(count)

    wait_until(lambda: files() < RUNS, 20)
    call.cancel()
    unused = """SELECT count(*) FROM blob WHERE id NOT IN (SELECT blob_id FROM artifact)"""
    wait_until(lambda: server.query(unused) == [(0,)], 20)
    left = ask(api, dry_run=True)  # what is hidden is counted still, but for the runs
    assert not left.done
    assert left.runs == 0
    assert left.artifacts == files() > 0
    assert 0 < left.points <= RUNS * POINTS  # files go before points
    total = Removed()
    while not total.done:
        answer = ask(api)
        total.done = answer.done
        total.points += answer.points
        total.artifacts += answer.artifacts
    assert (total.points, total.artifacts) == (left.points, left.artifacts)
    assert ask(api, dry_run=True) == Removed(done=True)


def test_a_deleted_run_that_is_moved_meanwhile_stays(
    start: Callable[[str], ServerProcess], connect: Callable[[str], Api]
) -> None:
    api = connect(start(MOVES).address)
    named, other = NamedRuns(api), api.create_experiment("other")
    study = named.add("study")
    trial = named.add("trial", {"loss": 1}, tags={"mlflow.parentRunId": study})
    gone = named.add("gone", {"loss": 1})
    for run_id in (trial, gone):
        api.runs.DeleteRun(DeleteRunRequest(run_id=run_id))
    api.create_run()
    assert ask(api) == Removed(done=True, runs=1, points=1)
    found = api.runs.GetRun(GetRunRequest(run_id=trial)).run
    assert (found.info.experiment_id, found.info.lifecycle_stage) == (other, "deleted")
    assert gone not in visible_run_ids(api)
