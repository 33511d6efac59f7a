"""Runs with data of every kind, and counts of what a purge leaves of them."""

from __future__ import annotations

from typing import Any

from runstream.v1 import experiment_service_pb2 as experiments_pb
from runstream.v1.console_pb2 import CONSOLE_STREAM_STDOUT, ConsoleLine
from runstream.v1.logging_service_pb2 import LogBatchRequest
from runstream.v1.maintenance_service_pb2 import PurgeRequest, PurgeResponse
from runstream.v1.run_pb2 import Dataset, DatasetInput, InputTag, ViewType
from runstream.v1.run_service_pb2 import (
    CreateRunRequest,
    DeleteRunRequest,
    GetRunRequest,
    LogInputsRequest,
    SearchRunsRequest,
    SetTagRequest,
)
from runstream.v1.write_pb2 import WriteId
from support.api import Api, make_batch
from support.artifacts import upload
from support.server_process import ServerProcess

COUNT_POINTS = """SELECT (SELECT coalesce(sum(count), 0) FROM tail_row)
    + (SELECT coalesce(sum(count), 0) FROM chunk)"""


_PIECE = 250

#: A server whose steps have no time and remove few points, so that a call cannot remove all.
REMOVES_SLOWLY = f"""
from runstream_service.care import purge_step
from runstream_service.points import removal
purge_step.STEP_SECONDS, removal.POINTS_AT_ONCE, removal._ROWS = 0, {_PIECE}, 1
from runstream.cli import main
main()
"""


def create_runs_of_pieces(api: Api, runs: int, points: int) -> list[str]:
    """Create runs with a file and with points, which such a server removes in many steps."""
    run_ids = [api.create_run() for _ in range(runs)]
    for run_id in run_ids:
        upload(api, run_id, "own.txt", run_id.encode())
        for first in range(0, points, _PIECE):
            piece = [("loss", step, step, 0.5) for step in range(first, first + _PIECE)]
            api.log_batches([make_batch(run_id, piece)])
    return run_ids


def purge(api: Api, **request: Any) -> PurgeResponse:
    *_, last = api.maintenance.Purge(PurgeRequest(**request))
    return last


def delete_runs(api: Api, *run_ids: str) -> None:
    for run_id in run_ids:
        api.runs.DeleteRun(DeleteRunRequest(run_id=run_id))


def create_experiment(api: Api, name: str) -> str:
    request = experiments_pb.CreateExperimentRequest(name=name)
    return api.experiments.CreateExperiment(request).experiment_id


def delete_experiment(api: Api, experiment_id: str) -> None:
    request = experiments_pb.DeleteExperimentRequest(experiment_id=experiment_id)
    api.experiments.DeleteExperiment(request)


def dataset_input(name: str) -> DatasetInput:
    dataset = Dataset(name=name, digest="1", source_type="local", source="{}")
    return DatasetInput(dataset=dataset, tags=[InputTag(key="use", value="train")])


def create_full_run(api: Api, experiment_id: str = "0", points: int = 10) -> str:
    """Create a run with data of every kind; other runs share a file and a dataset with it."""
    run_id = api.runs.CreateRun(CreateRunRequest(experiment_id=experiment_id)).run.info.run_id
    rows = [(key, step, 1, 0.5) for step in range(points) for key in ("loss", "acc")]
    api.log_batches([make_batch(run_id, (), [("lr", "0.1")], [("team", "a")])])
    for first in range(0, len(rows), 1_000):
        api.log_batches([make_batch(run_id, rows[first : first + 1_000])])
    own = dataset_input(run_id[:8])
    lines = [
        ConsoleLine(stream=CONSOLE_STREAM_STDOUT, text=str(i), writer=1, sequence=i)
        for i in range(points)
    ]
    api.log_batches([LogBatchRequest(run_id=run_id, console=lines)])
    api.runs.LogInputs(LogInputsRequest(run_id=run_id, datasets=[dataset_input("shared"), own]))
    write = WriteId(writer=run_id, sequence=1)
    api.runs.SetTag(SetTagRequest(run_id=run_id, key="team", value="b", write=write))
    upload(api, run_id, "shared.txt", b"shared")
    upload(api, run_id, "own.txt", run_id.encode())
    return run_id


def visible_run_ids(api: Api) -> set[str]:
    found = api.runs.SearchRuns(SearchRunsRequest(run_view_type=ViewType.ALL)).runs
    return {run.info.run_id for run in found}


def count_rows(server: ServerProcess) -> dict[str, int]:
    """Return how many rows each table has, and how many points there are."""
    tables = [
        "experiment",
        "run",
        "param",
        "run_tag",
        "series",
        "chunk_data",
        "artifact",
        "blob",
        "dataset",
        "input",
    ]
    tables += ["input_tag", "experiment_tag", "orphan_blob", "write", "console", "console_line"]
    counts = {table: server.query(f"SELECT count(*) FROM {table}")[0][0] for table in tables}
    ((points,),) = server.query(COUNT_POINTS)
    return counts | {"point": points}


def read_run_and_points(api: Api, run_id: str) -> Any:
    return api.runs.GetRun(GetRunRequest(run_id=run_id)).run, api.read_points(run_id)
