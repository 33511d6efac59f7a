"""A purge that breaks off, or meets a restoration, leaves nothing half: row E5."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from grpc import StatusCode

from runstream.v1 import experiment_service_pb2 as experiments_pb
from runstream.v1.maintenance_service_pb2 import PurgeResponse
from runstream.v1.run_service_pb2 import (
    RestoreRunRequest,
)
from support.api import Api, expect_refusal
from support.purging import (
    count_rows,
    create_experiment,
    create_full_run,
    delete_experiment,
    delete_runs,
    purge,
    read_run_and_points,
    visible_run_ids,
)
from support.server_process import ServerProcess

# A server that dies in the middle of a purge, once 1,000 points are gone.
DIES = """
import os, signal
from runstream_service.care import purge, purge_step
from runstream_service.points import removal
remove_rows, gone = purge.remove_rows, []
def dying(runs):
    if sum(gone) > 1_000:
        os.kill(os.getpid(), signal.SIGKILL)
    points, left = remove_rows(runs)
    gone.append(points)
    return points, left
purge_step.STEP_SECONDS, removal.POINTS_AT_ONCE, purge.remove_rows = 0, 1_000, dying
from runstream.cli import main
main()
"""
# A server in which somebody restores what is deleted, just before it is taken out of sight.
RESTORES = """
from runstream_service.access.caller import ANYONE
from runstream_service.care import purge
from runstream_service.catalog import run_deletion
from runstream_service.catalog import experiment_updates
from runstream_service.engine.tables import Experiment, Run
hide_experiments, hide_runs = purge.hide_experiments, purge.hide_runs
def late_experiments(before):
    for experiment in Experiment.select().where(Experiment.deleted):
        experiment_updates.restore(ANYONE, str(experiment.id), None)
    return hide_experiments(before)
def late_runs(ids, before):
    for run in Run.select().where(Run.deleted):
        run_deletion.restore(ANYONE, run.uuid, None)
    return hide_runs(ids, before)
purge.hide_experiments, purge.hide_runs = late_experiments, late_runs
from runstream.cli import main
main()
"""


@pytest.fixture
def changed_server(tmp_path: Path) -> Iterator[Callable[[str], ServerProcess]]:
    """Start a server whose program begins with lines of ours."""
    started: list[ServerProcess] = []

    def start(program: str) -> ServerProcess:
        started.append(ServerProcess(tmp_path / "runs.db", program=("-c", program)))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.stop()


def test_a_purge_that_broke_off_leaves_nothing_half_and_is_gone_on_with(
    changed_server: Callable[[str], ServerProcess], connect: Callable[[str], Api]
) -> None:
    """E5."""
    server = changed_server(DIES)
    api = connect(server.address)
    gone = create_experiment(api, "gone")
    runs = [create_full_run(api), create_full_run(api, gone, points=4_000)]
    delete_runs(api, runs[0])
    delete_experiment(api, gone)
    with pytest.raises(grpc.RpcError):
        purge(api)
    server.process.communicate()

    server = changed_server("from runstream.cli import main\nmain()")
    api = connect(server.address)
    left = count_rows(server)
    assert 0 < left["point"] < 8_000  # it was in the middle
    assert visible_run_ids(api) == set()
    for run_id in runs:
        with expect_refusal(StatusCode.NOT_FOUND, "RUN_NOT_FOUND"):
            api.runs.RestoreRun(RestoreRunRequest(run_id=run_id))
    with expect_refusal(StatusCode.NOT_FOUND, "EXPERIMENT_NOT_FOUND"):
        request = experiments_pb.RestoreExperimentRequest(experiment_id=gone)
        api.experiments.RestoreExperiment(request)
    said = purge(api, dry_run=True)
    assert (said.runs, said.points) == (0, left["point"])
    assert purge(api) == said
    assert count_rows(server) == dict.fromkeys(left, 0) | {"experiment": 2, "run": 1}
    assert create_experiment(api, "gone") == "2"


def test_what_is_restored_in_time_stays_whole(
    changed_server: Callable[[str], ServerProcess], connect: Callable[[str], Api]
) -> None:
    api = connect(changed_server(RESTORES).address)
    experiment = create_experiment(api, "back")
    runs = [create_full_run(api), create_full_run(api, experiment)]
    logged = [read_run_and_points(api, run_id) for run_id in runs]
    delete_runs(api, runs[0])
    delete_experiment(api, experiment)
    assert purge(api) == PurgeResponse()
    assert [read_run_and_points(api, run_id) for run_id in runs] == logged
