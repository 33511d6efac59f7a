"""Keeps pages of other sites from writing through the browser of somebody who reaches the server.

The server has no passwords, and a browser sends what any page tells it to send. It says where a
request comes from, though: by `Sec-Fetch-Site` (W3C, Fetch Metadata) where the server is local or
behind TLS, and by `Origin` elsewhere. Other programs say neither, and are not concerned.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from runstream_service.http.errors import answer

_READING = frozenset({"GET", "HEAD", "OPTIONS"})


def refuse_other_sites(app: ASGIApp) -> ASGIApp:
    """Return the application, which then answers such requests with 403."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        writes = scope["type"] == "http" and scope["method"] not in _READING
        if writes and not _is_ours(Headers(scope=scope)):
            text = "a page of another site must not write here; open the interface of this server"
            await answer(403, "PERMISSION_DENIED", text)(scope, receive, send)
        else:
            await app(scope, receive, send)

    return guarded


def _is_ours(headers: Headers) -> bool:
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")
