"""Keeps pages of other sites from reading and writing through the browser of a user.

A browser sends what any page tells it to send, and a session goes with it by its cookie; a server
without tokens asks nobody who they are. A browser says where a request goes, though, by `Host`, and
where it comes from: by `Sec-Fetch-Site` (W3C, Fetch Metadata) where the server is local or behind
TLS, and by `Origin` elsewhere. Other programs say neither of the latter two.
docs/decisions/0028-names-of-the-server.md
"""

from __future__ import annotations

import logging
from collections.abc import MutableMapping, Sequence
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runstream.errors import PermissionDenied, shorten
from runstream_service.http.errors import error_parts, error_response
from runstream_service.http.forwarded import forwarded_hosts
from runstream_service.http.hosts import Hosts

log = logging.getLogger(__name__)

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

# Other names are refused without a line in the log, which anybody could fill.
_MAX_LOGGED_NAMES = 20

# Headers that every answer gets, unless it has a header of that name.
_HEADERS = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class Guard:
    """Middleware that refuses requests of pages of other sites."""

    def __init__(self, app: ASGIApp, hosts: Hosts) -> None:
        self._app = app
        self._hosts = hosts
        self._logged: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it with 403."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(message)
            await send(message)

        rejection = self._rejection(scope)
        app = self._app
        if rejection:
            app = error_response(scope, error_parts(rejection))
        await app(scope, receive, send_with_headers)

    def _rejection(self, scope: Scope) -> PermissionDenied | None:
        """Return why a request is refused; None if it is not."""
        headers = Headers(scope=scope)
        # Other programs than browsers may send no `Host`. A proxy may have put its own in place of
        # the browser's; one that is trusted says which that was. Both have to be known, because
        # some pass on an `X-Forwarded-Host` that a page made up.
        hosts = [*headers.getlist("host"), *forwarded_hosts(scope)]
        for host in hosts:
            if not self._hosts.is_known(host):
                return self._reject_host(shorten(host), scope)
        if scope["method"] in _SAFE_METHODS or self._is_same_site(headers, hosts):
            return None
        origin = headers.get("origin")
        name = (origin or "").rpartition("//")[2] or "NAME"
        return PermissionDenied(
            "A page of another site must not write here; open the interface of this server. If "
            f"this is its interface behind a proxy, start it with --allowed-hosts {shorten(name)}",
            reason="ORIGIN_FOREIGN",
            field="Origin",
            value=origin or "",
        )

    def _reject_host(self, host: str, scope: Scope) -> PermissionDenied:
        rejection = (
            f"This server is not known as {host!r}. If that is a name of it, start it with "
            f"--allowed-hosts {host} or the environment variable RUNSTREAM_ALLOWED_HOSTS={host}"
        )
        if host not in self._logged and len(self._logged) < _MAX_LOGGED_NAMES:
            self._logged.add(host)
            client = scope["client"][0] if scope.get("client") else "an unknown address"
            log.warning("a request is refused: %s (from %s)", rejection, client)
        return PermissionDenied(rejection, reason="HOST_UNKNOWN", field="Host", value=host)

    def _is_same_site(self, headers: Headers, hosts: Sequence[str]) -> bool:
        site = headers.get("sec-fetch-site")
        if site is not None:
            return site in ("same-origin", "none")
        origin = headers.get("origin")
        if origin is None:
            return True
        name = origin.rpartition("//")[2]
        # A proxy that is not trusted may have put another `Host` in place of the browser's.
        return name in hosts or self._hosts.is_allowed(name)


def _add_headers(message: MutableMapping[str, Any]) -> None:
    headers = MutableHeaders(scope=message)
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)
