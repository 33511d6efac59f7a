"""LogInputs (P4)."""

from __future__ import annotations

import grpc
import pytest

from runstream.v1.run_pb2 import Dataset, DatasetInput, InputTag
from runstream.v1.run_service_pb2 import (
    CreateRunRequest,
    DeleteRunRequest,
    GetRunRequest,
    LogInputsRequest,
    SearchRunsRequest,
)
from support.api import Api, expect_refusal


def read(name: str = "train", digest: str = "1", **tags: str) -> DatasetInput:
    dataset = Dataset(name=name, digest=digest, source_type="local", source="{}")
    return DatasetInput(
        dataset=dataset, tags=[InputTag(key=key, value=value) for key, value in tags.items()]
    )


def inputs(api: Api, run_id: str) -> list[DatasetInput]:
    run = api.runs.GetRun(GetRunRequest(run_id=run_id)).run
    (found,) = api.runs.SearchRuns(SearchRunsRequest(filter=f"run_id = '{run_id}'")).runs
    assert found == run
    return list(run.inputs.dataset_inputs)


def test_inputs_come_back_in_the_order_in_which_they_were_logged(api: Api) -> None:
    run_id = api.create_run()
    api.runs.LogInputs(LogInputsRequest(run_id=run_id, datasets=[read("b"), read("a", use="x")]))
    api.runs.LogInputs(LogInputsRequest(run_id=run_id, datasets=[read("c")]))
    assert inputs(api, run_id) == [read("b"), read("a", use="x"), read("c")]


def test_what_was_said_first_of_a_dataset_stands(api: Api) -> None:
    first, second = api.create_run(), api.create_run()
    api.runs.LogInputs(LogInputsRequest(run_id=first, datasets=[read(kind="one")]))
    changed = read(kind="two", more="x")
    changed.dataset.source = "elsewhere"
    for run_id in (first, second, first):
        api.runs.LogInputs(LogInputsRequest(run_id=run_id, datasets=[changed]))
    assert inputs(api, first) == [read(kind="one")]
    assert inputs(api, second) == [read(kind="two", more="x")]


def test_each_experiment_has_its_own_datasets(api: Api) -> None:
    other = api.create_experiment("other")
    here = api.create_run()
    there = api.runs.CreateRun(CreateRunRequest(experiment_id=other)).run.info.run_id
    api.runs.LogInputs(LogInputsRequest(run_id=here, datasets=[read()]))
    changed = read()
    changed.dataset.source = "elsewhere"
    api.runs.LogInputs(LogInputsRequest(run_id=there, datasets=[changed]))
    assert inputs(api, here) == [read()]
    assert inputs(api, there) == [changed]


@pytest.mark.parametrize(
    ("bad", "reason", "field"),
    [
        (read(""), "DATASET_EMPTY", "datasets[1].dataset.name"),
        (read(digest=""), "DATASET_EMPTY", "datasets[1].dataset.digest"),
        (read("n" * 501), "VALUE_TOO_LONG", "datasets[1].dataset.name"),
        (read(digest="d" * 37), "VALUE_TOO_LONG", "datasets[1].dataset.digest"),
        (read(k="v" * 501), "VALUE_TOO_LONG", "datasets[1].tags.k"),
        (read(**{"k" * 256: "v"}), "VALUE_TOO_LONG", "datasets[1].tags"),
        (read(**{"": "v"}), "KEY_EMPTY", "datasets[1].tags"),
        (
            DatasetInput(dataset=Dataset(name="n", digest="d", source="s" * 65_536)),
            "VALUE_TOO_LONG",
            "datasets[1].dataset.source",
        ),
        (
            DatasetInput(dataset=Dataset(name="n", digest="d", schema="s" * 1_048_576)),
            "VALUE_TOO_LONG",
            "datasets[1].dataset.schema",
        ),
    ],
)
def test_a_bad_input_changes_nothing(api: Api, bad: DatasetInput, reason: str, field: str) -> None:
    run_id = api.create_run()
    with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, reason) as refusal:
        api.runs.LogInputs(LogInputsRequest(run_id=run_id, datasets=[read(), bad]))
    assert refusal.metadata["field"] == field
    assert inputs(api, run_id) == []


def test_values_at_their_limits_are_kept(api: Api) -> None:
    run_id = api.create_run()
    whole = read("n" * 500, "d" * 36, **{"k" * 255: "v" * 500})
    whole.dataset.source, whole.dataset.schema = "s" * 65_535, "ä" * 1_048_575
    whole.dataset.profile = "p" * 1_000_000
    api.runs.LogInputs(LogInputsRequest(run_id=run_id, datasets=[whole]))
    assert api.runs.GetRun(GetRunRequest(run_id=run_id)).run.inputs.dataset_inputs[0] == whole


def test_a_run_that_is_deleted_or_not_there_is_refused(api: Api) -> None:
    run_id = api.create_run()
    api.runs.DeleteRun(DeleteRunRequest(run_id=run_id))
    with expect_refusal(grpc.StatusCode.FAILED_PRECONDITION, "RUN_DELETED"):
        api.runs.LogInputs(LogInputsRequest(run_id=run_id, datasets=[read()]))
    with expect_refusal(grpc.StatusCode.NOT_FOUND, "RUN_NOT_FOUND"):
        api.runs.LogInputs(LogInputsRequest(run_id="0" * 32, datasets=[read()]))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("datasets.name = 'train'", "a b"),
        ("dataset.digest LIKE '2%'", "b"),
        ("datasets.context IN ('training', 'x')", "a"),
        ("datasets.context != 'training'", "b"),
        ("NOT datasets.name = 'train'", "c"),
        ("datasets.name IS NULL", "c"),
        ("datasets.context IS NOT NULL", "a b"),
    ],
)
def test_runs_are_found_by_their_datasets(api: Api, text: str, names: str) -> None:
    """S1."""
    context = "mlflow.data.context"
    for name, used in {
        "a": [read("train", "1", **{context: "training"})],
        "b": [read("train", "2", **{context: "testing", "kind": "training"})],
        "c": [],
    }.items():
        run_id = api.runs.CreateRun(CreateRunRequest(run_name=name)).run.info.run_id
        api.runs.LogInputs(LogInputsRequest(run_id=run_id, datasets=used))
    found = api.runs.SearchRuns(SearchRunsRequest(filter=text, order_by=["run_name"]))
    assert " ".join(run.info.run_name for run in found.runs) == names
