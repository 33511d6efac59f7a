"""A server that knows its callers: tokens for an admin, for Ada, Bob and Eve."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import grpc
import requests

from runstream.v1.access_service_pb2 import (
    CreateTokenRequest,
    GrantRole,
    ServerRole,
    SetGrantRequest,
)
from support.api import Api
from support.server_process import ServerProcess

#: Those who have a token: an admin, a writer whose experiments tests are about, a reader, and a
#: writer to whom nobody grants anything.
ROLES = {
    "root": ServerRole.SERVER_ROLE_ADMIN,
    "ada": ServerRole.SERVER_ROLE_WRITER,
    "bob": ServerRole.SERVER_ROLE_READER,
    "eve": ServerRole.SERVER_ROLE_WRITER,
}


class _Details(NamedTuple):
    """What gRPC wants of the details of a call."""

    method: str
    timeout: float | None
    metadata: Any
    credentials: Any
    wait_for_ready: Any
    compression: Any


class _WithToken(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    """Sends a token with each call."""

    def __init__(self, token: str) -> None:
        self._header = ("authorization", f"Bearer {token}")

    def _call(self, proceed: Callable[[Any, Any], Any], details: Any, request: Any) -> Any:
        return proceed(
            _Details(
                details.method,
                details.timeout,
                [*(details.metadata or ()), self._header],
                details.credentials,
                details.wait_for_ready,
                details.compression,
            ),
            request,
        )

    intercept_unary_unary: Any = _call
    intercept_unary_stream: Any = _call
    intercept_stream_unary: Any = _call
    intercept_stream_stream: Any = _call


@contextmanager
def connect_with_token(address: str, token: str) -> Iterator[Api]:
    """Make the raw stubs for an address, whose calls have a token; none if it is empty."""
    with grpc.insecure_channel(address) as channel:
        yield Api(grpc.intercept_channel(channel, _WithToken(token)) if token else channel)


def create_token(api: Api, user_name: str, role: Any, **fields: Any) -> str:
    """Make a token and return it."""
    request = CreateTokenRequest(user_name=user_name, role=role, **fields)
    return api.access.CreateToken(request).secret


def begin_session(http: str, token: str) -> str:
    """Sign in to the interface by a token, and return the header `Cookie` of the session."""
    answer = requests.post(f"{http}/sign-in/token", json={"token": token}, timeout=30)
    answer.raise_for_status()
    return f"runstream_session={answer.cookies['runstream_session']}"


def bearer(token: str) -> dict[str, str]:
    """Return the header of a request of HTTP that has a token."""
    return {"Authorization": f"Bearer {token}"}


class GuardedServer(NamedTuple):
    """A server, and what its users call it with.

    Attributes:
        server: the server.
        tokens: the token of each of `ROLES`.
        apis: raw stubs of each, and of `nobody`, who has no token.
    """

    server: ServerProcess
    tokens: Mapping[str, str]
    apis: Mapping[str, Api]

    def headers(self, name: str) -> dict[str, str]:
        """Return the headers of a request of HTTP of somebody."""
        return bearer(self.tokens[name]) if name in self.tokens else {}

    def grant(self, experiment_id: str, name: str, role: GrantRole.ValueType) -> None:
        """Give somebody a role on an experiment."""
        grantee = f"user:{name}"
        request = SetGrantRequest(experiment_id=experiment_id, grantee=grantee, role=role)
        self.apis["root"].access.SetGrant(request)


def create_tokens(address: str) -> dict[str, str]:
    """Make a token for each of `ROLES` on a server that has none."""
    with connect_with_token(address, "") as anyone:
        tokens = {"root": create_token(anyone, "root", ROLES["root"])}
    with connect_with_token(address, tokens["root"]) as root:
        others = {name: create_token(root, name, ROLES[name]) for name in ("ada", "bob", "eve")}
    return tokens | others
