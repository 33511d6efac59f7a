"""Tokens of an OpenID provider are accepted if it signed them for this server, and only then."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization

from runstream.v1.experiment_service_pb2 import (
    CreateExperimentRequest,
    GetExperimentRequest,
    SearchExperimentsRequest,
)
from runstream.v1.experiment_service_pb2_grpc import ExperimentServiceStub
from support.server_process import ServerProcess
from support.signing_issuer import SigningIssuer

ADMIN = ["tracking-admins"]
WRITER = ["scientists"]


@pytest.fixture(scope="module")
def issuer() -> Iterator[SigningIssuer]:
    issuer = SigningIssuer()
    yield issuer
    issuer.stop()


@pytest.fixture(scope="module")
def trusting(
    issuer: SigningIssuer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """A server that trusts the issuer."""
    options = issuer.options(
        RUNSTREAM_HTTP_PORT="0",
        RUNSTREAM_OIDC_AUDIENCES="tracking api,other",
        RUNSTREAM_OIDC_ADMINS="tracking-admins",
        RUNSTREAM_OIDC_WRITERS="scientists,engineers",
    )
    server = ServerProcess(tmp_path_factory.mktemp("oidc") / "runs.db", options)
    yield server
    server.stop()


def whoami(server: ServerProcess, token: str) -> tuple[int, Any]:
    """Return the status and the answer to who asks."""
    answer = requests.get(
        f"{server.http}/api/1.0/runstream/access/caller",
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    )
    return answer.status_code, answer.json()


def refusal(server: ServerProcess, token: str) -> str:
    """Return why a token is refused, over HTTP and gRPC alike."""
    status, answer = whoami(server, token)
    assert (status, answer["error_code"]) == (401, "UNAUTHENTICATED")
    with grpc.insecure_channel(server.address) as channel, pytest.raises(grpc.RpcError) as refused:
        ExperimentServiceStub(channel).SearchExperiments(
            SearchExperimentsRequest(), metadata=(("authorization", f"Bearer {token}"),)
        )
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert refused.value.details() == answer["message"]
    return str(answer["message"])


def test_a_token_of_the_issuer_says_name_and_groups(
    trusting: ServerProcess, issuer: SigningIssuer
) -> None:
    status, caller = whoami(trusting, issuer.token(groups=[*WRITER, "ml"]))
    assert status == 200
    assert caller["user_name"] == "ada"
    assert caller["groups"] == ["scientists", "ml"]
    assert caller["role"] == "SERVER_ROLE_WRITER"


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        (ADMIN, "ADMIN"),
        (ADMIN + WRITER, "ADMIN"),
        (["engineers"], "WRITER"),
        ("engineers", "WRITER"),
        (["Engineers"], "READER"),
        ([], "READER"),
        (None, "READER"),
        ({"scientists": True}, "READER"),
        ([["scientists"], 7, None], "READER"),
    ],
)
def test_a_role_on_the_server_is_that_of_the_groups(
    trusting: ServerProcess, issuer: SigningIssuer, groups: Any, role: str
) -> None:
    assert whoami(trusting, issuer.token(groups=groups))[1]["role"] == f"SERVER_ROLE_{role}"


def test_without_a_token_nothing_is_answered(trusting: ServerProcess) -> None:
    answer = requests.get(f"{trusting.http}/api/2.0/mlflow/experiments/get", timeout=30)
    assert answer.status_code == 401


def test_whoever_creates_an_experiment_by_a_token_of_the_issuer_owns_it(
    trusting: ServerProcess, issuer: SigningIssuer
) -> None:
    ada = (("authorization", f"Bearer {issuer.token(groups=WRITER)}"),)
    eve = (("authorization", f"Bearer {issuer.token(sub='eve', groups=WRITER)}"),)
    with grpc.insecure_channel(trusting.address) as channel:
        stub = ExperimentServiceStub(channel)
        created = stub.CreateExperiment(CreateExperimentRequest(name="of ada"), metadata=ada)
        asked = GetExperimentRequest(experiment_id=created.experiment_id)
        assert stub.GetExperiment(asked, metadata=ada).experiment.name == "of ada"
        with pytest.raises(grpc.RpcError) as refused:
            stub.GetExperiment(asked, metadata=eve)
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


def test_a_token_of_the_issuer_makes_none_that_lives_longer(
    trusting: ServerProcess, issuer: SigningIssuer
) -> None:
    url = f"{trusting.http}/api/1.0/runstream/access/tokens"
    headers = {"Authorization": f"Bearer {issuer.token(groups=WRITER)}"}
    in_a_minute = round(1000 * time.time()) + 60_000
    for expiry, status in ((None, 403), (in_a_minute + 864_000_000, 403), (in_a_minute, 200)):
        body = {"role": "SERVER_ROLE_WRITER", "expiry_time": expiry}
        answer = requests.post(url, json=body, headers=headers, timeout=30)
        assert answer.status_code == status, answer.text


def test_each_of_the_audiences_is_this_server(
    trusting: ServerProcess, issuer: SigningIssuer
) -> None:
    assert whoami(trusting, issuer.token(aud="tracking api"))[0] == 200
    assert whoami(trusting, issuer.token(aud=["x", "other"]))[0] == 200


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
def test_keys_of_other_kinds_sign_too(
    trusting: ServerProcess, issuer: SigningIssuer, algorithm: str
) -> None:
    assert whoami(trusting, issuer.sign(issuer.claims(), algorithm))[0] == 200


def test_a_key_signs_by_its_own_algorithm_alone(
    trusting: ServerProcess, issuer: SigningIssuer
) -> None:
    name = issuer.key_name("ES256")
    assert "no such key" in refusal(trusting, issuer.sign(issuer.claims(), kid=name))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"exp": 1_000_000_000}, "it has expired"),
        ({"exp": None}, "it lacks a claim"),
        ({"exp": "soon"}, "it is malformed"),
        ({"exp": 1e400}, "it is malformed"),
        ({"iat": 4_000_000_000, "exp": 4_000_000_600}, "it is not good yet"),
        ({"nbf": 4_000_000_000}, "it is not good yet"),
        ({"aud": "somebody else"}, "it is not for this server"),
        ({"aud": None}, "it lacks a claim"),
        ({"iss": "https://issuer.example.org"}, "it is of another issuer"),
        ({"iss": None}, "it lacks a claim"),
        ({"sub": None}, "it lacks a claim"),
    ],
)
def test_a_token_with_wrong_claims_is_refused(
    trusting: ServerProcess, issuer: SigningIssuer, changes: dict[str, Any], why: str
) -> None:
    assert refusal(trusting, issuer.token(**changes)) == f"the token is not valid: {why}"


@pytest.mark.parametrize("name", ["", " \n", "a\0b", "a" * 251])
def test_a_name_that_no_grant_can_have_is_refused(
    trusting: ServerProcess, issuer: SigningIssuer, name: str
) -> None:
    assert "no name" in refusal(trusting, issuer.token(sub=name))


def test_clocks_may_differ_by_a_minute(trusting: ServerProcess, issuer: SigningIssuer) -> None:
    now = int(time.time())
    assert whoami(trusting, issuer.token(exp=now - 30))[0] == 200
    assert whoami(trusting, issuer.token(iat=now + 30))[0] == 200
    assert "expired" in refusal(trusting, issuer.token(exp=now - 90))


def _part(content: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def test_a_token_without_a_signature_is_refused(
    trusting: ServerProcess, issuer: SigningIssuer
) -> None:
    for algorithm in ("none", "None", "NONE", "", None, 7):
        header = {"typ": "JWT", "alg": algorithm, "kid": issuer.key_name()}
        for signature in ("", "x", "AAAA"):
            refusal(trusting, f"{_part(header)}.{_part(issuer.claims())}.{signature}")


def test_a_public_key_is_no_secret_of_hmac(trusting: ServerProcess, issuer: SigningIssuer) -> None:
    public = issuer.public_key
    for form in (
        (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
        (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
    ):
        header = {"typ": "JWT", "alg": "HS256", "kid": issuer.key_name()}
        text = f"{_part(header)}.{_part(issuer.claims())}"
        mac = hmac.digest(public.public_bytes(*form), text.encode(), "sha256")
        signature = base64.urlsafe_b64encode(mac).decode().rstrip("=")
        refusal(trusting, f"{text}.{signature}")


def test_a_key_of_somebody_else_is_refused_whatever_it_is_called(
    trusting: ServerProcess, issuer: SigningIssuer
) -> None:
    other = SigningIssuer()
    try:
        claims = issuer.claims(groups=ADMIN)
        assert "signature" in refusal(trusting, other.sign(claims, kid=issuer.key_name()))
        key = jwt.get_algorithm_by_name("RS256").to_jwk(other.public_key, as_dict=True)
        header: dict[str, Any] = {
            "kid": issuer.key_name(),
            "jwk": key,
            "jku": f"{other.url}/keys",
            "x5u": other.url,
        }
        assert "signature" in refusal(trusting, other.sign(claims, **header))
        refusal(trusting, other.sign(claims))  # of a key that the issuer does not have
        assert other.reads == 0
    finally:
        other.stop()


def test_what_is_no_token_is_refused(trusting: ServerProcess, issuer: SigningIssuer) -> None:
    good = issuer.token()
    head, body, signature = good.split(".")
    for token in (
        "x",
        "..",
        f"{head}.{body}",
        f"{head}.{body}.",
        f"{head}.{_part(issuer.claims(groups=ADMIN))}.{signature}",
        f"{head}.{_part(['ada'])}.{signature}",
        f"{_part([])}.{body}.{signature}",
        good + "." + good,
        "rst_" + "x" * 43,
    ):
        refusal(trusting, token)


def wait_for_keys(server: ServerProcess, issuer: SigningIssuer) -> None:
    """Wait until a token of a new key is accepted: keys are read again after ten seconds."""
    end = time.monotonic() + 60
    while whoami(server, issuer.token())[0] != 200:
        assert time.monotonic() < end
        time.sleep(0.5)


def test_a_rotated_key_is_found_and_unknown_keys_do_not_ask_the_issuer_each_time(
    trusting: ServerProcess, issuer: SigningIssuer
) -> None:
    issuer.rotate()
    wait_for_keys(trusting, issuer)
    reads = issuer.reads
    for number in range(30):
        refusal(trusting, issuer.sign(issuer.claims(), kid=f"guess {number}"))
    assert issuer.reads - reads <= 2


def test_a_server_whose_issuer_is_away_says_so_and_goes_on_when_it_is_back(
    start_server: Callable[..., ServerProcess],
) -> None:
    issuer = SigningIssuer()
    issuer.is_down = True
    server = start_server(**issuer.options(RUNSTREAM_HTTP_PORT="0"))
    status, answer = whoami(server, issuer.token())
    assert (status, answer["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")
    issuer.is_down = False
    end = time.monotonic() + 60
    while whoami(server, issuer.token())[0] == 503:
        assert time.monotonic() < end
        time.sleep(0.5)
    assert whoami(server, issuer.token())[0] == 200
    issuer.is_down = True  # what is known of it is good for a while
    assert whoami(server, issuer.token())[0] == 200
    issuer.stop()
    assert "cannot be asked" in server.stop()
