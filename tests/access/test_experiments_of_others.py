"""Experiments, datasets and logged models of others are like those that are not there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import grpc
import pytest

from runstream.v1 import experiment_service_pb2 as experiments
from runstream.v1 import logged_model_service_pb2 as models
from runstream.v1.access_service_pb2 import GrantRole, SetGrantRequest
from runstream.v1.logged_model_pb2 import (
    LoggedModelParameter,
    LoggedModelStatus,
    LoggedModelTag,
)
from runstream.v1.maintenance_service_pb2 import PurgeRequest
from runstream.v1.run_pb2 import Dataset, DatasetInput, ViewType
from runstream.v1.run_service_pb2 import CreateRunRequest, LogInputsRequest
from support.access import GuardedServer
from support.api import Api, expect_refusal

DENIED = grpc.StatusCode.PERMISSION_DENIED
NOT_FOUND = grpc.StatusCode.NOT_FOUND


@pytest.fixture(scope="module")
def of_ada(guarded: GuardedServer) -> tuple[str, str, str]:
    """The ids of an experiment and a model of Ada's, and the name of the experiment."""
    ada, name = guarded.apis["ada"], f"secret {uuid4()}"
    experiment = ada.create_experiment(name)
    run = ada.runs.CreateRun(CreateRunRequest(experiment_id=experiment)).run.info.run_id
    dataset = Dataset(name="patients", digest="1", source_type="local", source="x")
    ada.runs.LogInputs(LogInputsRequest(run_id=run, datasets=[DatasetInput(dataset=dataset)]))
    model = ada.create_model(experiment)
    request = models.SetLoggedModelTagsRequest(
        model_id=model, tags=[LoggedModelTag(key="team", value="a")]
    )
    ada.models.SetLoggedModelTags(request)
    return experiment, model, name


def experiment_names(api: Api, **fields: Any) -> set[str]:
    request = experiments.SearchExperimentsRequest(view_type=ViewType.ALL, **fields)
    return {found.name for found in api.experiments.SearchExperiments(request).experiments}


def model_ids(api: Api, **fields: Any) -> list[str]:
    answer = api.models.SearchLoggedModels(models.SearchLoggedModelsRequest(**fields))
    return [model.info.model_id for model in answer.models]


def activities(api: Api, experiment_id: str) -> int:
    request = experiments.GetActivityRequest(experiment_ids=[experiment_id])
    return len(api.experiments.GetActivity(request).activities)


def dataset_names(api: Api, experiment_id: str) -> list[str]:
    request = experiments.SearchDatasetsRequest(experiment_ids=[experiment_id])
    return [found.name for found in api.experiments.SearchDatasets(request).dataset_summaries]


@pytest.mark.parametrize("name", ["bob", "eve"])
def test_what_others_have_is_in_no_search_or_list(
    guarded: GuardedServer, of_ada: tuple[str, str, str], name: str
) -> None:
    experiment, model, secret = of_ada
    ada, other = guarded.apis["ada"], guarded.apis[name]
    assert secret in experiment_names(ada)
    assert secret in experiment_names(guarded.apis["root"])
    assert secret not in experiment_names(other)
    assert experiment_names(other, filter=f"name = '{secret}'") == set()
    assert experiment_names(other, filter="name LIKE 'secret%'") == set()
    assert model_ids(ada, experiment_ids=[experiment]) == [model]
    for fields in ({}, {"experiment_ids": [experiment]}, {"filter": "tags.team = 'a'"}):
        assert model_ids(other, **fields) == []
    assert (activities(ada, experiment), activities(other, experiment)) == (1, 0)
    assert (dataset_names(ada, experiment), dataset_names(other, experiment)) == (["patients"], [])


MODEL_CALLS: list[Callable[[Api, str], object]] = [
    lambda api, uid: api.models.GetLoggedModel(models.GetLoggedModelRequest(model_id=uid)),
    lambda api, uid: api.models.GetLoggedModel(
        models.GetLoggedModelRequest(model_id=uid, allow_deleted=True)
    ),
    lambda api, uid: api.models.FinalizeLoggedModel(
        models.FinalizeLoggedModelRequest(model_id=uid, status=LoggedModelStatus.LOGGED_MODEL_READY)
    ),
    lambda api, uid: api.models.SetLoggedModelTags(
        models.SetLoggedModelTagsRequest(model_id=uid, tags=[LoggedModelTag(key="a", value="b")])
    ),
    lambda api, uid: api.models.DeleteLoggedModelTag(
        models.DeleteLoggedModelTagRequest(model_id=uid, tag_key="team")
    ),
    lambda api, uid: api.models.LogLoggedModelParams(
        models.LogLoggedModelParamsRequest(
            model_id=uid, params=[LoggedModelParameter(key="a", value="b")]
        )
    ),
    lambda api, uid: api.models.DeleteLoggedModel(models.DeleteLoggedModelRequest(model_id=uid)),
]


@pytest.mark.parametrize("call", MODEL_CALLS)
def test_a_model_of_others_is_like_one_that_is_not_there(
    guarded: GuardedServer, of_ada: tuple[str, str, str], call: Callable[[Api, str], object]
) -> None:
    _, model, _ = of_ada
    texts = []
    for model_id in (model, "m-" + "0" * 32):
        with expect_refusal(NOT_FOUND, "MODEL_NOT_FOUND") as refusal:
            call(guarded.apis["eve"], model_id)
        texts.append(refusal.message.replace(model_id, "ID"))
    assert texts[0] == texts[1]


def test_who_only_reads_changes_no_model(guarded: GuardedServer) -> None:
    ada, eve = guarded.apis["ada"], guarded.apis["eve"]
    experiment = ada.create_experiment(str(uuid4()))
    model = ada.create_model(experiment)
    reader = GrantRole.GRANT_ROLE_READER
    ada.access.SetGrant(SetGrantRequest(experiment_id=experiment, grantee="user:eve", role=reader))
    for call in MODEL_CALLS[:2]:
        call(eve, model)
    for call in MODEL_CALLS[2:]:
        with expect_refusal(DENIED, "ROLE_TOO_LOW"):
            call(eve, model)
    with expect_refusal(DENIED, "ROLE_TOO_LOW"):
        eve.create_model(experiment)


def test_an_experiment_of_others_is_not_found_by_name(
    guarded: GuardedServer, of_ada: tuple[str, str, str]
) -> None:
    texts = []
    for name in (of_ada[2], "no such experiment"):
        with expect_refusal(NOT_FOUND, "EXPERIMENT_NOT_FOUND") as refusal:
            request = experiments.GetExperimentByNameRequest(experiment_name=name)
            guarded.apis["eve"].experiments.GetExperimentByName(request)
        texts.append(refusal.message.replace(name, "NAME"))
    assert texts[0] == texts[1]


def test_a_name_that_others_have_is_taken_and_nothing_more_is_told(
    guarded: GuardedServer, of_ada: tuple[str, str, str]
) -> None:
    experiment, _, name = of_ada
    eve = guarded.apis["eve"]
    own = eve.create_experiment(str(uuid4()))
    with expect_refusal(grpc.StatusCode.PERMISSION_DENIED, "EXPERIMENT_NAME_TAKEN") as created:
        eve.create_experiment(name)
    with expect_refusal(grpc.StatusCode.PERMISSION_DENIED, "EXPERIMENT_NAME_TAKEN") as renamed:
        request = experiments.UpdateExperimentRequest(experiment_id=own, new_name=name)
        eve.experiments.UpdateExperiment(request)
    for refusal in (created, renamed):
        assert repr(name) in refusal.message
        assert refusal.metadata["value"] == name
        assert experiment not in refusal.metadata.values()
    with expect_refusal(grpc.StatusCode.ALREADY_EXISTS, "EXPERIMENT_EXISTS") as seen:
        guarded.apis["ada"].create_experiment(name)
    assert seen.metadata["experiment_id"] == experiment


def test_a_page_token_of_others_is_refused(guarded: GuardedServer) -> None:
    ada, eve = guarded.apis["ada"], guarded.apis["eve"]
    for api in (ada, eve):
        for _ in range(2):
            api.create_experiment(str(uuid4()))
    first = ada.experiments.SearchExperiments(experiments.SearchExperimentsRequest(max_results=1))
    assert first.next_page_token
    request = experiments.SearchExperimentsRequest(max_results=1, page_token=first.next_page_token)
    with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_MISMATCH"):
        eve.experiments.SearchExperiments(request)


@pytest.mark.parametrize("name", ["ada", "bob", "eve"])
@pytest.mark.parametrize("dry_run", [True, False])
def test_only_admins_purge(guarded: GuardedServer, name: str, dry_run: bool) -> None:
    request = PurgeRequest(deleted_before=0, dry_run=dry_run)
    with expect_refusal(DENIED, "ROLE_TOO_LOW"):
        list(guarded.apis[name].maintenance.Purge(request))
    assert list(guarded.apis["root"].maintenance.Purge(request))
