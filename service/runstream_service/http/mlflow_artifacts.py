"""Artifacts over HTTP: MLflow's artifact proxy, and `/get-artifact` (W5, R6).

The proxy has a path for each run, `EXPERIMENT_ID/RUN_ID/artifacts`, and one for each logged model,
`EXPERIMENT_ID/models/MODEL_ID/artifacts`, and below it the files. Other paths are files of no run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runstream.errors import InvalidArgument, NotFound
from runstream.v1.artifact_pb2 import FileInfo
from runstream.v1.artifact_service_pb2 import (
    DeleteArtifactsRequest,
    GetArtifactRequest,
    ListArtifactsRequest,
)
from runstream_service.http import mlflow
from runstream_service.http.bodies import announced_size, body_chunks
from runstream_service.http.file_response import STATIC_POLICY, file_response
from runstream_service.http.http_context import HttpContext
from runstream_service.http.mlflow_attachments import attachment, content_type
from runstream_service.rpc.artifact_servicer import PAGE_FILES, SHARED, ArtifactServicer

# A path of the proxy that belongs to a run or to a logged model.
_RUN_PATH = re.compile(
    r"(?:.+/)?(?P<run>[0-9a-f]{32}|models/m-[0-9a-f]{32})/artifacts(?:/(?P<path>.*))?", re.DOTALL
)

#: Files and folders of one list: MLflow's answer has no pages.
MAX_LISTED_FILES = 100_000


class Place(NamedTuple):
    """A place that a path of the proxy names; an empty path is the folder of all files."""

    run_id: str
    path: str


class ArtifactProxy:
    """Uploads, downloads, deletes and lists by paths of the proxy."""

    def __init__(self, artifacts: ArtifactServicer) -> None:
        self._artifacts = artifacts

    def routes(self) -> Iterator[Route]:
        """Yield the routes: `/get-artifact`, and those of the proxy under both prefixes (W4)."""
        yield Route("/get-artifact", self.get)
        for prefix in (mlflow.API_PREFIX, mlflow.AJAX_PREFIX):
            path = f"{prefix}2.0/mlflow-artifacts/artifacts"
            yield Route(path, self.list)
            yield Route(path + "/{path:path}", self.download)
            yield Route(path + "/{path:path}", self.upload, methods=["PUT"])
            yield Route(path + "/{path:path}", self.delete, methods=["DELETE"])

    async def upload(self, request: Request) -> Response:
        """Store the body as a file."""
        place = await self._place(request, request.path_params["path"])
        chunks, size = body_chunks(request), announced_size(request)
        await self._artifacts.store_file(*place, chunks, HttpContext(request), size)
        return Response(b"{}", media_type="application/json")

    async def download(self, request: Request) -> Response:
        """Send a file."""
        path = request.path_params["path"]
        place = await self._place(request, path)
        if place.path:
            try:
                return await self._send(request, *place)
            except NotFound:  # GetArtifact raises it again if there is no folder either
                named = GetArtifactRequest(run_id=place.run_id, path=place.path)
                await self._artifacts.GetArtifact(named, HttpContext(request))
        raise InvalidArgument(
            f"Artifact path refers to a directory, not a file: '{path}'",
            reason="PATH_IS_FOLDER",
            field="path",
            value=path,
        )

    async def delete(self, request: Request) -> Response:
        """Delete a file, or a folder with all that is below it; that there is none is no error."""
        place = await self._place(request, request.path_params["path"])
        try:
            await self._artifacts.DeleteArtifacts(
                DeleteArtifactsRequest(run_id=place.run_id, path=place.path), HttpContext(request)
            )
        except NotFound as error:
            if error.reason != "ARTIFACT_NOT_FOUND":
                raise
        return Response(b"{}", media_type="application/json")

    async def list(self, request: Request) -> Response:
        """List a folder; names are relative to it.

        A folder that is not there is empty, and so is a file: that tells MLflow's clients what the
        path is.
        """
        folder = request.query_params.get("path", "").strip("/")
        try:
            place = await self._place(request, folder) if folder else None
        except NotFound:
            place = None
        if place is None:
            return Response(b"{}", media_type="application/json")
        files = []
        listing = ListArtifactsRequest(run_id=place.run_id, path=place.path, max_results=PAGE_FILES)
        while True:
            page = await self._artifacts.ListArtifacts(listing, HttpContext(request))
            entries = [entry for entry in page.files if entry.path != place.path]
            files += [_json_entry(entry, place.path) for entry in entries]
            listing.page_token = page.next_page_token
            if not listing.page_token:
                break
            if len(files) >= MAX_LISTED_FILES:
                raise _folder_too_large_error(folder)
        content = orjson.dumps({"files": files} if files else {})
        return Response(content, media_type="application/json")

    async def get(self, request: Request) -> Response:
        """Send a file of a run that the query names, as MLflow's interface requests it."""
        query = request.query_params
        run_id = query.get("run_id") or query.get("run_uuid")
        for name, value in (("run_id", run_id), ("path", query.get("path"))):
            if not value:
                raise InvalidArgument(
                    f"Missing value for required parameter '{name}'",
                    reason="FIELD_MISSING",
                    field=name,
                )
        mlflow.check_unquoted_path(query["path"])
        return await self._send(request, str(run_id), query["path"])

    async def _place(self, request: Request, path: str) -> Place:
        """Return what a path of the proxy names, if that is under the proxy."""
        mlflow.check_unquoted_path(path)
        found = _RUN_PATH.fullmatch(path)
        if found is None:
            return Place(SHARED, path)
        place = Place(found["run"].removeprefix("models/"), found["path"] or "")
        # The run says where its artifacts are: a path elsewhere names nothing.
        page = await self._artifacts.ListArtifacts(
            ListArtifactsRequest(run_id=place.run_id, max_results=1), HttpContext(request)
        )
        root = page.root_uri.removeprefix("mlflow-artifacts:/").strip("/")
        if path != root and not path.startswith(f"{root}/"):
            raise _not_found_error(path)
        return place

    async def _send(self, request: Request, run_id: str, path: str) -> Response:
        headers = {"content-disposition": attachment(path), "content-type": content_type(path)}
        return await file_response(request, self._artifacts, run_id, path, STATIC_POLICY, headers)


def _json_entry(entry: FileInfo, folder: str) -> dict[str, object]:
    """Return an entry of a list as MLflow has it."""
    path = entry.path[len(folder) :].lstrip("/")
    if entry.is_dir:
        return {"path": path, "is_dir": True}
    return {"path": path, "is_dir": False, "file_size": entry.file_size}


def _folder_too_large_error(folder: str) -> InvalidArgument:
    return InvalidArgument(
        f"{folder} has more than {MAX_LISTED_FILES} files and folders, the limit of a list "
        "of the artifact proxy: list it in pages, by mlflow/artifacts/list",
        reason="FOLDER_TOO_LARGE",
        field="path",
        value=folder,
        limit=MAX_LISTED_FILES,
    )


def _not_found_error(path: str) -> NotFound:
    return NotFound(
        f"No artifact with path: {path}", reason="ARTIFACT_NOT_FOUND", field="path", value=path
    )
