"""What proxies say of the requests that they pass on, if they are trusted.

uvicorn takes the address of the client from `X-Forwarded-For`, and the scheme from
`X-Forwarded-Proto`. The name that the client has asked for, `X-Forwarded-Host`, is noted for
`Guard`. `Forwarded` (RFC 7239) is not read: few proxies write it, and the others pass on what a
client sent.
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

# Where a request has its names.
_HOSTS = "runstream.forwarded_hosts"


def forwarded_hosts(scope: Scope) -> list[str]:
    """Return the names by which clients of trusted proxies have asked for the server."""
    hosts: list[str] = scope.get(_HOSTS, [])
    return hosts


class Forwarded(ProxyHeadersMiddleware):
    """Believes the headers of the proxies that it is given, and nobody else's."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # type: ignore[override]
        """Answer a request."""
        client = scope.get("client")
        if client and client[0] in self.trusted_hosts:
            values = Headers(scope=scope).getlist("x-forwarded-host")
            scope[_HOSTS] = [host.strip() for value in values for host in value.split(",")]
        await super().__call__(scope, receive, send)  # type: ignore[arg-type]
