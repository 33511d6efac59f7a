"""MaintenanceService: row E5 of docs/behaviour.md."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import StatusCode

from runstream.v1 import experiment_service_pb2 as experiments_pb
from runstream.v1.maintenance_service_pb2 import PurgeRequest, PurgeResponse
from runstream.v1.run_pb2 import Dataset, DatasetInput, InputTag, ViewType
from runstream.v1.run_service_pb2 import (
    CreateRunRequest,
    DeleteRunRequest,
    GetRunRequest,
    LogInputsRequest,
    RestoreRunRequest,
    SearchRunsRequest,
    SetTagRequest,
)
from runstream.v1.watch_service_pb2 import WatchRequest
from runstream.v1.write_pb2 import WriteId
from support.api import Api, batch, refused
from support.artifacts import on_disk, upload
from support.server_process import ServerProcess

# A server that dies once 2,500 rows of each of two steps are gone.
DIES = """
import os, signal
from runstream_service.care import purge
remove_rows, steps = purge.remove_rows, []
def dying(runs):
    if len(steps) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    steps.append(runs)
    return remove_rows(runs)
purge.ROWS, purge.remove_rows = 2_500, dying
from runstream.cli import main
main()
"""

# A server in which somebody restores what is deleted, just before it is taken out of sight.
RESTORES = """
from runstream_service.care import purge
from runstream_service.catalog import deletion, experiment_changes
from runstream_service.engine.models import Experiment, Run
take_experiments, take_runs = purge.take_experiments, purge.take_runs
def late_experiments(before):
    for experiment in Experiment.select().where(Experiment.deleted):
        experiment_changes.restore(str(experiment.id), None)
    return take_experiments(before)
def late_runs(ids, before):
    for run in Run.select().where(Run.deleted):
        deletion.restore(run.uuid, None)
    return take_runs(ids, before)
purge.take_experiments, purge.take_runs = late_experiments, late_runs
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


def purge(api: Api, **request: Any) -> PurgeResponse:
    *_, last = api.maintenance.Purge(PurgeRequest(**request))
    return last


def delete(api: Api, *run_ids: str) -> None:
    for run_id in run_ids:
        api.runs.DeleteRun(DeleteRunRequest(run_id=run_id))


def new_experiment(api: Api, name: str) -> str:
    request = experiments_pb.CreateExperimentRequest(name=name)
    return api.experiments.CreateExperiment(request).experiment_id


def delete_experiment(api: Api, experiment_id: str) -> None:
    request = experiments_pb.DeleteExperimentRequest(experiment_id=experiment_id)
    api.experiments.DeleteExperiment(request)


def read(name: str) -> DatasetInput:
    dataset = Dataset(name=name, digest="1", source_type="local", source="{}")
    return DatasetInput(dataset=dataset, tags=[InputTag(key="use", value="train")])


def full_run(api: Api, experiment_id: str = "0", points: int = 10) -> str:
    """A run with something of everything; what it has of files and datasets, others have too."""
    run_id = api.runs.CreateRun(CreateRunRequest(experiment_id=experiment_id)).run.info.run_id
    rows = [(key, step, 1, 0.5) for step in range(points) for key in ("loss", "acc")]
    api.stream([batch(run_id, rows, [("lr", "0.1")], [("team", "a")])])
    own = read(run_id[:8])
    api.runs.LogInputs(LogInputsRequest(run_id=run_id, datasets=[read("shared"), own]))
    write = WriteId(writer=run_id, sequence=1)
    api.runs.SetTag(SetTagRequest(run_id=run_id, key="team", value="b", write=write))
    upload(api, run_id, "shared.txt", b"shared")
    upload(api, run_id, "own.txt", run_id.encode())
    return run_id


def visible(api: Api) -> set[str]:
    found = api.runs.SearchRuns(SearchRunsRequest(run_view_type=ViewType.ALL)).runs
    return {run.info.run_id for run in found}


def rows(server: ServerProcess) -> dict[str, int]:
    """How many rows each table has."""
    tables = [
        "experiment",
        "run",
        "param",
        "run_tag",
        "series",
        "point",
        "artifact",
        "blob",
        "dataset",
        "input",
    ]
    tables += ["input_tag", "experiment_tag", "stray", "write"]
    with closing(sqlite3.connect(server.database)) as database:
        return {
            table: database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in tables
        }


def everything_of(api: Api, run_id: str) -> Any:
    return api.runs.GetRun(GetRunRequest(run_id=run_id)).run, api.points(run_id)


def test_all_that_is_deleted_goes_and_nothing_else(server: ServerProcess, api: Api) -> None:
    """E5."""
    empty = rows(server)
    kept = full_run(api)
    before = rows(server)
    alone = everything_of(api, kept)
    gone = new_experiment(api, "gone")
    runs = [full_run(api), full_run(api, gone), full_run(api, gone)]
    delete_experiment(api, gone)
    delete(api, runs[0])
    newest = api.new_run()  # or else the newest run, and what it refers to, would be a deleted one
    new_experiment(api, "newest")

    said = PurgeResponse(experiments=1, runs=3, points=60, artifacts=3, artifact_bytes=96)
    assert purge(api, dry_run=True) == said
    assert visible(api) == {kept, newest, *runs}
    assert purge(api) == said
    assert purge(api) == purge(api, dry_run=True) == PurgeResponse()

    before |= {"experiment": empty["experiment"] + 1, "run": 2, "run_tag": before["run_tag"] + 1}
    assert rows(server) == before
    assert everything_of(api, kept) == alone
    assert visible(api) == {kept, newest}
    assert len(on_disk(server.database.with_name("artifacts"))) == 2
    with refused(StatusCode.NOT_FOUND, "RUN_NOT_FOUND"):
        api.runs.GetRun(GetRunRequest(run_id=runs[0]))
    with refused(StatusCode.NOT_FOUND, "RUN_NOT_FOUND"):
        api.runs.RestoreRun(RestoreRunRequest(run_id=runs[1]))
    with refused(StatusCode.NOT_FOUND, "EXPERIMENT_NOT_FOUND"):
        api.experiments.GetExperiment(experiments_pb.GetExperimentRequest(experiment_id=gone))


def test_only_what_was_deleted_before_a_time_goes(api: Api) -> None:
    """E5: deleting again does not make it younger, and a restored run has no age."""
    old, young, restored = (api.new_run() for _ in range(3))
    experiment, active = new_experiment(api, "old"), new_experiment(api, "active")
    delete(api, old, restored)
    delete_experiment(api, experiment)
    time.sleep(0.005)
    before = time.time_ns() // 1_000_000
    api.runs.RestoreRun(RestoreRunRequest(run_id=restored))
    delete(api, young, restored, old)
    delete_experiment(api, active)
    assert purge(api, deleted_before=before, dry_run=True).runs == 1
    assert purge(api, deleted_before=before) == PurgeResponse(experiments=1, runs=1)
    assert visible(api) == {young, restored}
    assert purge(api, deleted_before=0) == PurgeResponse()
    assert purge(api) == PurgeResponse(experiments=1, runs=2)


def test_a_time_before_the_epoch_is_refused(api: Api) -> None:
    with refused(StatusCode.INVALID_ARGUMENT, "TIMESTAMP_OUT_OF_RANGE") as refusal:
        purge(api, deleted_before=-1)
    assert refusal.metadata["field"] == "deleted_before"


def test_the_name_of_an_experiment_is_free_again_and_its_id_is_not(
    server: ServerProcess, api: Api
) -> None:
    """E1, E5: the ids of experiments that are gone are never given again."""
    for number in range(1, 4):
        assert new_experiment(api, "again") == str(number)
        delete_experiment(api, str(number))
        assert purge(api).experiments == 1
    server.stop()
    server.restart()
    assert new_experiment(api, "again") == "4"
    purge(api)
    assert rows(server)["experiment"] == 2  # the default one, and that
    request = experiments_pb.SearchExperimentsRequest(view_type=ViewType.ALL)
    found = api.experiments.SearchExperiments(request).experiments
    assert [experiment.experiment_id for experiment in found] == ["4", "0"]


def test_the_default_experiment_loses_its_runs_and_stays(api: Api) -> None:
    """E1, E5."""
    full_run(api)
    delete_experiment(api, "0")
    assert (purge(api).experiments, purge(api).runs) == (0, 0)
    assert visible(api) == set()
    api.experiments.RestoreExperiment(experiments_pb.RestoreExperimentRequest(experiment_id="0"))
    assert visible(api) == set()
    assert new_experiment(api, "next") == "1"
    api.new_run()


def test_a_new_run_is_not_taken_for_one_that_is_gone(server: ServerProcess, api: Api) -> None:
    """The writer keeps summaries of runs in memory; a run of the same uuid is another run."""
    run_id = "0" * 32
    for value in (1.0, 2.0):
        api.runs.CreateRun(CreateRunRequest(run_id=run_id))
        api.stream([batch(run_id, [("m", step, 1, value) for step in range(int(9 * value))])])
        assert api.latest(run_id) == {"m": (int(9 * value) - 1, 1, value)}
        assert len(api.points(run_id)) == 9 * value
        delete(api, run_id)
        assert purge(api).points == 9 * value
    left = rows(server)
    assert (left["run"], left["series"], left["point"]) == (1, 0, 0)  # the run keeps its id taken


def test_others_log_while_a_large_run_goes(api: Api) -> None:
    large, small = api.new_run(), api.new_run()
    api.stream(
        batch(large, [("m", step, 1, 0.5) for step in range(start, start + 50_000)])
        for start in range(0, 200_000, 50_000)
    )
    delete(api, large)
    purging = api.maintenance.Purge(PurgeRequest())
    answers = [
        answer for step in range(50) for answer in api.stream([batch(small, [("m", step, 1, 0.5)])])
    ]
    *_, last = purging
    assert (last.runs, last.points) == (1, 200_000)
    assert not any(answer.HasField("error") for answer in answers)
    assert [point[1] for point in api.points(small)] == list(range(50))


def test_a_purge_that_broke_off_leaves_nothing_half_and_is_gone_on_with(
    changed_server: Callable[[str], ServerProcess], connect: Callable[[str], Api]
) -> None:
    """E5."""
    server = changed_server(DIES)
    api = connect(server.address)
    gone = new_experiment(api, "gone")
    runs = [full_run(api), full_run(api, gone, points=4_000)]
    delete(api, runs[0])
    delete_experiment(api, gone)
    with pytest.raises(grpc.RpcError):
        purge(api)
    server.process.communicate()

    server = changed_server("from runstream.cli import main\nmain()")
    api = connect(server.address)
    left = rows(server)
    assert 0 < left["point"] < 8_000  # it was in the middle
    assert visible(api) == set()
    for run_id in runs:
        with refused(StatusCode.NOT_FOUND, "RUN_NOT_FOUND"):
            api.runs.RestoreRun(RestoreRunRequest(run_id=run_id))
    with refused(StatusCode.NOT_FOUND, "EXPERIMENT_NOT_FOUND"):
        request = experiments_pb.RestoreExperimentRequest(experiment_id=gone)
        api.experiments.RestoreExperiment(request)
    said = purge(api, dry_run=True)
    assert (said.runs, said.points) == (0, left["point"])
    assert purge(api) == said
    assert rows(server) == dict.fromkeys(left, 0) | {"experiment": 2, "run": 1}
    assert new_experiment(api, "gone") == "2"


def test_what_is_restored_in_time_stays_whole(
    changed_server: Callable[[str], ServerProcess], connect: Callable[[str], Api]
) -> None:
    api = connect(changed_server(RESTORES).address)
    experiment = new_experiment(api, "back")
    runs = [full_run(api), full_run(api, experiment)]
    logged = [everything_of(api, run_id) for run_id in runs]
    delete(api, runs[0])
    delete_experiment(api, experiment)
    assert purge(api) == PurgeResponse()
    assert [everything_of(api, run_id) for run_id in runs] == logged


def test_watchers_are_told_which_runs_are_gone(api: Api) -> None:
    run_id = api.new_run()
    watching = api.watches.Watch(WatchRequest(run_ids=[run_id]))
    next(watching)
    delete(api, run_id)
    purge(api)
    changes = (change for answer in watching for change in answer.changes)
    assert next(change for change in changes if change.purged).run_id == run_id
    watching.cancel()
