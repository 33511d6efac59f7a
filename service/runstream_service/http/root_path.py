"""The path below which a proxy shows this server.

A proxy passes a request on with that path or without it; both are answered alike. Nothing that the
server answers needs to know the path, but for a sign-in: whatever refers to another page does so
relative to its own.
"""

from __future__ import annotations

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

# Where a request has the path.
_ROOT_PATH = "runstream.root_path"


def root_path(scope: Scope) -> str:
    """Return the path below which a proxy shows this server; empty if there is none."""
    return str(scope.get(_ROOT_PATH, ""))


class RootPath:
    """Takes the path away from the front of each request that has it."""

    def __init__(self, app: ASGIApp, path: str) -> None:
        """Prepare.

        Args:
            app: what answers.
            path: such as `/runstream`.
        """
        self._app = app
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        app = self._app
        scope[_ROOT_PATH] = self._path
        if scope["type"] == "http" and scope["path"] == self._path:
            # Relative addresses in a page hold only where its own address ends with a slash.
            query = scope["query_string"].decode("latin-1")
            folder = self._path.rpartition("/")[2] + "/"
            app = RedirectResponse(f"{folder}?{query}" if query else folder)
        elif scope["type"] == "http" and scope["path"].startswith(f"{self._path}/"):
            scope = {**scope, "path": scope["path"].removeprefix(self._path)}
        await app(scope, receive, send)
