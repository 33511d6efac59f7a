"""Files of this installation that browsers load: held in memory, each compressed at its first use.

A browser that has a file already names it by its tag, and is only told that it is still good.

docs/decisions/0035-zip-and-static-files.md says why they are not left to Starlette.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

_GZIP = re.compile(r"(^|[,\s])gzip\b")
_NO_GZIP = re.compile(r"(^|[,\s])gzip\s*;\s*q=0(\.0*)?\s*(,|$)")


@dataclass(frozen=True)
class StaticFile:
    """A file as it is; the tag is that of its content."""

    content: bytes
    media_type: str
    tag: str

    @cached_property
    def compressed(self) -> bytes:
        """The content, compressed by gzip."""
        return gzip.compress(self.content, mtime=0)


def load_files(paths: Iterable[Path]) -> dict[str, StaticFile]:
    """Return files by name."""
    return {path.name: _load(path) for path in paths}


def make_file(content: bytes, media_type: str) -> StaticFile:
    """Return what a browser loads as a file."""
    digest = hashlib.sha256(content).hexdigest()[:32]
    return StaticFile(content, media_type, f'"{digest}"')


def static_response(
    files: Mapping[str, StaticFile], name: str, request: Request, headers: Mapping[str, str]
) -> Response:
    """Answer with a file, compressed if the browser understands that, or that it has it already.

    Raises:
        HTTPException: with status 404, if there is no such file.
    """
    file = files.get(name)
    if file is None:
        raise HTTPException(404)
    # A weak tag is that of the content, whether it is compressed or not (RFC 9110, 8.8.3).
    more = {"etag": f"W/{file.tag}", "vary": "accept-encoding"}
    if file.tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers={**headers, **more})
    content = file.content
    if _takes_gzip(request.headers.get("accept-encoding", "")):
        content, more["content-encoding"] = file.compressed, "gzip"
    return Response(content, media_type=file.media_type, headers={**headers, **more})


def _takes_gzip(accepted: str) -> bool:
    """Return whether an `Accept-Encoding` has gzip, and not with a weight of zero."""
    return bool(_GZIP.search(accepted)) and not _NO_GZIP.search(accepted)


def _load(path: Path) -> StaticFile:
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return make_file(path.read_bytes(), media_type)
