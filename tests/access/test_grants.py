"""Grants: who sets them, and what a caller may do with an experiment by them."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import grpc
import pytest

from runstream.v1 import access_service_pb2 as pb
from runstream.v1.experiment_service_pb2 import (
    DeleteExperimentRequest,
    GetExperimentByNameRequest,
    GetExperimentRequest,
    RestoreExperimentRequest,
    SearchExperimentsRequest,
    SetExperimentTagRequest,
    UpdateExperimentRequest,
)
from runstream.v1.run_service_pb2 import CreateRunRequest
from runstream.v1.write_pb2 import WriteId
from support.access import GuardedServer
from support.api import Api, expect_refusal

DENIED = grpc.StatusCode.PERMISSION_DENIED
NOT_FOUND = grpc.StatusCode.NOT_FOUND
INVALID = grpc.StatusCode.INVALID_ARGUMENT
READER, WRITER = pb.GrantRole.GRANT_ROLE_READER, pb.GrantRole.GRANT_ROLE_WRITER
OWNER = pb.GrantRole.GRANT_ROLE_OWNER


def grant(api: Api, experiment_id: str, grantee: str, role: pb.GrantRole.ValueType) -> None:
    request = pb.SetGrantRequest(experiment_id=experiment_id, grantee=grantee, role=role)
    api.access.SetGrant(request)


def revoke(api: Api, experiment_id: str, grantee: str) -> None:
    api.access.DeleteGrant(pb.DeleteGrantRequest(experiment_id=experiment_id, grantee=grantee))


def grants(api: Api, experiment_id: str) -> dict[str, int]:
    answer = api.access.ListGrants(pb.ListGrantsRequest(experiment_id=experiment_id))
    return {each.grantee: each.role for each in answer.grants}


def own_role(api: Api, experiment_id: str) -> int:
    answer = api.access.ListGrants(pb.ListGrantsRequest(experiment_id=experiment_id))
    role: int = answer.role
    return role


def told_roles(api: Api, experiment_id: str) -> set[int]:
    """Return what every answer says that a caller may do with an experiment: the same."""
    by_id = api.experiments.GetExperiment(GetExperimentRequest(experiment_id=experiment_id))
    by_name = api.experiments.GetExperimentByName(
        GetExperimentByNameRequest(experiment_name=by_id.experiment.name)
    )
    found = api.experiments.SearchExperiments(
        SearchExperimentsRequest(filter=f"name = '{by_id.experiment.name}'")
    )
    answers = [by_id.experiment, by_name.experiment, *found.experiments]
    assert len(answers) == 3
    return {answer.role for answer in answers} | {own_role(api, experiment_id)}


@pytest.fixture
def of_ada(guarded: GuardedServer) -> str:
    """The id of an experiment of Ada's."""
    return guarded.apis["ada"].create_experiment(f"of Ada {uuid4()}")


def tag(api: Api, experiment_id: str) -> None:
    request = SetExperimentTagRequest(experiment_id=experiment_id, key="k", value="v")
    api.experiments.SetExperimentTag(request)


def start_run(api: Api, experiment_id: str) -> None:
    api.runs.CreateRun(CreateRunRequest(experiment_id=experiment_id))


def rename(api: Api, experiment_id: str) -> None:
    name = str(uuid4())
    request = UpdateExperimentRequest(experiment_id=experiment_id, new_name=name)
    api.experiments.UpdateExperiment(request)


def delete_and_restore(api: Api, experiment_id: str) -> None:
    api.experiments.DeleteExperiment(DeleteExperimentRequest(experiment_id=experiment_id))
    api.experiments.RestoreExperiment(RestoreExperimentRequest(experiment_id=experiment_id))


def get(api: Api, experiment_id: str) -> None:
    api.experiments.GetExperiment(GetExperimentRequest(experiment_id=experiment_id))


NEEDED = [
    (get, READER),
    (tag, WRITER),
    (start_run, WRITER),
    (rename, OWNER),
    (delete_and_restore, OWNER),
]


def test_who_creates_an_experiment_owns_it(guarded: GuardedServer, of_ada: str) -> None:
    ada = guarded.apis["ada"]
    assert grants(ada, of_ada) == {"user:ada": OWNER}
    assert own_role(ada, of_ada) == OWNER
    for act, _ in NEEDED:
        act(ada, of_ada)


@pytest.mark.parametrize("role", [None, READER, WRITER, OWNER])
@pytest.mark.parametrize(("act", "needed"), NEEDED)
def test_a_grant_allows_what_its_role_says(
    guarded: GuardedServer,
    of_ada: str,
    role: pb.GrantRole.ValueType | None,
    act: Callable[[Api, str], None],
    needed: int,
) -> None:
    eve = guarded.apis["eve"]
    if role is None:
        with expect_refusal(NOT_FOUND, "EXPERIMENT_NOT_FOUND") as refusal:
            act(eve, of_ada)
        with expect_refusal(NOT_FOUND, "EXPERIMENT_NOT_FOUND") as missing:
            act(eve, "123456789")
        assert refusal.message == missing.message.replace("123456789", of_ada)
        return
    grant(guarded.apis["ada"], of_ada, "user:eve", role)
    assert own_role(eve, of_ada) == role
    if role >= needed:
        act(eve, of_ada)
    else:
        with expect_refusal(DENIED, "ROLE_TOO_LOW"):
            act(eve, of_ada)


def test_a_reader_of_the_server_writes_nowhere(guarded: GuardedServer, of_ada: str) -> None:
    ada, bob = guarded.apis["ada"], guarded.apis["bob"]
    grant(ada, of_ada, "user:bob", OWNER)
    assert own_role(bob, of_ada) == READER
    get(bob, of_ada)
    for act, needed in NEEDED:
        if needed > READER:
            with expect_refusal(DENIED, "ROLE_TOO_LOW"):
                act(bob, of_ada)
    with expect_refusal(DENIED, "ROLE_TOO_LOW"):
        grant(bob, of_ada, "user:bob", WRITER)
    with expect_refusal(DENIED, "ROLE_TOO_LOW"):
        bob.create_experiment("of Bob")


def test_a_grant_to_everyone_is_for_all_who_have_a_token(
    guarded: GuardedServer, of_ada: str
) -> None:
    grant(guarded.apis["ada"], of_ada, "group:everyone", READER)
    get(guarded.apis["bob"], of_ada)
    with expect_refusal(DENIED, "ROLE_TOO_LOW"):
        tag(guarded.apis["eve"], of_ada)
    with expect_refusal(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING"):
        get(guarded.apis["nobody"], of_ada)


def test_the_highest_of_several_grants_counts(guarded: GuardedServer, of_ada: str) -> None:
    ada, eve = guarded.apis["ada"], guarded.apis["eve"]
    grant(ada, of_ada, "group:everyone", WRITER)
    grant(ada, of_ada, "user:eve", READER)
    tag(eve, of_ada)
    assert own_role(eve, of_ada) == WRITER


def test_only_owners_and_admins_grant_and_revoke(guarded: GuardedServer, of_ada: str) -> None:
    ada, eve, root = (guarded.apis[name] for name in ("ada", "eve", "root"))
    grant(ada, of_ada, "user:eve", WRITER)
    with expect_refusal(DENIED, "ROLE_TOO_LOW"):
        grant(eve, of_ada, "user:eve", OWNER)
    with expect_refusal(DENIED, "ROLE_TOO_LOW"):
        revoke(eve, of_ada, "user:ada")
    assert grants(eve, of_ada) == {"user:ada": OWNER, "user:eve": WRITER}
    grant(root, of_ada, "user:eve", OWNER)
    revoke(eve, of_ada, "user:ada")
    assert grants(root, of_ada) == {"user:eve": OWNER}


def test_what_is_revoked_is_gone_at_once(guarded: GuardedServer, of_ada: str) -> None:
    ada, eve = guarded.apis["ada"], guarded.apis["eve"]
    grant(ada, of_ada, "user:eve", WRITER)
    tag(eve, of_ada)
    revoke(ada, of_ada, "user:eve")
    for act, _ in NEEDED:
        with expect_refusal(NOT_FOUND, "EXPERIMENT_NOT_FOUND"):
            act(eve, of_ada)
    with expect_refusal(NOT_FOUND, "EXPERIMENT_NOT_FOUND"):
        grants(eve, of_ada)
    with expect_refusal(NOT_FOUND, "EXPERIMENT_NOT_FOUND"):
        grant(eve, of_ada, "user:eve", OWNER)
    with expect_refusal(NOT_FOUND, "EXPERIMENT_NOT_FOUND"):
        revoke(eve, of_ada, "user:ada")


def test_an_experiment_without_owners_is_left_to_the_admins(
    guarded: GuardedServer, of_ada: str
) -> None:
    ada, root = guarded.apis["ada"], guarded.apis["root"]
    revoke(ada, of_ada, "user:ada")
    with expect_refusal(NOT_FOUND, "EXPERIMENT_NOT_FOUND"):
        get(ada, of_ada)
    assert grants(root, of_ada) == {}
    grant(root, of_ada, "user:ada", OWNER)
    get(ada, of_ada)


def test_a_grant_that_is_not_there_cannot_be_revoked(guarded: GuardedServer, of_ada: str) -> None:
    with expect_refusal(NOT_FOUND, "GRANT_NOT_FOUND"):
        revoke(guarded.apis["ada"], of_ada, "user:nobody")


def test_a_repeated_write_undoes_no_newer_one(guarded: GuardedServer, of_ada: str) -> None:
    ada = guarded.apis["ada"]
    set_once = pb.SetGrantRequest(
        experiment_id=of_ada,
        grantee="user:eve",
        role=READER,
        write=WriteId(writer=uuid4().hex, sequence=1),
    )
    delete_once = pb.DeleteGrantRequest(
        experiment_id=of_ada,
        grantee="user:eve",
        write=WriteId(writer=uuid4().hex, sequence=1),
    )
    ada.access.SetGrant(set_once)
    ada.access.DeleteGrant(delete_once)
    ada.access.DeleteGrant(delete_once)
    ada.access.SetGrant(set_once)
    assert grants(ada, of_ada) == {"user:ada": OWNER}


@pytest.mark.parametrize(
    ("grantee", "reason"),
    [
        ("", "GRANTEE_MALFORMED"),
        ("eve", "GRANTEE_MALFORMED"),
        ("role:eve", "GRANTEE_MALFORMED"),
        ("user:", "NAME_EMPTY"),
        ("user: eve", "NAME_MALFORMED"),
        ("user:e\nve", "NAME_MALFORMED"),
        ("group:" + "x" * 251, "VALUE_TOO_LONG"),
    ],
)
def test_a_grantee_is_a_user_or_a_group(
    guarded: GuardedServer, of_ada: str, grantee: str, reason: str
) -> None:
    with expect_refusal(INVALID, reason):
        grant(guarded.apis["ada"], of_ada, grantee, READER)


def test_a_role_has_to_be_stated(guarded: GuardedServer, of_ada: str) -> None:
    with expect_refusal(INVALID, "ROLE_UNKNOWN"):
        grant(guarded.apis["ada"], of_ada, "user:eve", pb.GrantRole.GRANT_ROLE_UNSPECIFIED)


def test_an_experiment_has_a_thousand_grants_at_most(guarded: GuardedServer, of_ada: str) -> None:
    ada = guarded.apis["ada"]
    for number in range(999):
        grant(ada, of_ada, f"user:{number}", READER)
    with expect_refusal(grpc.StatusCode.FAILED_PRECONDITION, "GRANTS_TOO_MANY"):
        grant(ada, of_ada, "user:eve", READER)
    grant(ada, of_ada, "user:0", WRITER)
    revoke(ada, of_ada, "user:1")
    grant(ada, of_ada, "user:eve", READER)
    assert len(grants(ada, of_ada)) == 1_000


def test_an_experiment_says_what_its_caller_may_do_with_it(
    guarded: GuardedServer, of_ada: str
) -> None:
    ada, bob, eve = (guarded.apis[name] for name in ("ada", "bob", "eve"))
    assert told_roles(ada, of_ada) == told_roles(guarded.apis["root"], of_ada) == {OWNER}
    grant(ada, of_ada, "group:everyone", READER)
    assert told_roles(eve, of_ada) == {READER}
    grant(ada, of_ada, "user:eve", WRITER)
    assert told_roles(eve, of_ada) == {WRITER}
    grant(ada, of_ada, "user:bob", OWNER)
    assert told_roles(bob, of_ada) == {READER}  # and no more anywhere on this server
    others = eve.create_experiment(f"of Eve {uuid4()}")
    answer = eve.experiments.SearchExperiments(SearchExperimentsRequest())
    roles = {found.experiment_id: found.role for found in answer.experiments}
    assert (roles[of_ada], roles[others]) == (WRITER, OWNER)
