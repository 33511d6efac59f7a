"""Finds out who sends a request, before any route sees it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runstream.errors import RunstreamError
from runstream_service.access.authentication import Authentication
from runstream_service.access.caller import Caller
from runstream_service.access.limits import UNLIMITED, CallerLimits, CallerUse
from runstream_service.http.connection import COMMON_NAME
from runstream_service.http.errors import add_retry_after, error_parts, error_response

# Where a request has its caller.
_CALLER = "runstream.caller"

#: Paths that are answered to everybody, beside those of the files that the interface is made of,
#: which hold no data.
OPEN_PATHS = frozenset(
    {
        "/",
        "/health",
        "/ready",
        "/sign-in",
        "/sign-in/callback",
        "/sign-in/start",
        "/sign-in/token",
        "/sign-out",
    }
)
_ASSET = re.compile(r"/assets/[\w.-]+", re.ASCII)


class Authenticate:
    """Middleware that lets only requests of known callers reach the routes."""

    def __init__(self, app: ASGIApp, authentication: Authentication, limits: CallerLimits) -> None:
        self._app = app
        self._authentication, self._limits = authentication, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it with 401; with 429 if its caller is over a limit."""
        app = self._app
        if scope["type"] == "http" and not _is_open(scope["path"]):
            try:
                caller = scope[_CALLER] = await self._authentication.authenticate(
                    Headers(scope=scope).items(),
                    peer(scope.get("client")),
                    scope.get(COMMON_NAME),
                )
                use = self._limits.admit(caller)
            except RunstreamError as error:
                app = _refusal(scope, error)
            else:
                if use is not UNLIMITED:
                    receive = _receive_counted(receive, use)
                with use:
                    await self._answer(caller, scope, receive, send)
                return
        await app(scope, receive, send)

    async def _answer(self, caller: Caller, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request until what its caller called with is not valid any more."""
        if not caller.token_id and caller.expiry_time is None:
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def send_noting(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        with self._authentication.ends.of(caller) as end:
            try:
                await self._app(scope, receive, send_noting)
            except asyncio.CancelledError:
                if end.error is None:
                    raise
        if end.error is not None and not has_begun:
            await _refusal(scope, end.error)(scope, receive, send)
        # An answer that has begun stays incomplete, and the server closes its connection.


def _is_open(path: str) -> bool:
    return path in OPEN_PATHS or _ASSET.fullmatch(path) is not None


def _receive_counted(receive: Receive, use: CallerUse) -> Receive:
    """Return a function that receives as fast as the limit of the caller allows."""

    async def receive_counted() -> Message:
        message = await receive()
        if body := message.get("body"):
            use.add_bytes(len(body))
            if (seconds := use.pause()) > 0:  # flow control makes the caller wait
                await asyncio.sleep(seconds)
        return message

    return receive_counted


def _refusal(scope: Scope, error: RunstreamError) -> Response:
    """Return the answer to a caller who is not let in."""
    response = error_response(scope, error_parts(error))
    if response.status_code == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = 'Bearer realm="runstream"'
    add_retry_after(response, error)
    return response


def caller_of(request: Request) -> Caller:
    """Return who sends a request; raises KeyError at a path that is open to everybody."""
    caller: Caller = request.scope[_CALLER]
    return caller


def known_caller(scope: Scope) -> Caller | None:
    """Return who sends a request; None if nobody asked, or they did not say."""
    caller: Caller | None = scope.get(_CALLER)
    return caller


def name_caller(scope: Scope, caller: Caller) -> None:
    """Say who has sent a request, at a path that is open to everybody."""
    scope[_CALLER] = caller


def peer(client: Sequence[Any] | None) -> str:
    """Return the address of a client, in the form that gRPC has for it."""
    if client is None:
        return "unknown"
    host, port = client
    return f"ipv6:[{host}]:{port}" if ":" in host else f"ipv4:{host}:{port}"
