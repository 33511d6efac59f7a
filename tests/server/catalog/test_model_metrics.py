"""Metrics of logged models, and models as inputs of runs (docs/decisions/0030)."""

from __future__ import annotations

import math

import pytest
from grpc import StatusCode

from runstream.v1 import logged_model_service_pb2 as pb
from runstream.v1.logging_service_pb2 import LogMetricRequest, LogRequest
from runstream.v1.maintenance_service_pb2 import PurgeRequest
from runstream.v1.metric_pb2 import LoggedMetric
from runstream.v1.run_pb2 import ModelInput, Param
from runstream.v1.run_service_pb2 import DeleteRunRequest, GetRunRequest, LogInputsRequest
from support.api import Api, expect_refusal

MISSING = "m-" + "f" * 32


def new_model(api: Api, name: str) -> str:
    request = pb.CreateLoggedModelRequest(experiment_id="0", name=name)
    return api.models.CreateLoggedModel(request).model.info.model_id


def metrics(api: Api, model_id: str) -> list[LoggedMetric]:
    model = api.models.GetLoggedModel(pb.GetLoggedModelRequest(model_id=model_id)).model
    return list(model.data.metrics)


def search(api: Api, **asked: object) -> list[str]:
    found = api.models.SearchLoggedModels(pb.SearchLoggedModelsRequest(**asked))  # type: ignore[arg-type]
    return [model.info.name for model in found.models]


def point(key: str, value: float, step: int, model_id: str, dataset: str = "") -> LoggedMetric:
    digest = "1" if dataset else ""
    return LoggedMetric(
        key=key,
        value=value,
        timestamp=step,
        step=step,
        model_id=model_id,
        dataset_name=dataset,
        dataset_digest=digest,
    )


@pytest.fixture
def models(api: Api) -> tuple[str, str, str]:
    """A run, and two models that were measured in it."""
    run_id, good, bad = api.create_run(), new_model(api, "good"), new_model(api, "bad")
    points = [
        point("acc", 0.5, 1, good, "train"),
        point("acc", 0.9, 2, good, "test"),
        point("acc", 0.1, 3, bad),
        point("loss", math.nan, 3, bad),
        LoggedMetric(key="plain", value=1.0, timestamp=1),
    ]
    for _ in range(2):  # sending it again stores nothing more
        api.logging.Log(LogRequest(run_id=run_id, metrics=points))
    return run_id, good, bad


def test_a_metric_of_a_model_is_one_of_the_run_too(api: Api, models: tuple[str, str, str]) -> None:
    run_id, good, bad = models
    expected = [point("acc", 0.5, 1, good, "train"), point("acc", 0.9, 2, good, "test")]
    for one in expected:
        one.run_id = run_id
    assert metrics(api, good) == expected
    assert [(m.key, m.step) for m in metrics(api, bad)] == [("acc", 3), ("loss", 3)]
    assert math.isnan(metrics(api, bad)[1].value)
    run = api.runs.GetRun(GetRunRequest(run_id=run_id)).run
    assert [m.key for m in run.data.metrics] == ["acc", "loss", "plain"]
    request = LogMetricRequest(run_id=run_id, key="f1", value=2, timestamp=1, model_id=good)
    api.logging.LogMetric(request)
    assert [m.key for m in metrics(api, good)] == ["acc", "acc", "f1"]


def test_the_latest_points_of_a_model_are_told(api: Api) -> None:
    run_id, model_id = api.create_run(), new_model(api, "long")
    points = [point("m", i, i, model_id) for i in range(250)]
    api.logging.Log(LogRequest(run_id=run_id, metrics=points))
    assert [m.step for m in metrics(api, model_id)] == list(range(150, 250))


@pytest.mark.usefixtures("models")
def test_models_are_found_and_ordered_by_their_metrics(api: Api) -> None:
    train = pb.DatasetFilter(dataset_name="train")
    for said, names in (
        ({"filter": "metrics.acc > 0.6"}, ["good"]),
        ({"filter": "metrics.acc > 0.6 AND metrics.acc < 0.6"}, ["good"]),
        ({"filter": "metrics.acc BETWEEN 0 AND 0.2"}, ["bad"]),
        ({"filter": "metrics.loss IS NOT NULL"}, ["bad"]),
        ({"filter": "metrics.none = 1"}, []),
        ({"datasets": [train]}, ["good"]),
        ({"datasets": [train], "filter": "metrics.acc > 0.6"}, []),
        ({"datasets": [pb.DatasetFilter(dataset_name="train", dataset_digest="2")]}, []),
        ({"order_by": [pb.LoggedModelOrder(field_name="metrics.acc")]}, ["bad", "good"]),
        (
            {"order_by": [pb.LoggedModelOrder(field_name="metrics.acc", ascending=False)]},
            ["good", "bad"],
        ),
        (
            {"order_by": [pb.LoggedModelOrder(field_name="metrics.acc", dataset_name="train")]},
            ["good", "bad"],
        ),
        ({"order_by": [pb.LoggedModelOrder(field_name="metrics.loss")]}, ["bad", "good"]),
    ):
        assert search(api, **said) == names, said


@pytest.mark.usefixtures("models")
def test_pages_ordered_by_a_metric_go_on_where_they_ended(api: Api) -> None:
    new_model(api, "unmeasured")
    order = [pb.LoggedModelOrder(field_name="metrics.loss"), pb.LoggedModelOrder(field_name="name")]
    names: list[str] = []
    token = ""
    while True:
        request = pb.SearchLoggedModelsRequest(order_by=order, max_results=1, page_token=token)
        page = api.models.SearchLoggedModels(request)
        names += [model.info.name for model in page.models]
        token = page.next_page_token
        if not token:
            break
    assert names == ["bad", "good", "unmeasured"]


def test_a_batch_that_names_no_model_is_refused_whole(api: Api) -> None:  # P5
    run_id = api.create_run()
    request = LogRequest(
        run_id=run_id,
        metrics=[point("m", 1, 1, MISSING)],
        params=[Param(key="p", value="1")],
    )
    with expect_refusal(StatusCode.NOT_FOUND, "MODEL_NOT_FOUND"):
        api.logging.Log(request)
    half = LoggedMetric(key="m", model_id=new_model(api, "m"), dataset_name="d")
    with expect_refusal(StatusCode.INVALID_ARGUMENT, "DATASET_INCOMPLETE"):
        api.logging.Log(LogRequest(run_id=run_id, metrics=[half]))
    data = api.runs.GetRun(GetRunRequest(run_id=run_id)).run.data
    assert (len(data.metrics), len(data.params)) == (0, 0)


def test_models_are_inputs_of_runs(api: Api) -> None:
    run_id = api.create_run()
    first = [ModelInput(model_id="m-2"), ModelInput(model_id="m-1")]
    for said in (first, [*first, ModelInput(model_id="m-3")]):
        api.runs.LogInputs(LogInputsRequest(run_id=run_id, models=said))
    inputs = api.runs.GetRun(GetRunRequest(run_id=run_id)).run.inputs
    assert [model.model_id for model in inputs.model_inputs] == ["m-2", "m-1", "m-3"]
    with expect_refusal(StatusCode.INVALID_ARGUMENT, "ID_EMPTY"):
        api.runs.LogInputs(LogInputsRequest(run_id=run_id, models=[ModelInput()]))


def test_a_purged_run_takes_what_it_measured_with_it(
    api: Api, models: tuple[str, str, str]
) -> None:  # E5
    run_id, good, _ = models
    api.runs.LogInputs(LogInputsRequest(run_id=run_id, models=[ModelInput(model_id=good)]))
    api.runs.DeleteRun(DeleteRunRequest(run_id=run_id))
    list(api.maintenance.Purge(PurgeRequest()))
    assert metrics(api, good) == []


def test_a_deleted_model_is_returned_only_if_it_is_asked_for(api: Api) -> None:
    model_id = api.create_model()
    api.models.DeleteLoggedModel(pb.DeleteLoggedModelRequest(model_id=model_id))
    with expect_refusal(StatusCode.NOT_FOUND, "MODEL_NOT_FOUND"):
        api.models.GetLoggedModel(pb.GetLoggedModelRequest(model_id=model_id))
    request = pb.GetLoggedModelRequest(model_id=model_id, allow_deleted=True)
    assert api.models.GetLoggedModel(request).model.info.model_id == model_id
