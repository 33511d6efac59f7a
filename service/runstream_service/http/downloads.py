"""Downloads of artifacts: a file, whole or in part, with its own type, and a folder as one zip.

MLflow's artifact proxy has other paths and types (W5); here the query names a run and a path.
"""

from __future__ import annotations

import time
import zipfile
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from runstream.errors import InvalidArgument, NotFound
from runstream.v1.artifact_pb2 import FileInfo
from runstream.v1.artifact_service_pb2 import ListArtifactsRequest
from runstream_service.http.disconnect import iterate_in_task
from runstream_service.http.file_response import SCRIPT_POLICY, file_response
from runstream_service.http.http_context import HttpContext
from runstream_service.rpc.artifact_servicer import ArtifactServicer
from runstream_service.rpc.call_context import CallContext

_PAGE_FILES = 1_000


class Downloads:
    """Sends files and folders of runs."""

    def __init__(self, artifacts: ArtifactServicer) -> None:
        self._artifacts = artifacts

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
        return await file_response(request, self._artifacts, run_id, path, SCRIPT_POLICY)

    async def zip(self, request: Request) -> Response:
        """Send a folder, or all that a run has, as a zip that is made while it is sent."""
        run_id, path = _named(request)
        context = HttpContext(request)
        listing = ListArtifactsRequest(run_id=run_id, path=path, recursive=True, max_results=1)
        page = await self._artifacts.ListArtifacts(listing, context)
        if path and not page.files:
            raise NotFound(
                f"No artifact with path: {path}",
                reason="ARTIFACT_NOT_FOUND",
                field="path",
                value=path,
            )
        name = quote(f"{path.rpartition('/')[2] or run_id}.zip")
        chunks = iterate_in_task(self._members(run_id, path, context))
        first = await anext(chunks)  # before the answer begins, so that its error is the answer
        return StreamingResponse(
            _prepend(first, chunks),
            media_type="application/zip",
            headers={"content-disposition": f"attachment; filename*=UTF-8''{name}"},
        )

    async def _members(self, run_id: str, folder: str, context: CallContext) -> Any:
        """Yield the bytes of the zip; its files are not compressed again.

        Each file has the content that it has when its turn comes.
        """
        out = _ZipOutput()
        with zipfile.ZipFile(out, "w") as archive:  # type: ignore[call-overload]
            async for path in self._paths(run_id, folder, context):
                try:
                    opened = await self._artifacts.open_file(run_id, path, _whole, context)
                except NotFound as error:
                    if error.reason != "ARTIFACT_NOT_FOUND":
                        raise
                    continue  # it was deleted since it was listed
                member = _member(opened.file, folder)
                with archive.open(member, "w", force_zip64=True) as file:
                    async with aclosing(opened.chunks) as chunks:
                        async for chunk in chunks:
                            file.write(chunk)
                            yield out.take()
                yield out.take()
        yield out.take()

    async def _paths(self, run_id: str, folder: str, context: CallContext) -> AsyncIterator[str]:
        """Yield the paths of all files below a folder."""
        listing = ListArtifactsRequest(
            run_id=run_id, path=folder, recursive=True, max_results=_PAGE_FILES
        )
        while True:
            page = await self._artifacts.ListArtifacts(listing, context)
            for file in page.files:
                yield file.path
            listing.page_token = page.next_page_token
            if not listing.page_token:
                return


class _ZipOutput:
    """A file object for `zipfile` that cannot seek and is emptied after each chunk."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def flush(self) -> None:
        """Do nothing: `take` returns what is written at any time."""

    def take(self) -> bytes:
        """Return what was written since the last call."""
        written, self._written = bytes(self._written), bytearray()
        return written


async def _prepend(
    first: bytes | None, chunks: AsyncGenerator[bytes | None, None]
) -> AsyncIterator[bytes]:
    async with aclosing(chunks):
        yield first or b""
        async for chunk in chunks:
            yield chunk or b""


def _named(request: Request) -> tuple[str, str]:
    run_id = request.query_params.get("run_id", "")
    path = request.query_params.get("path", "")
    if not run_id:
        raise InvalidArgument(
            "Missing value for required parameter 'run_id'", reason="FIELD_MISSING", field="run_id"
        )
    return run_id, path


def _whole(file: FileInfo) -> tuple[int, int]:
    return 0, file.file_size


def _member(entry: FileInfo, folder: str) -> zipfile.ZipInfo:
    within = folder if entry.path != folder else folder.rpartition("/")[0]
    name = entry.path[len(within) :].lstrip("/")
    member = zipfile.ZipInfo(name, time.gmtime(entry.upload_time / 1000)[:6])
    member.file_size = entry.file_size
    return member
