"""The context that servicers get with a call that came over HTTP."""

from __future__ import annotations

from starlette.requests import Request

from runstream_service.access.caller import Caller
from runstream_service.http.audit import name_refused, name_subject
from runstream_service.http.authenticate import caller_of, peer


class HttpContext:
    """A `CallContext` of a request."""

    caller: Caller

    def __init__(self, request: Request) -> None:
        self._client, self._scope = request.client, request.scope
        self.caller = caller_of(request)

    def peer(self) -> str:
        """Return the address of the caller, in the form that gRPC has for it."""
        return peer(self._client)

    def time_remaining(self) -> float | None:
        """Return None: a request of HTTP has no deadline."""
        return None

    def name_subject(self, subject: str) -> None:
        """Say what the request is about, for the audit log."""
        name_subject(self._scope, subject)

    def name_refused(self, subject: str, code: str) -> None:
        """Say what a part of the request was about that was refused."""
        name_refused(self._scope, subject, code)
