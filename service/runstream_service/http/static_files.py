"""Files of this installation that browsers load: held in memory, each compressed once.

docs/decisions/0035-zip-and-static-files.md says why they are not left to Starlette.
"""

from __future__ import annotations

import gzip
import mimetypes
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response


class StaticFile(NamedTuple):
    """A file as it is, and compressed."""

    content: bytes
    compressed: bytes
    media_type: str


def load_files(paths: Iterable[Path]) -> dict[str, StaticFile]:
    """Return files by name."""
    return {path.name: _load(path) for path in paths}


def static_response(
    files: Mapping[str, StaticFile], name: str, request: Request, headers: Mapping[str, str]
) -> Response:
    """Answer with a file, compressed if the browser understands that.

    Raises:
        HTTPException: with status 404, if there is no such file.
    """
    file = files.get(name)
    if file is None:
        raise HTTPException(404)
    content, more = file.content, {"vary": "accept-encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        content, more["content-encoding"] = file.compressed, "gzip"
    return Response(content, media_type=file.media_type, headers={**headers, **more})


def _load(path: Path) -> StaticFile:
    content = path.read_bytes()
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return StaticFile(content, gzip.compress(content, mtime=0), media_type)
