"""ModelRegistryService: rows Q1 to Q6 of docs/behaviour.md."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from grpc import StatusCode

from runstream.v1 import model_registry_service_pb2 as pb
from runstream.v1.logged_model_pb2 import LoggedModelParameter
from runstream.v1.logged_model_service_pb2 import LogLoggedModelParamsRequest
from runstream.v1.model_version_pb2 import ModelVersion, ModelVersionStatus, ModelVersionTag
from runstream.v1.registered_model_pb2 import RegisteredModel, RegisteredModelTag
from runstream.v1.write_pb2 import WriteId
from support.api import Api, expect_refusal
from support.artifacts import upload
from support.registry import add_version, get_version, register

NOT_FOUND = StatusCode.NOT_FOUND
INVALID = StatusCode.INVALID_ARGUMENT


@pytest.fixture
def name(shared: Api) -> str:
    """A registered model."""
    return register(shared, f"model {secrets.token_hex(8)}")


@pytest.fixture(scope="module")
def run_id(shared: Api) -> str:
    """A run with a model among its artifacts."""
    run_id = shared.create_run()
    upload(shared, run_id, "model/MLmodel", b"flavors: {}")
    return run_id


def get(api: Api, name: str) -> RegisteredModel:
    return api.registry.GetRegisteredModel(pb.GetRegisteredModelRequest(name=name)).registered_model


def found_models(api: Api, text: str, *order_by: str, size: int = 0) -> list[str]:
    names: list[str] = []
    request = pb.SearchRegisteredModelsRequest(filter=text, order_by=order_by, max_results=size)
    while True:
        answer = api.registry.SearchRegisteredModels(request)
        assert len(answer.registered_models) <= (size or 100)
        names += [model.name for model in answer.registered_models]
        if not answer.next_page_token:
            return names
        request.page_token = answer.next_page_token


def found_versions(api: Api, text: str, *order_by: str, size: int = 0) -> list[int]:
    numbers: list[int] = []
    request = pb.SearchModelVersionsRequest(filter=text, order_by=order_by, max_results=size)
    while True:
        answer = api.registry.SearchModelVersions(request)
        numbers += [int(version.version) for version in answer.model_versions]
        if not answer.next_page_token:
            return numbers
        request.page_token = answer.next_page_token


def move(api: Api, name: str, version: int, stage: str, **more: Any) -> ModelVersion:
    request = pb.TransitionModelVersionStageRequest(
        name=name, version=str(version), stage=stage, **more
    )
    return api.registry.TransitionModelVersionStage(request).model_version


def set_alias(api: Api, name: str, alias: str, version: int) -> None:
    request = pb.SetRegisteredModelAliasRequest(name=name, alias=alias, version=str(version))
    api.registry.SetRegisteredModelAlias(request)


def test_a_registered_model_is_created_once_and_returned(shared: Api) -> None:
    name = f"größe {secrets.token_hex(8)}"
    tags = [RegisteredModelTag(key=key, value=key.upper()) for key in ("b", "a")]
    request = pb.CreateRegisteredModelRequest(name=name, description="what it is", tags=tags)
    created = shared.registry.CreateRegisteredModel(request).registered_model
    assert (created.name, created.description) == (name, "what it is")
    assert [(tag.key, tag.value) for tag in created.tags] == [("a", "A"), ("b", "B")]
    assert created.creation_timestamp == created.last_updated_timestamp > 0
    assert get(shared, name) == created
    with expect_refusal(StatusCode.ALREADY_EXISTS, "REGISTERED_MODEL_EXISTS"):
        shared.registry.CreateRegisteredModel(request)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "NAME_EMPTY"),
        (" ", "NAME_EMPTY"),
        ("a" * 257, "VALUE_TOO_LONG"),
        *((name, "NAME_MALFORMED") for name in ("a/b", "a:b", ".", "..", "..a", "a\nb")),
    ],
)
def test_what_is_no_name_is_refused(shared: Api, name: str, reason: str) -> None:
    with expect_refusal(INVALID, reason):
        register(shared, name)


def test_versions_count_up_and_a_number_is_never_used_again(
    shared: Api, name: str, run_id: str
) -> None:
    source = f"runs:/{run_id}/model"
    assert [add_version(shared, name, source).version for _ in range(3)] == ["1", "2", "3"]
    shared.registry.DeleteModelVersion(pb.DeleteModelVersionRequest(name=name, version="3"))
    with expect_refusal(NOT_FOUND, "MODEL_VERSION_NOT_FOUND"):
        get_version(shared, name, 3)
    assert add_version(shared, name, source).version == "4"


def test_a_version_tells_where_its_files_are(shared: Api, name: str, run_id: str) -> None:
    request = pb.CreateModelVersionRequest(
        name=name,
        source=f"runs:/{run_id}/model",
        run_id=run_id,
        run_link="https://ci.test/7",
        description="the first",
        tags=[ModelVersionTag(key="k", value="v")],
    )
    version = shared.registry.CreateModelVersion(request).model_version
    assert version == get_version(shared, name, 1)
    assert (version.name, version.current_stage, version.run_link) == (
        name,
        "None",
        request.run_link,
    )
    assert version.status == ModelVersionStatus.READY
    assert (version.run_id, version.model_id, version.artifact_path) == (run_id, "", "model")
    assert (version.experiment_id, version.description) == ("0", "the first")
    uri = shared.registry.GetModelVersionDownloadUri(
        pb.GetModelVersionDownloadUriRequest(name=name, version="1")
    ).artifact_uri
    assert uri == f"mlflow-artifacts:/0/{run_id}/artifacts/model"


def test_a_version_of_a_logged_model_tells_its_params(shared: Api, name: str) -> None:
    model_id = shared.create_model()
    upload(shared, model_id, "MLmodel", b"x")
    params = [LoggedModelParameter(key="depth", value="3")]
    shared.models.LogLoggedModelParams(
        LogLoggedModelParamsRequest(model_id=model_id, params=params)
    )
    version = add_version(shared, name, f"models:/{model_id}")
    assert (version.model_id, version.run_id, version.artifact_path) == (model_id, "", "")
    assert [(param.name, param.value) for param in version.model_params] == [("depth", "3")]
    [latest] = get(shared, name).latest_versions
    assert not latest.model_params


def test_descriptions_and_tags_are_replaced_and_deleted(
    shared: Api, name: str, run_id: str
) -> None:
    registry = shared.registry
    add_version(shared, name, f"runs:/{run_id}/model")
    registry.UpdateRegisteredModel(pb.UpdateRegisteredModelRequest(name=name, description="d"))
    registry.UpdateModelVersion(
        pb.UpdateModelVersionRequest(name=name, version="1", description="e")
    )
    for value in ("1", "x" * 100_000):
        registry.SetRegisteredModelTag(
            pb.SetRegisteredModelTagRequest(name=name, key="k", value=value)
        )
        registry.SetModelVersionTag(
            pb.SetModelVersionTagRequest(name=name, version="1", key="k", value=value)
        )
    model, version = get(shared, name), get_version(shared, name, 1)
    assert (model.description, version.description) == ("d", "e")
    assert [tag.value for tag in model.tags] == ["x" * 100_000]
    assert [tag.value for tag in version.tags] == ["x" * 100_000]
    for _ in range(2):
        registry.DeleteRegisteredModelTag(pb.DeleteRegisteredModelTagRequest(name=name, key="k"))
        registry.DeleteModelVersionTag(
            pb.DeleteModelVersionTagRequest(name=name, version="1", key="k")
        )
    assert not get(shared, name).tags
    assert not get_version(shared, name, 1).tags


def test_an_alias_leads_to_one_version_until_it_is_deleted(
    shared: Api, name: str, run_id: str
) -> None:
    for _ in range(2):
        add_version(shared, name, f"runs:/{run_id}/model")
    set_alias(shared, name, "champion", 1)
    set_alias(shared, name, "champion", 2)
    set_alias(shared, name, "other-1", 2)
    by_alias = pb.GetModelVersionByAliasRequest(name=name, alias="champion")
    assert shared.registry.GetModelVersionByAlias(by_alias).model_version.version == "2"
    assert get_version(shared, name, 2).aliases == ["champion", "other-1"]
    assert [(alias.alias, alias.version) for alias in get(shared, name).aliases] == [
        ("champion", "2"),
        ("other-1", "2"),
    ]
    for _ in range(2):
        shared.registry.DeleteRegisteredModelAlias(
            pb.DeleteRegisteredModelAliasRequest(name=name, alias="champion")
        )
    with expect_refusal(NOT_FOUND, "ALIAS_NOT_FOUND"):
        shared.registry.GetModelVersionByAlias(by_alias)
    shared.registry.DeleteModelVersion(pb.DeleteModelVersionRequest(name=name, version="2"))
    assert not get(shared, name).aliases
    latest = pb.GetModelVersionByAliasRequest(name=name, alias="latest")
    assert shared.registry.GetModelVersionByAlias(latest).model_version.version == "1"


@pytest.mark.parametrize("alias", ["latest", "LATEST", "v1", "V27", "", "a/b", "a b", "a" * 256])
def test_what_is_no_alias_is_refused(shared: Api, name: str, run_id: str, alias: str) -> None:
    add_version(shared, name, f"runs:/{run_id}/model")
    with expect_refusal(INVALID, "ALIAS_INVALID"):
        set_alias(shared, name, alias, 1)


def test_a_version_moves_between_stages_and_archives_others(
    shared: Api, name: str, run_id: str
) -> None:
    for _ in range(4):
        add_version(shared, name, f"runs:/{run_id}/model")
    assert move(shared, name, 1, "production").current_stage == "Production"
    move(shared, name, 2, "Staging")
    move(shared, name, 3, "PRODUCTION")
    assert get_version(shared, name, 1).current_stage == "Production"
    move(shared, name, 2, "Production", archive_existing_versions=True)
    stages = [get_version(shared, name, number).current_stage for number in (1, 2, 3, 4)]
    assert stages == ["Archived", "Production", "Archived", "None"]
    assert [version.version for version in get(shared, name).latest_versions] == ["2", "3", "4"]
    request = pb.GetLatestVersionsRequest(name=name, stages=["archived", "Staging"])
    found = shared.registry.GetLatestVersions(request).model_versions
    assert [version.version for version in found] == ["3"]
    with expect_refusal(INVALID, "STAGE_INVALID"):
        move(shared, name, 1, "None", archive_existing_versions=True)
    with expect_refusal(INVALID, "STAGE_INVALID"):
        move(shared, name, 1, "Retired")


def test_a_renamed_model_keeps_what_it_has(shared: Api, name: str, run_id: str) -> None:
    add_version(shared, name, f"runs:/{run_id}/model")
    set_alias(shared, name, "best", 1)
    new_name = f"{name} renamed"
    request = pb.RenameRegisteredModelRequest(name=name, new_name=new_name)
    renamed = shared.registry.RenameRegisteredModel(request).registered_model
    assert renamed == get(shared, new_name)
    assert [(version.name, list(version.aliases)) for version in renamed.latest_versions] == [
        (new_name, ["best"])
    ]
    with expect_refusal(NOT_FOUND, "REGISTERED_MODEL_NOT_FOUND"):
        get(shared, name)
    register(shared, name)
    with expect_refusal(StatusCode.ALREADY_EXISTS, "REGISTERED_MODEL_EXISTS"):
        shared.registry.RenameRegisteredModel(request)


def test_a_deleted_model_is_gone_with_its_versions_and_its_name_is_free(
    shared: Api, name: str, run_id: str
) -> None:
    add_version(shared, name, f"runs:/{run_id}/model")
    set_alias(shared, name, "best", 1)
    delete = pb.DeleteRegisteredModelRequest(name=name)
    shared.registry.DeleteRegisteredModel(delete)
    with expect_refusal(NOT_FOUND, "REGISTERED_MODEL_NOT_FOUND"):
        shared.registry.DeleteRegisteredModel(delete)
    assert found_versions(shared, f"name = '{name}'") == []
    register(shared, name)
    assert not get(shared, name).latest_versions
    assert add_version(shared, name, f"runs:/{run_id}/model").version == "1"


def test_writes_that_are_sent_again_change_nothing_more(
    shared: Api, name: str, run_id: str
) -> None:
    write = WriteId(writer=secrets.token_hex(16), sequence=1)
    registry, source = shared.registry, f"runs:/{run_id}/model"
    other = f"{name} other"
    create = pb.CreateRegisteredModelRequest(name=other, write=write)
    assert registry.CreateRegisteredModel(create) == registry.CreateRegisteredModel(create)
    version = pb.CreateModelVersionRequest(name=name, source=source, write=write)
    assert registry.CreateModelVersion(version) == registry.CreateModelVersion(version)
    assert found_versions(shared, f"name = '{name}'") == [1]
    rename = pb.RenameRegisteredModelRequest(
        name=other, new_name=f"{other} 2", write=WriteId(writer=write.writer, sequence=2)
    )
    assert registry.RenameRegisteredModel(rename) == registry.RenameRegisteredModel(rename)
    delete = pb.DeleteRegisteredModelRequest(
        name=name, write=WriteId(writer=write.writer, sequence=2)
    )
    registry.DeleteRegisteredModel(delete)
    registry.DeleteRegisteredModel(delete)
    register(shared, name)
    registry.DeleteRegisteredModel(delete)
    assert get(shared, name).name == name


def test_registered_models_are_found_by_name_and_tags_page_by_page(shared: Api) -> None:
    mark = secrets.token_hex(4)
    for number in range(5):
        register(shared, f"{mark} {number}", kind="even" if number % 2 == 0 else "odd")
    like = f"name LIKE '{mark}%'"
    assert found_models(shared, like, size=2) == [f"{mark} {number}" for number in range(5)]
    assert found_models(shared, f"{like} AND tags.kind = 'odd'") == [f"{mark} 1", f"{mark} 3"]
    assert found_models(shared, f"{like} AND tags.kind != 'odd'", "name DESC", size=2) == [
        f"{mark} {number}" for number in (4, 2, 0)
    ]
    assert found_models(shared, f"name ILIKE '{mark.upper()}%'", "timestamp DESC", "name") != []
    assert found_models(shared, f"name IN ('{mark} 1', '{mark} 4')") == [f"{mark} 1", f"{mark} 4"]
    with expect_refusal(INVALID, "FILTER_MALFORMED"):
        found_models(shared, "colour = 'red'")
    with expect_refusal(INVALID, "ORDER_BY_MALFORMED"):
        found_models(shared, "", "colour")
    with expect_refusal(INVALID, "PAGE_SIZE_OUT_OF_RANGE"):
        found_models(shared, "", size=1_001)


def test_versions_are_found_by_what_they_are(shared: Api, name: str, run_id: str) -> None:
    other_run, model_id = shared.create_run(), shared.create_model()
    upload(shared, other_run, "m/MLmodel", b"x")
    upload(shared, model_id, "MLmodel", b"x")
    for source in (f"runs:/{run_id}/model", f"runs:/{other_run}/m", f"models:/{model_id}"):
        add_version(shared, name, source, k=source[:4])
    of = f"name = '{name}'"
    for text, expected in {
        f"{of}": [3, 2, 1],
        f"{of} AND run_id = '{other_run}'": [2],
        f"{of} AND run_id IN ('{other_run}', '{run_id}')": [2, 1],
        f"{of} AND version_number > 1": [3, 2],
        f"{of} AND version_number = '2'": [2],
        f"{of} AND source_path LIKE 'runs:%'": [2, 1],
        f"{of} AND model_id = '{model_id}'": [3],
        f"{of} AND model_id != '{model_id}'": [],
        f"{of} AND tags.k = 'mode'": [3],
        f"{of} AND status = 'READY' AND current_stage = 'None'": [3, 2, 1],
        f"{of} AND current_stage = 'Production'": [],
    }.items():
        assert found_versions(shared, text, "version_number DESC") == expected, text
    for order in ("version_number", "model_id", "source_path", "tags.k", "current_stage"):
        everything = found_versions(shared, of, order)
        assert found_versions(shared, of, order, size=1) == everything, order
        assert sorted(everything) == [1, 2, 3]
    move(shared, name, 1, "Archived")
    assert found_versions(shared, of)[0] == 1  # what changed last is first


def test_prompts_are_found_only_by_their_tag(shared: Api) -> None:
    mark = secrets.token_hex(4)
    register(shared, f"{mark} model")
    register(shared, f"{mark} prompt", **{"mlflow.prompt.is_prompt": "true"})
    tag, like = "tags.`mlflow.prompt.is_prompt`", f"name LIKE '{mark}%'"
    for text, expected in {
        like: ["model"],
        f"{like} AND {tag} = 'false'": ["model"],
        f"{like} AND {tag} != 'true'": ["model"],
        f"{like} AND {tag} = 'true'": ["prompt"],
        f"{like} AND {tag} != 'false'": ["prompt"],
    }.items():
        assert found_models(shared, text) == [f"{mark} {kind}" for kind in expected], text


def test_a_version_is_copied_to_another_model_by_name_and_alias(
    shared: Api, name: str, run_id: str
) -> None:
    add_version(shared, name, f"runs:/{run_id}/model")
    set_alias(shared, name, "best", 1)
    target = register(shared, f"{name} copy")
    for source in (f"models:/{name}/1", f"models:/{name}@best", f"models:/{name}/latest"):
        copy = add_version(shared, target, source)
        assert (copy.source, copy.run_id) == (f"models:/{name}/1", run_id)
        assert copy.artifact_path == "model"
    copied = register(shared, f"{name}@best")
    add_version(shared, copied, f"runs:/{run_id}")
    assert add_version(shared, target, f"models:/{copied}/1").artifact_path == ""
    assert add_version(shared, target, f"models:/{copied}@latest").artifact_path == ""
    move(shared, name, 1, "Staging")
    assert add_version(shared, target, f"models:/{name}/staging").run_id == run_id
    with expect_refusal(INVALID, "SOURCE_MISMATCH"):
        add_version(shared, target, f"models:/{name}/1", run_id=shared.create_run())
