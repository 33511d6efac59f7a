"""Names and groups of a provider that could be taken for others, or that databases do not take."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import grpc
import pytest
import requests

from runstream.v1.access_service_pb2 import GetCallerRequest, GrantRole, SetGrantRequest
from runstream.v1.experiment_service_pb2 import GetExperimentRequest, SearchExperimentsRequest
from support.access import bearer, connect_with_token
from support.api import expect_refusal
from support.server_process import ServerProcess
from support.signing_issuer import SigningIssuer


class Provided(NamedTuple):
    """A server that takes the e-mail address of a token for the name, and an experiment there."""

    server: ServerProcess
    issuer: SigningIssuer
    experiment_id: str

    def token(self, **claims: Any) -> str:
        return self.issuer.token(**{"email": "eve@example.org", **claims})

    def grant(self, grantee: str) -> None:
        reader = GrantRole.GRANT_ROLE_READER
        request = SetGrantRequest(experiment_id=self.experiment_id, grantee=grantee, role=reader)
        with connect_with_token(self.server.address, self.token(groups=["admins"])) as root:
            root.access.SetGrant(request)

    def ask(self, token: str, path: str) -> tuple[int, Any]:
        url = f"{self.server.http}/api/{path}"
        answer = requests.get(url, headers=bearer(token), timeout=30)
        return answer.status_code, answer.json()


@pytest.fixture(scope="module")
def provided(
    tmp_path_factory: pytest.TempPathFactory, new_url: Callable[[], str | None]
) -> Iterator[Provided]:
    issuer = SigningIssuer()
    options = issuer.options(
        RUNSTREAM_HTTP_PORT="0", RUNSTREAM_OIDC_NAME_CLAIM="email", RUNSTREAM_OIDC_ADMINS="admins"
    )
    server = ServerProcess(tmp_path_factory.mktemp("claims") / "runs.db", options, url=new_url())
    with connect_with_token(
        server.address, issuer.token(email="root@example.org", groups=["admins"])
    ) as root:
        yield Provided(server, issuer, root.create_experiment("secret"))
    server.stop()
    issuer.stop()


@pytest.mark.parametrize("verified", [False, "false", "False", "", 0, None, "no", []])
def test_an_address_that_the_provider_has_not_verified_is_no_name(
    provided: Provided, verified: Any
) -> None:
    claims = provided.issuer.claims(email="ada@example.org") | {"email_verified": verified}
    token = provided.issuer.sign(claims)
    status, answer = provided.ask(token, "1.0/runstream/access/caller")
    assert (status, answer["error_code"]) == (401, "UNAUTHENTICATED")
    assert "has not verified the e-mail address" in answer["message"]
    with (
        connect_with_token(provided.server.address, token) as api,
        expect_refusal(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID"),
    ):
        api.access.GetCaller(GetCallerRequest())


@pytest.mark.parametrize("claims", [{}, {"email_verified": True}, {"email_verified": "true"}])
def test_an_address_of_which_the_provider_says_nothing_else_is_a_name(
    provided: Provided, claims: dict[str, Any]
) -> None:
    status, answer = provided.ask(provided.token(**claims), "1.0/runstream/access/caller")
    assert (status, answer["user_name"]) == (200, "eve@example.org")


@pytest.mark.parametrize(
    "name", ["", " ", " ada", "ada\n", "a\rb", "a\x1b[2Jb", "a\u2028b", "a\ud800b", 7, ["ada"], {}]
)
def test_a_name_that_could_be_taken_for_another_is_refused(provided: Provided, name: Any) -> None:
    status, answer = provided.ask(provided.token(email=name), "1.0/runstream/access/caller")
    assert (status, answer["error_code"]) == (401, "UNAUTHENTICATED")
    assert "no name of a user" in answer["message"]


@pytest.mark.parametrize("name", ["group:friends", "friends", "user:friends", "group:everyone"])
def test_a_name_is_that_of_a_user_whatever_it_looks_like(provided: Provided, name: str) -> None:
    provided.grant("group:friends")
    with connect_with_token(provided.server.address, provided.token(email=name)) as api:
        assert api.access.GetCaller(GetCallerRequest()).user_name == name
        with expect_refusal(grpc.StatusCode.NOT_FOUND, "EXPERIMENT_NOT_FOUND"):
            api.experiments.GetExperiment(
                GetExperimentRequest(experiment_id=provided.experiment_id)
            )


@pytest.mark.parametrize("group", ["a\0b", "\ud800", "", " ", "a\nb", " friends", "x" * 251])
def test_a_group_that_can_have_no_grant_is_passed_over(provided: Provided, group: str) -> None:
    token = provided.token(groups=[group, "friends"])
    assert provided.ask(token, "1.0/runstream/access/caller")[1]["groups"] == ["friends"]
    status, _ = provided.ask(token, "2.0/mlflow/experiments/search?max_results=10")
    assert status == 200


def test_of_very_many_groups_the_first_thousand_count(provided: Provided) -> None:
    provided.grant("group:g999")
    many = [f"g{number}" for number in range(5_000)]
    status, answer = provided.ask(
        provided.token(groups=many), "2.0/mlflow/experiments/search?max_results=10"
    )
    assert status == 200
    assert [each["name"] for each in answer["experiments"]] == ["secret"]
    with connect_with_token(provided.server.address, provided.token(groups=many[:500])) as api:
        request = SearchExperimentsRequest(max_results=10)
        assert not api.experiments.SearchExperiments(request).experiments
    answer = provided.ask(
        provided.token(groups=[*many[:1000], "admins"]), "1.0/runstream/access/caller"
    )[1]
    assert answer["role"] == "SERVER_ROLE_READER"
