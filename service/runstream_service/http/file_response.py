"""The answer that sends a stored file: its type, its ranges, and what a browser lets it do."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from runstream.v1.artifact_pb2 import FileInfo
from runstream_service.http.disconnect import iterate_in_task
from runstream_service.http.http_context import HttpContext
from runstream_service.rpc.artifact_servicer import ArtifactServicer

#: The policy for a stored page that may load nothing and run nothing.
STATIC_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline' data:; img-src data:; font-src data:; "
    "media-src data:; frame-ancestors 'self'"
)
#: The policy for a stored page that may also run its own scripts, in an origin of its own: a chart.
SCRIPT_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' data:; "
    "style-src 'unsafe-inline' data:; img-src data: blob:; font-src data:; media-src data: blob:; "
    "frame-ancestors 'self'"
)

_RANGE = re.compile(r"bytes=(?=[0-9]|-[0-9])([0-9]*)-([0-9]*)")


def media_type(path: str) -> str:
    """Return the type of a file by the end of its name."""
    # `guess_type` takes a URL, and a path may look like one of another kind, such as `data:a/b`.
    suffix = path.rpartition("/")[2].rpartition(".")[2]
    return mimetypes.guess_type(f"file.{suffix}")[0] or "application/octet-stream"


async def file_response(
    request: Request,
    artifacts: ArtifactServicer,
    run_id: str,
    path: str,
    policy: str,
    headers: dict[str, str] | None = None,
) -> Response:
    """Answer with a file, or with the part of it that a `Range` header names (RFC 9110, 14).

    Args:
        request: what is answered.
        artifacts: the servicer of artifacts.
        run_id: the run or model that has the file.
        path: path of the file.
        policy: the Content-Security-Policy under which a browser shows the content.
        headers: headers that replace those of other files.

    Raises:
        NotFound, PermissionDenied, FailedPrecondition, Unavailable: as
            `ArtifactServicer.open_file`.
    """
    chosen = _Range(200, 0, 0)

    def choose_range(file: FileInfo) -> tuple[int, int]:
        nonlocal chosen
        chosen = _requested_range(request, file)
        return chosen.start, chosen.start if request.method == "HEAD" else chosen.end

    content = await artifacts.open_file(run_id, path, choose_range, HttpContext(request))
    all_headers = {**_headers(path, content.file, policy), **_range_headers(content.file, chosen)}
    all_headers |= headers or {}
    return StreamingResponse(_stream_chunks(content.chunks), chosen.status, headers=all_headers)


class _Range(NamedTuple):
    """The status of an answer, and start and end of the bytes that it has."""

    status: int
    start: int
    end: int


def _headers(path: str, file: FileInfo, policy: str) -> dict[str, str]:
    return {
        "accept-ranges": "bytes",
        # Browsers ask again before they show it again, because the file may have another content.
        "cache-control": "no-cache",
        "content-security-policy": policy,
        "content-type": media_type(path),
        "cross-origin-resource-policy": "same-origin",
        "etag": _etag(file),
        "x-content-type-options": "nosniff",
    }


def _range_headers(file: FileInfo, chosen: _Range) -> dict[str, str]:
    if chosen.status == 304:
        return {}
    headers = {"content-length": str(chosen.end - chosen.start)}
    if chosen.status == 206:
        headers["content-range"] = f"bytes {chosen.start}-{chosen.end - 1}/{file.file_size}"
    elif chosen.status == 416:
        headers["content-range"] = f"bytes */{file.file_size}"
    return headers


def _requested_range(request: Request, file: FileInfo) -> _Range:
    size = file.file_size
    if_none_match = request.headers.get("if-none-match", "")
    if if_none_match == "*" or _etag(file) in [
        tag.strip().removeprefix("W/") for tag in if_none_match.split(",")
    ]:
        return _Range(304, 0, 0)
    # A header that is not one range of bytes is ignored, and so is a range of an older content.
    requested = _RANGE.fullmatch(request.headers.get("range", ""))
    if requested is None or request.headers.get("if-range", _etag(file)) != _etag(file):
        return _Range(200, 0, size)
    first, last = (_number(digits) for digits in requested.groups())
    if first is None:  # the last so many bytes
        start, end = max(0, size - (last or 0)), size
    else:
        start, end = first, size if last is None else min(size, last + 1)
    return _Range(206, start, end) if start < end else _Range(416, 0, 0)


def _number(digits: str) -> int | None:
    # Twenty digits are more than the size of any file, and Python refuses to read thousands.
    return int(digits.lstrip("0")[:20] or 0) if digits else None


def _etag(file: FileInfo) -> str:
    return f'"{file.sha256}"'


async def _stream_chunks(content: Any) -> AsyncIterator[bytes]:
    async with aclosing(iterate_in_task(content)) as chunks:
        async for chunk in chunks:
            yield chunk or b""
