"""Records requests that change something, and those that are refused, in the audit log."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runstream_service.access.audit import AuditLog, is_recorded, printable, subject_of
from runstream_service.access.caller import Caller
from runstream_service.http.authenticate import known_caller, name_caller, peer
from runstream_service.http.errors import ERROR_CODE

# Where a request has the name of its RPC and what it is about.
_RPC = "runstream.rpc"

# Where a request has what parts of it were about that were refused, and the codes of their errors.
_REFUSED = "runstream.refused"

_READ_VERBS = frozenset({"GET", "HEAD", "OPTIONS"})
_REFUSALS = {401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED"}


class Audit:
    """Middleware that records requests when they have ended."""

    def __init__(self, app: ASGIApp, audit: AuditLog) -> None:
        self._app, self._audit = app, audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, and record it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500

        async def send_noting(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, receive, send_noting)
        finally:
            self._record(scope, status)

    def _record(self, scope: Scope, status: int) -> None:
        code = _REFUSALS.get(status) or (
            "OK" if status < 400 else scope.get(ERROR_CODE, f"HTTP {status}")
        )
        method, subject = scope.get(_RPC, ("", ""))
        if status == HTTPStatus.NOT_FOUND and "endpoint" not in scope:
            return  # there is no such route, so nothing was attempted
        is_read = not method and scope["method"] in _READ_VERBS and status not in _REFUSALS
        if is_read or not is_recorded(method, code):
            return
        method = method or printable(f"{scope['method']} {scope['path']}")
        caller, address = known_caller(scope), peer(scope.get("client"))
        refused = scope.get(_REFUSED, ())
        for part, error in refused:
            self._audit.record(caller, address, method, part, error)
        if subject or not refused:
            self._audit.record(caller, address, method, subject, code)


def name_rpc(scope: Scope, method: str, request: Any) -> None:
    """Say of which RPC a request is, and what it is about."""
    scope[_RPC] = method, subject_of(request)


def name_subject(scope: Scope, subject: str) -> None:
    """Say what a request is about that is of an RPC, and whose parts say it one by one."""
    method, _ = scope.get(_RPC, ("", ""))
    scope[_RPC] = method, subject


def name_refused(scope: Scope, subject: str, code: str) -> None:
    """Say what a part of a request was about that was refused, and the code of its error."""
    scope.setdefault(_REFUSED, []).append((subject, code))


def name_sign_in(scope: Scope, caller: Caller) -> None:
    """Say that a request has signed somebody in, at a path that is open to everybody."""
    name_caller(scope, caller)
    scope[_RPC] = f"{scope['method']} {scope['path']}", ""
