"""Who sees registered models and their versions, and who changes them (Q7)."""

from __future__ import annotations

from secrets import token_hex
from typing import NamedTuple

import grpc
import pytest

from runstream.v1 import model_registry_service_pb2 as pb
from runstream.v1.access_service_pb2 import (
    DeleteGrantRequest,
    GrantRole,
    SearchAuditLogRequest,
    SetGrantRequest,
)
from runstream.v1.registered_model_pb2 import RegisteredModel
from support.access import GuardedServer
from support.api import Api, expect_refusal
from support.artifacts import upload
from support.registry import add_version, get_version, register
from support.waiting import wait_until

DENIED, NOT_FOUND = grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.NOT_FOUND
READER, WRITER, OWNER = (
    GrantRole.GRANT_ROLE_READER,
    GrantRole.GRANT_ROLE_WRITER,
    GrantRole.GRANT_ROLE_OWNER,
)


class Published(NamedTuple):
    """A registered model of Ada's with a version, and the run and experiment of its files."""

    name: str
    run_id: str
    experiment_id: str


def create_run_with_file(api: Api, experiment_id: str) -> str:
    run_id = api.create_run(experiment_id)
    upload(api, run_id, "model/MLmodel", b"x")
    return run_id


@pytest.fixture
def published(guarded: GuardedServer) -> Published:
    ada = guarded.apis["ada"]
    experiment = ada.create_experiment(token_hex(8))
    run_id, name = create_run_with_file(ada, experiment), register(ada, token_hex(8))
    add_version(ada, name, f"runs:/{run_id}/model")
    return Published(name, run_id, experiment)


def share(api: Api, experiment_id: str, user: str, role: GrantRole.ValueType) -> None:
    api.access.SetGrant(
        SetGrantRequest(experiment_id=experiment_id, grantee=f"user:{user}", role=role)
    )


def get(api: Api, name: str) -> RegisteredModel:
    request = pb.GetRegisteredModelRequest(name=name)
    return api.registry.GetRegisteredModel(request).registered_model


def describe(api: Api, name: str) -> None:
    api.registry.UpdateRegisteredModel(pb.UpdateRegisteredModelRequest(name=name, description="d"))


def rename(api: Api, name: str, new_name: str) -> None:
    api.registry.RenameRegisteredModel(
        pb.RenameRegisteredModelRequest(name=name, new_name=new_name)
    )


def names(api: Api) -> list[str]:
    found = api.registry.SearchRegisteredModels(pb.SearchRegisteredModelsRequest(max_results=1000))
    return [model.name for model in found.registered_models]


def test_who_reads_the_experiment_of_a_version_reads_it_and_its_model(
    guarded: GuardedServer, published: Published
) -> None:
    ada, eve = guarded.apis["ada"], guarded.apis["eve"]
    with expect_refusal(NOT_FOUND, "REGISTERED_MODEL_NOT_FOUND"):
        get(eve, published.name)
    assert published.name not in names(eve)
    share(ada, published.experiment_id, "eve", READER)
    model = get(eve, published.name)
    assert (model.role, model.user_id) == (READER, "ada")
    assert [version.version for version in model.latest_versions] == ["1"]
    assert get_version(eve, published.name, 1).run_id == published.run_id
    assert published.name in names(eve)
    for write in (
        lambda: describe(eve, published.name),
        lambda: add_version(eve, published.name, f"runs:/{published.run_id}/model"),
        lambda: rename(eve, published.name, token_hex(8)),
    ):
        with expect_refusal(DENIED, "ROLE_TOO_LOW"):
            write()
    ada.access.DeleteGrant(
        DeleteGrantRequest(experiment_id=published.experiment_id, grantee="user:eve")
    )
    with expect_refusal(NOT_FOUND, "REGISTERED_MODEL_NOT_FOUND"):
        get(eve, published.name)


def test_who_writes_in_the_experiments_of_all_versions_adds_more(
    guarded: GuardedServer, published: Published
) -> None:
    ada, eve = guarded.apis["ada"], guarded.apis["eve"]
    share(ada, published.experiment_id, "eve", WRITER)
    assert get(eve, published.name).role == WRITER
    describe(eve, published.name)
    version = add_version(eve, published.name, f"runs:/{published.run_id}/model")
    assert (version.version, version.user_id) == ("2", "eve")
    for write in (
        lambda: rename(eve, published.name, token_hex(8)),
        lambda: eve.registry.DeleteRegisteredModel(
            pb.DeleteRegisteredModelRequest(name=published.name)
        ),
    ):
        with expect_refusal(DENIED, "ROLE_TOO_LOW"):
            write()
    # A version of what Eve does not see takes her role away, and hides nothing else.
    private = ada.create_experiment(token_hex(8))
    add_version(ada, published.name, f"runs:/{create_run_with_file(ada, private)}/model")
    model = get(eve, published.name)
    assert model.role == READER
    assert [latest.version for latest in model.latest_versions] == ["2"]
    with expect_refusal(NOT_FOUND, "MODEL_VERSION_NOT_FOUND"):
        get_version(eve, published.name, 3)
    with expect_refusal(DENIED, "ROLE_TOO_LOW"):
        describe(eve, published.name)
    share(ada, private, "eve", OWNER)
    share(ada, published.experiment_id, "eve", OWNER)
    rename(eve, published.name, f"{published.name} of Eve")
    assert get(ada, f"{published.name} of Eve").role == OWNER


def test_a_version_takes_the_right_to_write_in_the_experiment_of_its_files(
    guarded: GuardedServer, published: Published
) -> None:
    ada, eve = guarded.apis["ada"], guarded.apis["eve"]
    mine = register(eve, token_hex(8))
    for source in (
        f"runs:/{published.run_id}/model",
        f"models:/{published.name}/1",
        f"mlflow-artifacts:/{published.experiment_id}/{published.run_id}/artifacts/model",
    ):
        with pytest.raises(grpc.RpcError) as refused:
            add_version(eve, mine, source)
        assert refused.value.code() in (NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT)
    share(ada, published.experiment_id, "eve", READER)
    with expect_refusal(DENIED, "ROLE_TOO_LOW"):
        add_version(eve, mine, f"runs:/{published.run_id}/model")
    share(ada, published.experiment_id, "eve", WRITER)
    assert add_version(eve, mine, f"models:/{published.name}/1").version == "1"
    # Who created it sees it, whatever it has.
    ada.access.DeleteGrant(
        DeleteGrantRequest(experiment_id=published.experiment_id, grantee="user:eve")
    )
    assert (get(eve, mine).role, len(get(eve, mine).latest_versions)) == (OWNER, 0)


def test_a_name_that_one_does_not_see_is_refused_and_nothing_is_told(
    guarded: GuardedServer, published: Published
) -> None:
    eve, bob = guarded.apis["eve"], guarded.apis["bob"]
    with expect_refusal(DENIED, "REGISTERED_MODEL_NAME_TAKEN"):
        register(eve, published.name)
    mine = register(eve, token_hex(8))
    with expect_refusal(DENIED, "REGISTERED_MODEL_NAME_TAKEN"):
        rename(eve, mine, published.name)
    with expect_refusal(DENIED, "ROLE_TOO_LOW"):  # a reader of the server
        register(bob, token_hex(8))


def test_the_audit_log_names_what_was_published_where(
    guarded: GuardedServer, published: Published
) -> None:
    ada, root = guarded.apis["ada"], guarded.apis["root"]
    ada.registry.SetRegisteredModelAlias(
        pb.SetRegisteredModelAliasRequest(name=published.name, alias="best", version="1")
    )
    expected = {
        "CreateModelVersion": f"name={published.name} source=runs:/{published.run_id}/model",
        "SetRegisteredModelAlias": f"name={published.name} version=1 alias=best",
    }
    for method, subject in expected.items():
        request = SearchAuditLogRequest(method=method, user_name="ada")

        def is_there(request: SearchAuditLogRequest = request, subject: str = subject) -> bool:
            entries = root.access.SearchAuditLog(request).entries
            return subject in [entry.subject for entry in entries]

        wait_until(is_there, 20)


def test_admins_see_and_change_all(guarded: GuardedServer, published: Published) -> None:
    root = guarded.apis["root"]
    assert get(root, published.name).role == OWNER
    describe(root, published.name)
    root.registry.DeleteRegisteredModel(pb.DeleteRegisteredModelRequest(name=published.name))
    with expect_refusal(NOT_FOUND, "REGISTERED_MODEL_NOT_FOUND"):
        get(guarded.apis["ada"], published.name)
