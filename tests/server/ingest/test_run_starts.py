"""Batches that start runs: R1, R3 and E3."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from grpc import StatusCode

from runstream.v1 import run_service_pb2 as pb
from runstream.v1.experiment_service_pb2 import (
    DeleteExperimentRequest,
    GetExperimentByNameRequest,
    UpdateExperimentRequest,
)
from runstream.v1.logging_service_pb2 import (
    LogBatchRequest,
    RunStart,
    RunUpdate,
)
from runstream.v1.metric_pb2 import LoggedMetric
from runstream.v1.run_pb2 import (
    FAILED,
    RUNNING,
    Param,
    RunStatus,
)
from support.api import Api, expect_refusal, make_batch
from support.run_batches import (
    START_TIME,
    RunWriter,
    as_log_request,
    get,
    is_there,
    make_tags,
    refusal,
    send,
    tags_of,
)


def test_a_start_makes_the_run_that_create_run_makes(api: Api) -> None:
    experiment = api.create_experiment("same")
    tags = [("a", "1"), ("größe", "δ\n")]
    run = RunWriter()
    (info,) = send(api, run.start(*tags, experiment_id=experiment, run_name="named"))
    created = api.runs.CreateRun(
        pb.CreateRunRequest(
            experiment_id=experiment,
            user_id="ada",
            run_name="named",
            start_time=START_TIME,
            tags=make_tags(tags),
        )
    ).run
    started = get(api, run.run_id)
    assert started.info == info
    created.info.artifact_uri = created.info.artifact_uri.replace(created.info.run_id, run.run_id)
    created.info.run_id = run.run_id
    assert started == created


def test_a_start_without_an_experiment_is_in_the_default_one_and_gets_a_name(api: Api) -> None:
    (info,) = send(api, RunWriter().start())
    assert (info.experiment_id, info.status) == ("0", RUNNING)
    assert info.run_name
    assert tags_of(get(api, info.run_id)) == {"mlflow.runName": info.run_name}
    (named,) = send(api, RunWriter().start(("mlflow.runName", "by a tag")))
    assert named.run_name == "by a tag"


def test_a_start_creates_the_experiment_of_its_name_once(api: Api) -> None:
    infos = send(api, *(RunWriter().start(experiment_name="by name") for _ in range(3)))
    found = api.experiments.GetExperimentByName(
        GetExperimentByNameRequest(experiment_name="by name")
    ).experiment
    assert {info.experiment_id for info in infos} == {found.experiment_id}
    assert infos[0].artifact_uri.startswith(f"{found.artifact_location}/")
    (later,) = send(api, RunWriter().start(experiment_name="by name"))
    assert later.experiment_id == found.experiment_id


BAD_STARTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "no time": ({"start_time": None}, "INVALID_ARGUMENT", "FIELD_MISSING"),
    "name": ({"run_name": "n" * 65_537}, "INVALID_ARGUMENT", "VALUE_TOO_LONG"),
    "user": ({"user_id": "n" * 65_537}, "INVALID_ARGUMENT", "VALUE_TOO_LONG"),
    "two names": ({"run_name": "other"}, "INVALID_ARGUMENT", "RUN_NAME_CONFLICT"),
    "no experiment": ({"experiment_id": "12345"}, "NOT_FOUND", "EXPERIMENT_NOT_FOUND"),
    "malformed": ({"experiment_id": "x"}, "INVALID_ARGUMENT", "EXPERIMENT_ID_MALFORMED"),
    "unnamed": ({"experiment_name": ""}, "INVALID_ARGUMENT", "NAME_EMPTY"),
}


@pytest.mark.parametrize("name", BAD_STARTS)
def test_a_start_that_breaks_a_rule_is_refused(api: Api, name: str) -> None:
    fields, code, reason = BAD_STARTS[name]
    run = RunWriter()
    request = run.start(("mlflow.runName", "tagged"), **fields)
    assert refusal(api, request) == (code, reason)
    assert not is_there(api, run.run_id)


def test_the_id_of_a_run_that_starts_is_32_hexadecimal_digits(api: Api) -> None:
    """R1."""
    request = RunWriter("x" * 32).start()
    assert refusal(api, request) == ("INVALID_ARGUMENT", "RUN_ID_MALFORMED")


def test_no_run_starts_in_a_deleted_experiment(api: Api) -> None:
    """E3."""
    experiment = api.create_experiment("deleted")
    api.experiments.DeleteExperiment(DeleteExperimentRequest(experiment_id=experiment))
    for fields in ({"experiment_name": "deleted"}, {"experiment_id": experiment}):
        run = RunWriter()
        expected = ("FAILED_PRECONDITION", "EXPERIMENT_DELETED")
        assert refusal(api, run.start(**fields)) == expected
        assert not is_there(api, run.run_id)


@pytest.mark.parametrize(
    ("field", "other"),
    [
        ("user_id", {"user_id": "eve"}),
        ("start_time", {"start_time": 6}),
        ("experiment_id", {"experiment_name": "another one"}),
        ("experiment_id", {"experiment_id": "12345"}),
    ],
)
def test_a_start_with_the_id_of_another_run_is_refused(
    api: Api, field: str, other: dict[str, Any]
) -> None:
    """R1: the name of a run is none of what makes it the same."""
    run = RunWriter()
    send(api, run.start(run_name="first"))
    before = get(api, run.run_id)
    other_writer = RunWriter(run.run_id)
    request = other_writer.start(run_name="second", **other)
    request.params.add(key="p", value="1")
    (answer,) = api.log_batches([request])
    assert (answer.error.reason, answer.error.metadata["field"]) == ("RUN_EXISTS", field)
    assert refusal(api, request) == ("ALREADY_EXISTS", "RUN_EXISTS")
    assert get(api, run.run_id) == before
    if "experiment_name" in other:
        with expect_refusal(StatusCode.NOT_FOUND, "EXPERIMENT_NOT_FOUND"):
            api.experiments.GetExperimentByName(GetExperimentByNameRequest(**other))


def test_a_start_that_comes_again_changes_nothing_whatever_became_of_the_run(api: Api) -> None:
    """P3."""
    run = RunWriter()
    start = run.start(("t", "old"), experiment_name="e", run_name="first", heartbeat=True)
    send(api, start)
    experiment = get(api, run.run_id).info.experiment_id
    send(
        api,
        run.batch(tags=make_tags([("t", "new")])),
        run.batch(update=RunUpdate(status=FAILED, end_time=9, run_name="second")),
    )
    api.experiments.UpdateExperiment(
        UpdateExperimentRequest(experiment_id=experiment, new_name="other")
    )
    before = get(api, run.run_id)
    (info,) = send(api, start)
    assert info == before.info
    assert get(api, run.run_id) == before
    with expect_refusal(StatusCode.NOT_FOUND, "EXPERIMENT_NOT_FOUND"):
        api.experiments.GetExperimentByName(GetExperimentByNameRequest(experiment_name="e"))


def test_a_start_without_a_write_id_that_comes_again_sets_no_tag(api: Api) -> None:
    run_id = secrets.token_hex(16)
    start = LogBatchRequest(
        run_id=run_id, start=RunStart(start_time=5), tags=make_tags([("t", "old")])
    )
    send(api, start)
    send(api, make_batch(run_id, tags=[("t", "new")]))
    send(api, start)
    assert tags_of(get(api, run_id))["t"] == "new"


def test_a_refused_start_creates_neither_run_nor_experiment(api: Api) -> None:
    for number, fields in enumerate(
        [
            {"params": [Param(key="p"), Param(key="p")]},
            {"deleted_tags": ["nothing"]},
            {"update": RunUpdate(status=RunStatus.ValueType(77))},
        ]
    ):
        run, name = RunWriter(), f"none {number}"
        request = run.start(experiment_name=name)
        request.MergeFrom(LogBatchRequest(**fields))  # type: ignore[arg-type]
        refusal(api, request)
        assert not is_there(api, run.run_id)
        with expect_refusal(StatusCode.NOT_FOUND, "EXPERIMENT_NOT_FOUND"):
            api.experiments.GetExperimentByName(GetExperimentByNameRequest(experiment_name=name))
    run = RunWriter()
    measuring = as_log_request(run.start(experiment_name="none"))
    measuring.metrics.append(LoggedMetric(key="m", value=1, model_id=f"m-{32 * '0'}"))
    with expect_refusal(StatusCode.NOT_FOUND, "MODEL_NOT_FOUND"):
        api.logging.Log(measuring)
    assert not is_there(api, run.run_id)
    with expect_refusal(StatusCode.NOT_FOUND, "EXPERIMENT_NOT_FOUND"):
        api.experiments.GetExperimentByName(GetExperimentByNameRequest(experiment_name="none"))
