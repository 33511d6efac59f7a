"""The web interface at `/`: files that are built from `web/` and lie in this package."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from runstream_service import built_interface
from runstream_service.http.static_files import StaticFile, load_files, static_response

#: Nothing is loaded from elsewhere, and only our own scripts run, never text that a run stored.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self'; frame-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors"
)
_HEADERS = {
    "content-security-policy": f"{POLICY} 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_NOT_BUILT = (
    "The web interface is not built: run `make web` in the sources of Runstream, install from them "
    "again, and start the server again.\n"
)


def interface_routes(frame_ancestors: Sequence[str]) -> Iterator[Route]:
    """Yield the routes: the page, and what it loads.

    Args:
        frame_ancestors: the origins whose pages may show the page in a frame.
    """
    policy = f"{POLICY} {' '.join(frame_ancestors)}" if frame_ancestors else f"{POLICY} 'none'"
    headers = _HEADERS | {"content-security-policy": policy, "cache-control": "no-cache"}

    async def page(request: Request) -> Response:
        if "index.html" not in _files():
            return PlainTextResponse(_NOT_BUILT, status_code=503)
        return static_response(_files(), "index.html", request, headers)

    yield Route("/", page)
    yield Route("/assets/{name}", _asset)


async def _asset(request: Request) -> Response:
    # The name of a file changes with its content.
    headers = _HEADERS | {"cache-control": "public, max-age=31536000, immutable"}
    return static_response(_files(), request.path_params["name"], request, headers)


@cache
def _files() -> dict[str, StaticFile]:
    """Return the page and what it loads; there are few files, and they are small."""
    folder = built_interface.FOLDER
    paths = (folder / "index.html", *folder.glob("assets/*"))
    return load_files(path for path in paths if path.is_file())
