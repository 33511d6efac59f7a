"""The web interface at `/`: files that are built from `web/` and lie in this package."""

from __future__ import annotations

import gzip
import mimetypes
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from runstream_service import built_interface

#: Nothing is loaded from elsewhere, and no script runs but ours: what runs stored is only text.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self'; frame-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": POLICY,
    "referrer-policy": "no-referrer",
    "vary": "accept-encoding",
    "x-content-type-options": "nosniff",
}
_NOT_BUILT = (
    "The web interface is not built: run `make web` in the sources of Runstream, install from them "
    "again, and start the server again.\n"
)


class File(NamedTuple):
    """A file of the interface, as it is and compressed."""

    content: bytes
    compressed: bytes
    media_type: str


def interface_routes() -> Iterator[Route]:
    """Yield the routes: the page, and what it loads."""
    yield Route("/", _page)
    yield Route("/assets/{name}", _asset)


async def _page(request: Request) -> Response:
    page = _files().get("index.html")
    if page is None:
        return PlainTextResponse(_NOT_BUILT, status_code=503)
    return _response(page, request, "no-cache")


async def _asset(request: Request) -> Response:
    file = _files().get(request.path_params["name"])
    if file is None:
        raise HTTPException(404)
    # The name of a file changes with its content.
    return _response(file, request, "public, max-age=31536000, immutable")


def _response(file: File, request: Request, cache_control: str) -> Response:
    headers = _HEADERS | {"cache-control": cache_control}
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["content-encoding"] = "gzip"
        return Response(file.compressed, media_type=file.media_type, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)


@cache
def _files() -> dict[str, File]:
    """Return the files by name; there are few, and they are small."""
    return {
        path.name: File(
            content := path.read_bytes(),
            gzip.compress(content, mtime=0),
            mimetypes.guess_type(path.name)[0] or "application/octet-stream",
        )
        for path in (
            built_interface.FOLDER / "index.html",
            *built_interface.FOLDER.glob("assets/*"),
        )
        if path.is_file()
    }
