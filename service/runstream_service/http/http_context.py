"""The context that servicers get with a call that came over HTTP."""

from __future__ import annotations

from starlette.requests import Request


class HttpContext:
    """A `CallContext` of a request."""

    def __init__(self, request: Request) -> None:
        self._client = request.client

    def peer(self) -> str:
        """Return the address of the caller, in the form that gRPC has for it."""
        if self._client is None:
            return "unknown"
        host, port = self._client
        return f"ipv6:[{host}]:{port}" if ":" in host else f"ipv4:{host}:{port}"

    def time_remaining(self) -> float | None:
        """Return None: a request of HTTP has no deadline."""
        return None
