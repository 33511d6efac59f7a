"""Artifacts for people: a file as what it is, whole or in part, and a folder as one zip.

The paths of the artifact proxy are MLflow's, and say neither (W5); here a run and a path are named.
"""

from __future__ import annotations

import mimetypes
import re
import time
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from runstream.errors import InvalidArgument, NotFound
from runstream.rules import check_artifact_path
from runstream_service.http.reading import read_apart
from runstream_service.storage.blobs import Blobs
from runstream_service.store import artifacts
from runstream_service.store.artifacts import Entry
from runstream_service.store.readers import Readers

#: What a page that a run stored may do where it is shown: run its own scripts, in an origin of
#: its own, and load nothing from anywhere.
SANDBOX = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' data:; "
    "style-src 'unsafe-inline' data:; img-src data: blob:; font-src data:; media-src data: blob:"
)

_RANGE = re.compile(r"bytes=(?=\d|-\d)(\d*)-(\d*)")
_PAGE_FILES = 1_000


class Downloads:
    """Sends files and folders of runs."""

    def __init__(self, readers: Readers, blobs: Blobs) -> None:
        self._readers = readers
        self._blobs = blobs

    def routes(self) -> Iterator[Route]:
        """Yield the two routes; their queries name `run_id` and `path`."""
        yield Route("/api/1.0/runstream/artifacts/file", self.file)
        yield Route("/api/1.0/runstream/artifacts/zip", self.zip)

    async def file(self, request: Request) -> Response:
        """Send a file, or the part that a `Range` header names."""
        run_id, path = _named(request)
        if not path:
            raise InvalidArgument(
                "Missing value for required parameter 'path'", reason="FIELD_MISSING", field="path"
            )
        entry, name = await self._readers.run(artifacts.content, run_id, path)
        size = entry.size or 0
        headers = {
            "accept-ranges": "bytes",
            "content-security-policy": SANDBOX,
            "etag": f'"{entry.sha256}"',
            "x-content-type-options": "nosniff",
        }
        # What is not one range of bytes is passed over, as if it was not there.
        asked = _RANGE.fullmatch(request.headers.get("range", ""))
        start, end = _part(asked, size) if asked else (0, size)
        if asked and start >= end:
            return Response(status_code=416, headers={"content-range": f"bytes */{size}"})
        if asked:
            headers["content-range"] = f"bytes {start}-{end - 1}/{size}"
        return StreamingResponse(
            self._content(name, start, end),
            status_code=206 if asked else 200,
            media_type=mimetypes.guess_type(path)[0] or "application/octet-stream",
            headers=headers | {"content-length": str(end - start)},
        )

    async def zip(self, request: Request) -> Response:
        """Send a folder, or all that a run has, as a zip that is made while it is sent."""
        run_id, path = _named(request)
        page = await self._readers.run(artifacts.list_folder, run_id, path, True, "", 1)
        if path and not page.entries:
            raise NotFound(
                f"No artifact with path: {path}",
                reason="ARTIFACT_NOT_FOUND",
                field="path",
                value=path,
            )
        name = quote(f"{path.rpartition('/')[2] or run_id}.zip")
        return StreamingResponse(
            self._zipped(run_id, path),
            media_type="application/zip",
            headers={"content-disposition": f"attachment; filename*=UTF-8''{name}"},
        )

    async def _zipped(self, run_id: str, path: str) -> AsyncIterator[bytes]:
        async with aclosing(read_apart(self._members(run_id, path))) as chunks:
            async for chunk in chunks:
                yield chunk or b""

    async def _members(self, run_id: str, folder: str) -> Any:
        """Yield the bytes of the zip; its files are not compressed again."""
        out = _Out()
        with zipfile.ZipFile(out, "w") as archive:  # type: ignore[call-overload]
            async for entry in self._files(run_id, folder):
                _, name = await self._readers.run(artifacts.content, run_id, entry.path)
                member = _member(entry, folder)
                with archive.open(member, "w", force_zip64=True) as file:
                    async with aclosing(self._blobs.read(name, 0, member.file_size)) as chunks:  # type: ignore[type-var]
                        async for chunk in chunks:
                            file.write(chunk)
                            yield out.taken()
                yield out.taken()
        yield out.taken()

    async def _files(self, run_id: str, folder: str) -> AsyncIterator[Entry]:
        start = ""
        while True:
            page = await self._readers.run(
                artifacts.list_folder, run_id, folder, True, start, _PAGE_FILES
            )
            for entry in page.entries:
                yield entry
            start = page.next
            if not start:
                return

    async def _content(self, name: str, start: int, end: int) -> AsyncIterator[bytes]:
        reading: Any = self._blobs.read(name, start, end)
        async with aclosing(read_apart(reading)) as chunks:
            async for chunk in chunks:
                yield chunk or b""


class _Out:
    """What `zipfile` writes to: it cannot be sought in, and is emptied after each write."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def flush(self) -> None:
        """Do nothing: there is nothing below it."""

    def taken(self) -> bytes:
        """Return what was written since the last call."""
        written, self._written = bytes(self._written), bytearray()
        return written


def _named(request: Request) -> tuple[str, str]:
    run_id = request.query_params.get("run_id", "")
    path = request.query_params.get("path", "")
    if not run_id:
        raise InvalidArgument(
            "Missing value for required parameter 'run_id'", reason="FIELD_MISSING", field="run_id"
        )
    if path:
        check_artifact_path("path", path)
    return run_id, path


def _part(asked: re.Match[str], size: int) -> tuple[int, int]:
    """Return start and end of a range of bytes (RFC 9110, 14.1.2)."""
    first, last = asked.groups()
    if not first:  # the last so many bytes
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1) if last else size


def _member(entry: Entry, folder: str) -> zipfile.ZipInfo:
    within = folder if entry.path != folder else folder.rpartition("/")[0]
    name = entry.path[len(within) :].lstrip("/")
    member = zipfile.ZipInfo(name, time.gmtime(entry.upload_time / 1000)[:6])
    member.file_size = entry.size or 0
    return member
