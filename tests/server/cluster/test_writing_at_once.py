"""Three servers write to the same things at the same moment, and all is true afterwards."""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import grpc
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status

from runstream.v1.console_pb2 import ConsoleLine, ConsoleStream
from runstream.v1.experiment_service_pb2 import (
    CreateExperimentRequest,
    DeleteExperimentRequest,
    GetExperimentByNameRequest,
)
from runstream.v1.logged_model_pb2 import LoggedModelParameter
from runstream.v1.logged_model_service_pb2 import (
    GetLoggedModelRequest,
    LogLoggedModelParamsRequest,
)
from runstream.v1.logging_service_pb2 import LogBatchRequest
from runstream.v1.run_pb2 import Dataset, DatasetInput, ViewType
from runstream.v1.run_service_pb2 import (
    CreateRunRequest,
    GetRunRequest,
    ListConsoleRequest,
    LogInputsRequest,
    LogModelRequest,
    LogParamRequest,
    SearchRunsRequest,
    SetTagRequest,
)
from runstream.v1.write_pb2 import WriteId
from runstream_service.care.check import check_engine
from runstream_service.engine.store import open_engine
from support.api import Api, Point, make_batch
from support.artifacts import upload
from support.cluster import Cluster
from support.points import check_points
from support.run_batches import RunWriter

T = TypeVar("T")

STDOUT = ConsoleStream.CONSOLE_STREAM_STDOUT


def at_once(apis: list[Api], call: Callable[[Api, int], T]) -> list[T]:
    """Call with each server and its number at the same moment; return the results."""
    barrier = threading.Barrier(len(apis))

    def run(api: Api, number: int) -> T:
        barrier.wait(60)
        return call(api, number)

    with ThreadPoolExecutor(len(apis)) as threads:
        return list(threads.map(run, apis, range(len(apis))))


def reason(call: Callable[[], object]) -> str:
    """Return the reason of the error of a call; empty, if it succeeds."""
    try:
        call()
    except grpc.RpcError as error:
        status: Any = rpc_status.from_call(error)  # type: ignore[arg-type] # it is both
        info = ErrorInfo()
        assert status.details[0].Unpack(info), status
        return str(info.reason)
    return ""


def get_run(api: Api, run_id: str) -> Any:
    return api.runs.GetRun(GetRunRequest(run_id=run_id)).run


def test_a_run_that_three_servers_log_to_has_each_point_once_and_right_summaries(
    cluster: Cluster, apis: list[Api]
) -> None:
    """M4, M5."""
    runs = [apis[0].create_run() for _ in range(3)]
    sent: list[Point] = []

    def log(api: Api, number: int) -> None:
        choose = random.Random(number)
        values = [0.5, -2.5, math.nan, math.inf, -math.inf, number + 0.25]
        requests = []
        for step in range(60):
            points = [("in order", step, number, step / 7), ("same", step, 1, step / 3)]
            for _ in range(choose.randrange(8)):
                key, late = choose.choice("abc"), choose.randrange(12)
                points.append((key, late, choose.randrange(3), choose.choice(values)))
            sent.extend(points)
            for run_id in choose.sample(runs, len(runs)):  # each server has another order
                requests.append(make_batch(run_id, points))
        answers = api.log_batches(requests)
        assert answers[-1].answered == len(requests)
        assert not any(answer.HasField("error") for answer in answers), answers

    at_once(apis, log)
    for server, api, run_id in zip(cluster.servers, apis, runs, strict=True):
        check_points(server, api, run_id, sent)
    faults = [fault for found in check_engine(open_engine(cluster.url)) for fault in found.faults]
    assert faults == []


def test_of_the_values_that_servers_give_a_param_one_stands_and_the_others_are_refused(
    apis: list[Api],
) -> None:
    """P1."""
    run_id = apis[0].create_run()
    for key in ("a", "b", "c", "d"):

        def log(api: Api, number: int, key: str = key) -> str:
            request = LogParamRequest(run_id=run_id, key=key, value=str(number))
            return reason(lambda: api.runs.LogParam(request, timeout=60))

        reasons = at_once(apis, log)
        assert sorted(reasons) == ["", "PARAM_IMMUTABLE", "PARAM_IMMUTABLE"]
        params = {param.key: param.value for param in get_run(apis[0], run_id).data.params}
        assert params[key] == str(reasons.index(""))


def test_a_write_that_another_server_gets_late_undoes_no_newer_one(apis: list[Api]) -> None:
    """P3."""
    run_id = apis[0].create_run()
    for number in range(5):
        writer = f"{number:032x}"

        def tag(api: Api, server: int, writer: str = writer) -> None:
            write = WriteId(writer=writer, sequence=server + 1)
            request = SetTagRequest(run_id=run_id, key=writer, value=str(server), write=write)
            api.runs.SetTag(request, timeout=60)

        at_once(apis, tag)
        tag(apis[0], 0)  # once more
        tags = {tag.key: tag.value for tag in get_run(apis[1], run_id).data.tags}
        assert tags[writer] == "2"


def test_lines_of_a_console_that_come_by_several_servers_are_numbered_without_a_gap(
    apis: list[Api],
) -> None:
    run_id = apis[0].create_run()

    def log(api: Api, number: int) -> None:
        # Each line comes by two servers.
        lines = [
            ConsoleLine(
                stream=ConsoleStream.CONSOLE_STREAM_STDOUT,
                timestamp=1,
                text=f"{i}",
                writer=writer + 1,
                sequence=i,
            )
            for i in range(60)
            for writer in (number, (number + 1) % len(apis))
        ]
        requests = [
            LogBatchRequest(run_id=run_id, console=lines[i : i + 4]) for i in range(0, 120, 4)
        ]
        assert not any(answer.HasField("error") for answer in api.log_batches(requests))

    at_once(apis, log)
    found = apis[0].runs.ListConsole(ListConsoleRequest(run_id=run_id, max_results=1_000)).lines
    assert [line.number for line in found] == list(range(1, 181))
    assert len({(line.writer, line.sequence) for line in found}) == 180


def test_one_of_the_servers_creates_an_experiment_of_a_name(apis: list[Api]) -> None:
    """E2."""
    for name in ("x", "y", "z"):

        def create(api: Api, _: int, name: str = name) -> str:
            request = CreateExperimentRequest(name=name)
            return reason(lambda: api.experiments.CreateExperiment(request, timeout=60))

        assert sorted(at_once(apis, create)) == ["", "EXPERIMENT_EXISTS", "EXPERIMENT_EXISTS"]
        for api in apis:
            assert api.experiments.GetExperimentByName(
                GetExperimentByNameRequest(experiment_name=name)
            ).experiment.experiment_id


def test_starts_that_servers_get_at_once_create_one_experiment_and_all_runs(
    apis: list[Api],
) -> None:
    """E2, R1."""
    for number in range(5):
        same = RunWriter()
        start = same.start(experiment_name=f"started {number}")

        def send(
            api: Api, _: int, start: LogBatchRequest = start, name: str = f"started {number}"
        ) -> list[str]:
            own = RunWriter().start(experiment_name=name)
            answers = api.log_batches([start, own])
            assert [a.error.message for a in answers if a.HasField("error")] == []
            return [info.experiment_id for answer in answers for info in answer.run_infos]

        (experiment_id,) = {each for found in at_once(apis, send) for each in found}
        search = SearchRunsRequest(experiment_ids=[experiment_id])
        assert len(apis[0].runs.SearchRuns(search).runs) == 4


def test_a_creation_of_an_experiment_that_servers_get_at_once_has_one_answer(
    apis: list[Api],
) -> None:
    """P3."""
    for number in range(5):
        request = CreateExperimentRequest(
            name=f"repeated {number}", write=WriteId(writer=f"{number + 1:032x}", sequence=1)
        )

        def create(api: Api, _: int, request: CreateExperimentRequest = request) -> str:
            return api.experiments.CreateExperiment(request, timeout=60).experiment_id

        assert len(set(at_once(apis, create))) == 1


def test_a_run_and_a_dataset_that_servers_get_at_once_are_there_once(apis: list[Api]) -> None:
    """R1, P4."""
    for number in range(5):
        run_id = f"{number + 1:032x}"

        def create(api: Api, _: int, run_id: str = run_id) -> str:
            request = CreateRunRequest(run_id=run_id, run_name="same", start_time=1)
            created = api.runs.CreateRun(request, timeout=60).run.info.run_id
            dataset = Dataset(name="d", digest=run_id, source_type="s", source="s")
            inputs = [DatasetInput(dataset=dataset)]
            api.runs.LogInputs(LogInputsRequest(run_id=run_id, datasets=inputs), timeout=60)
            return created

        assert at_once(apis, create) == [run_id] * 3
        datasets = get_run(apis[0], run_id).inputs.dataset_inputs
        assert [used.dataset.digest for used in datasets] == [run_id]


def test_no_run_is_active_in_an_experiment_that_another_server_deletes_meanwhile(
    apis: list[Api],
) -> None:
    """E3."""
    for number in range(4):
        experiment_id = apis[0].create_experiment(f"deleted {number}")

        def create_or_delete(api: Api, server: int, experiment_id: str = experiment_id) -> None:
            if server == 0:
                request = DeleteExperimentRequest(experiment_id=experiment_id)
                api.experiments.DeleteExperiment(request, timeout=60)
                return
            for _ in range(5):
                create = CreateRunRequest(experiment_id=experiment_id)
                if reason(lambda: api.runs.CreateRun(create, timeout=60)):  # noqa: B023 # called here
                    return

        at_once(apis, create_or_delete)
        request = SearchRunsRequest(
            experiment_ids=[experiment_id], run_view_type=ViewType.ACTIVE_ONLY
        )
        assert not apis[1].runs.SearchRuns(request).runs


def test_what_servers_add_to_one_list_or_model_at_once_is_all_there(apis: list[Api]) -> None:
    run_id, model_id = apis[0].create_run(), apis[0].create_model()

    def add(api: Api, number: int) -> list[str]:
        for i in range(5):
            model = f'{{"run_id": "{run_id}", "artifact_path": "{number}-{i}"}}'
            api.runs.LogModel(LogModelRequest(run_id=run_id, model_json=model), timeout=60)
        params = [LoggedModelParameter(key="k", value=str(number))]
        request = LogLoggedModelParamsRequest(model_id=model_id, params=params)
        return [reason(lambda: api.models.LogLoggedModelParams(request, timeout=60))]

    reasons = [each for found in at_once(apis, add) for each in found]
    assert sorted(reasons) == ["", "PARAM_IMMUTABLE", "PARAM_IMMUTABLE"]
    model = apis[1].models.GetLoggedModel(GetLoggedModelRequest(model_id=model_id)).model
    assert [param.value for param in model.data.params] == [str(reasons.index(""))]
    tags = {tag.key: tag.value for tag in get_run(apis[2], run_id).data.tags}
    history = tags["mlflow.log-model.history"]
    assert all(f'"{number}-{i}"' in history for number in range(3) for i in range(5))


def test_a_path_becomes_a_file_or_a_folder_whichever_server_is_first(
    apis: list[Api],
) -> None:
    run_id = apis[0].create_run()
    for name in ("a", "b", "c"):

        def store(api: Api, number: int, name: str = name) -> str:
            path = (name, f"{name}/below", f"{name}/other")[number]
            return reason(lambda: upload(api, run_id, path, b"the same content"))

        file, *below = at_once(apis, store)
        assert (file, below) in [("", ["PATH_CONFLICT"] * 2), ("PATH_CONFLICT", ["", ""])]
