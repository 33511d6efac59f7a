"""The answer that sends a stored file: its type, its ranges, and what a browser lets it do."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from runstream.v1.artifact_pb2 import FileInfo
from runstream_service.http.disconnect import iterate_in_task
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
        policy: what the content may do where it is shown.
        headers: more headers of the answer, in place of those that are here.

    Raises:
        NotFound, FailedPrecondition, Unavailable: as `ArtifactServicer.open_file`.
    """
    entity_headers: dict[str, str] = {}
    status = 200

    def choose_range(file: FileInfo) -> tuple[int, int]:
        nonlocal status
        status, start, end = _requested_range(request, file)
        entity_headers["content-length"] = str(end - start)
        if status == 206:
            entity_headers["content-range"] = f"bytes {start}-{end - 1}/{file.file_size}"
        elif status == 416:
            entity_headers["content-range"] = f"bytes */{file.file_size}"
        return (start, start) if request.method == "HEAD" else (start, end)

    opened = await artifacts.open_file(run_id, path, choose_range)
    entity_headers |= {
        "accept-ranges": "bytes",
        # Browsers ask again before they show it again, because the file may have another content.
        "cache-control": "no-cache",
        "content-security-policy": policy,
        "content-type": media_type(path),
        "cross-origin-resource-policy": "same-origin",
        "etag": _etag(opened.file),
        "x-content-type-options": "nosniff",
    }
    if status == 304:
        del entity_headers["content-length"]
    return StreamingResponse(
        _stream_chunks(opened.chunks), status, headers=entity_headers | (headers or {})
    )


def _requested_range(request: Request, file: FileInfo) -> tuple[int, int, int]:
    """Return the status of the answer, and start and end of the bytes that it has."""
    size = file.file_size
    if_none_match = request.headers.get("if-none-match", "")
    if if_none_match == "*" or _etag(file) in [
        tag.strip().removeprefix("W/") for tag in if_none_match.split(",")
    ]:
        return 304, 0, 0
    # A header that is not one range of bytes is ignored, and so is a range of an older content.
    requested = _RANGE.fullmatch(request.headers.get("range", ""))
    if requested is None or request.headers.get("if-range", _etag(file)) != _etag(file):
        return 200, 0, size
    first, last = (_number(digits) for digits in requested.groups())
    if first is None:  # the last so many bytes
        start, end = max(0, size - (last or 0)), size
    else:
        start, end = first, size if last is None else min(size, last + 1)
    return (206, start, end) if start < end else (416, 0, 0)


def _number(digits: str) -> int | None:
    # Twenty digits are more than the size of any file, and Python refuses to read thousands.
    return int(digits.lstrip("0")[:20] or 0) if digits else None


def _etag(file: FileInfo) -> str:
    return f'"{file.sha256}"'


async def _stream_chunks(content: Any) -> AsyncIterator[bytes]:
    async with aclosing(iterate_in_task(content)) as chunks:
        async for chunk in chunks:
            yield chunk or b""
