"""Finds out who sends a request, before any route sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from runstream.errors import RunstreamError
from runstream_service.access.authentication import Authentication
from runstream_service.access.caller import Caller
from runstream_service.http.errors import error_parts, error_response

# Where a request has its caller.
_CALLER = "runstream.caller"

# Paths that are answered to everybody.
_OPEN_PATHS = frozenset({"/health", "/ready"})


class Authenticate:
    """Middleware that lets only requests of known callers reach the routes."""

    def __init__(self, app: ASGIApp, authentication: Authentication) -> None:
        self._app = app
        self._authentication = authentication

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it with 401."""
        app = self._app
        if scope["type"] == "http" and scope["path"] not in _OPEN_PATHS:
            try:
                scope[_CALLER] = await self._authentication.authenticate(
                    Headers(scope=scope), peer(scope.get("client"))
                )
            except RunstreamError as error:
                app = error_response(scope, *error_parts(error))
        await app(scope, receive, send)


def caller_of(request: Request) -> Caller:
    """Return who sends a request; raises KeyError at a path that is open to everybody."""
    caller: Caller = request.scope[_CALLER]
    return caller


def peer(client: Sequence[Any] | None) -> str:
    """Return the address of a client, in the form that gRPC has for it."""
    if client is None:
        return "unknown"
    host, port = client
    return f"ipv6:[{host}]:{port}" if ":" in host else f"ipv4:{host}:{port}"
