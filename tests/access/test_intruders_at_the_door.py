"""Those who cannot prove who they are, at every RPC and every route: none of them is let in.

Each of them says that they are an admin, and would be one if their proof were believed.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import grpc
import pytest
import requests

from runstream.v1.access_service_pb2 import CreateTokenRequest, RevokeTokenRequest
from runstream_service.http.authenticate import OPEN_PATHS
from support import intruders
from support.access import ROLES, begin_session, connect_with_token
from support.api import Api
from support.http_routes import routes
from support.intruders import REQUESTS, Header, rpc_name
from support.rpc_methods import METHODS
from support.server_process import ServerProcess
from support.signing_issuer import SigningIssuer

INTRUDERS = [
    "nobody",
    "garbage",
    "garbage as a password",
    "garbage as a session",
    "expired token",
    "revoked token",
    "expired ID token",
    "another issuer",
    "another issuer's key",
    "wrong audience",
    "alg none",
    "e-mail that is not verified",
    "signed out",
    "session of a revoked token",
    "two tokens",
    "two sessions",
]

#: Other ways to write a path that is asked for.
DISGUISES = [
    *("//api/2.0/mlflow/runs/get", "/api//2.0/mlflow/runs/get", "/%61pi/2.0/mlflow/runs/get"),
    *("/api/2.0/mlflow/runs%2fget", "/api/2.0/mlflow/runs/get/", "/API/2.0/mlflow/runs/get"),
    *("/health/../api/2.0/mlflow/runs/get", "/health%2f..%2fapi/2.0/mlflow/runs/get"),
    *("/ready;/api/2.0/mlflow/runs/get", "/assets/../api/2.0/mlflow/runs/get", "/sign-in/x"),
    *("/assets/..%2fapi", "/./api/2.0/mlflow/runs/get", "/api/2.0/mlflow/runs/get%00"),
    *("http://127.0.0.1/api/2.0/mlflow/runs/get", "/ajax-api//2.0/mlflow/runs/get", "/metrics/"),
    *("/ajax-api/2.0/mlflow/runs%2Fget", "/ajax-api%2f2.0%2fmlflow%2fruns%2fget"),
]

#: Words of requests, which nobody gets to look up.
NAMES = dict.fromkeys(re.findall(r"\$(\w+)", json.dumps(REQUESTS)), "1")


class Door(NamedTuple):
    """A server with tokens and a provider, and those who try to get in.

    Attributes:
        headers: what each of `INTRUDERS` says of themselves.
        known: what those say who are let in.
    """

    server: ServerProcess
    channel: grpc.Channel
    headers: dict[str, list[Header]]
    known: list[list[Header]]

    def send(self, who: str, requests: list[tuple[str, str]]) -> Iterator[tuple[int, str, str]]:
        """Send requests over one connection; yield the status, the method and the path of each."""
        address = self.server.http.removeprefix("http://")
        connection = http.client.HTTPConnection(address, timeout=60)
        for method, path in requests:
            connection.putrequest(method, path)
            for header in self.headers[who]:
                connection.putheader(*header)
            connection.endheaders()
            answer = connection.getresponse()
            answer.read()
            yield answer.status, method, path
        connection.close()


@pytest.fixture(scope="module")
def door(
    tmp_path_factory: pytest.TempPathFactory, new_url: Callable[[], str | None]
) -> Iterator[Door]:
    issuer, other = SigningIssuer(), SigningIssuer()
    options = issuer.options(
        RUNSTREAM_HTTP_PORT="0", RUNSTREAM_OIDC_NAME_CLAIM="email", RUNSTREAM_OIDC_ADMINS="admins"
    )
    server = ServerProcess(tmp_path_factory.mktemp("door") / "runs.db", options, url=new_url())
    admin: dict[str, Any] = {"email": "root@example.org", "groups": ["admins"]}
    good = issuer.token(**admin)
    with (
        connect_with_token(server.address, good) as root,
        grpc.insecure_channel(server.address) as channel,
    ):
        headers = proofs_of_the_server(root, server, good)
        headers |= proofs_of_issuers(issuer, other, admin)
        time.sleep(1.1)  # until the token has expired that lives for a second
        session = [("cookie", begin_session(server.http, good))]
        yield Door(server, channel, headers, [bearer(good), session])
    issuer.stop()
    other.stop()
    server.stop()


def bearer(token: str) -> list[Header]:
    return [("authorization", f"Bearer {token}")]


def proofs_of_the_server(root: Api, server: ServerProcess, good: str) -> dict[str, list[Header]]:
    """Return what those say who have, or had, something of the server."""

    def create(**fields: Any) -> tuple[int, str]:
        answer = root.access.CreateToken(CreateTokenRequest(role=ROLES["root"], **fields))
        return answer.token.token_id, answer.secret

    _, expired = create(expiry_time=round(1000 * (time.time() + 1)))
    revoked_id, revoked = create()
    of_revoked = begin_session(server.http, revoked)
    root.access.RevokeToken(RevokeTokenRequest(token_id=revoked_id))
    signed_out, session = begin_session(server.http, good), begin_session(server.http, good)
    answer = requests.post(f"{server.http}/sign-out", headers={"Cookie": signed_out}, timeout=30)
    answer.raise_for_status()
    garbage = "rst_" + 43 * "A"
    password = base64.b64encode(f"root:{garbage}".encode()).decode()
    return {
        "nobody": [],
        "garbage": bearer(garbage),
        "garbage as a password": [("authorization", f"Basic {password}")],
        "garbage as a session": [("cookie", f"runstream_session={43 * 'A'}")],
        "expired token": bearer(expired),
        "revoked token": bearer(revoked),
        "signed out": [("cookie", signed_out)],
        "session of a revoked token": [("cookie", of_revoked)],
        "two tokens": [*bearer(good), *bearer(good)],
        "two sessions": [("cookie", session), ("cookie", session)],
    }


def proofs_of_issuers(
    issuer: SigningIssuer, other: SigningIssuer, admin: dict[str, Any]
) -> dict[str, list[Header]]:
    """Return what those say who have a token that is not one of the issuer for this server."""
    claims, now = issuer.claims(**admin), int(time.time())
    parts = ({"alg": "none", "kid": issuer.key_name()}, claims)
    unsigned = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts]
    return {
        "expired ID token": bearer(issuer.token(**admin, iat=now - 900, exp=now - 300)),
        "another issuer": bearer(other.token(**admin)),
        "another issuer's key": bearer(other.sign(claims, kid=issuer.key_name())),
        "wrong audience": bearer(issuer.token(**admin, aud="another program")),
        "alg none": bearer(".".join(part.rstrip("=") for part in unsigned) + "."),
        "e-mail that is not verified": bearer(issuer.token(**admin, email_verified=False)),
    }


def test_those_are_let_in_who_prove_who_they_are(door: Door) -> None:
    for headers in door.known:
        url = f"{door.server.http}/api/1.0/runstream/access/caller"
        answer = requests.get(url, headers=dict(headers), timeout=30)
        assert answer.json()["role"] == "SERVER_ROLE_ADMIN"
    assert set(door.headers) == set(INTRUDERS)


@pytest.mark.parametrize("who", INTRUDERS)
def test_no_rpc_answers_those_who_cannot_prove_who_they_are(who: str, door: Door) -> None:
    for method in METHODS:
        for messages in intruders.filled(REQUESTS[rpc_name(method)], NAMES):
            answer = intruders.call(door.channel, method, messages, door.headers[who])
            assert answer.code == "UNAUTHENTICATED", (method.name, answer)


@pytest.mark.parametrize("who", INTRUDERS)
def test_no_route_answers_those_who_cannot_prove_who_they_are(who: str, door: Door) -> None:
    asked = [
        (method, re.sub(r"\{[^}]*\}", "x", path))
        for method, path in routes()
        if path not in OPEN_PATHS and not path.startswith("/assets/")
        # Nobody has a look at what is left of a path; one of them asks for each.
        if who == "nobody" or ("{rest:path}" not in path and method != "HEAD")
    ]
    for status, method, path in door.send(who, asked):
        assert status == 401, (method, path)


@pytest.mark.parametrize("who", INTRUDERS)
def test_no_way_to_write_a_path_avoids_the_question(who: str, door: Door) -> None:
    for path in DISGUISES:
        for status, _, _ in door.send(who, [("GET", path)]):
            assert status in {400, 401, 403, 404}, path
