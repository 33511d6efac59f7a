"""Artifacts over HTTP: MLflow's artifact proxy, and `/get-artifact` (W5, R6).

The proxy has a path for each run, `EXPERIMENT_ID/RUN_ID/artifacts`, and one for each logged model,
`EXPERIMENT_ID/models/MODEL_ID/artifacts`, and below it the files. Other paths are files of no run.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import orjson
from starlette.requests import Request
from starlette.responses import Response

from runstream.errors import InvalidArgument, NotFound
from runstream.rules import check_artifact_path
from runstream_service.catalog import artifacts
from runstream_service.engine.readers import Readers
from runstream_service.files.artifact_store import ArtifactStore
from runstream_service.http.bodies import body_chunks
from runstream_service.http.file_response import STATIC_POLICY, file_response
from runstream_service.http.mlflow import check_unquoted_path
from runstream_service.http.mlflow_attachments import attachment, content_type

# A run's, or a logged model's.
_RUN_PATH = re.compile(
    r"(?:.+/)?(?P<run>[0-9a-f]{32}|models/m-[0-9a-f]{32})/artifacts(?:/(?P<path>.*))?", re.DOTALL
)
_PAGE_FILES = 10_000

#: Files and folders of one list: MLflow's answer has no pages.
MAX_LISTED_FILES = 100_000


class Place(NamedTuple):
    """What a path of the proxy names; an empty path is all that the run has."""

    run_id: str
    path: str


class ArtifactProxy:
    """Uploads, downloads, deletes and lists by paths of the proxy."""

    def __init__(self, readers: Readers, blobs: ArtifactStore) -> None:
        self._readers = readers
        self._blobs = blobs

    async def upload(self, request: Request) -> Response:
        """Store the body as a file."""
        place = await self._place(request.path_params["path"])
        await self._blobs.upload(*place, body_chunks(request), lambda: "")
        return Response(b"{}", media_type="application/json")

    async def download(self, request: Request) -> Response:
        """Send a file."""
        path = request.path_params["path"]
        place = await self._place(path)
        try:
            return await self._file(request, *place)
        except NotFound:
            await self._reject_folder(place, path)
            raise

    async def delete(self, request: Request) -> Response:
        """Delete a file, or a folder with all that is below it."""
        await self._blobs.delete(*await self._place(request.path_params["path"]))
        return Response(b"{}", media_type="application/json")

    async def list(self, request: Request) -> Response:
        """List a folder; names are relative to it.

        One that is not there is empty, and so is a file: that tells MLflow's clients what it is.
        """
        folder = request.query_params.get("path", "").strip("/")
        try:
            place = await self._place(folder) if folder else None
        except NotFound:
            place = None
        if place is None:
            return Response(b"{}", media_type="application/json")
        files = []
        start = ""
        while True:
            page = await self._readers.run(artifacts.list_folder, *place, False, start, _PAGE_FILES)
            entries = [entry for entry in page.entries if entry.path != place.path]
            files += [_file(entry, place.path) for entry in entries]
            start = page.next
            if not start:
                break
            if len(files) >= MAX_LISTED_FILES:
                raise InvalidArgument(
                    f"{folder} has more than {MAX_LISTED_FILES} files and folders, the limit of a "
                    "list of the artifact proxy: list it in pages, by mlflow/artifacts/list",
                    reason="FOLDER_TOO_LARGE",
                    field="path",
                    value=folder,
                    limit=MAX_LISTED_FILES,
                )
        content = orjson.dumps({"files": files} if files else {})
        return Response(content, media_type="application/json")

    async def get(self, request: Request) -> Response:
        """Send a file of a run that the query names, as MLflow's interface does."""
        query = request.query_params
        run_id = query.get("run_id") or query.get("run_uuid")
        for name, value in (("run_id", run_id), ("path", query.get("path"))):
            if not value:
                raise InvalidArgument(
                    f"Missing value for required parameter '{name}'",
                    reason="FIELD_MISSING",
                    field=name,
                )
        check_artifact_path("path", query["path"])
        check_unquoted_path(query["path"])
        return await self._file(request, str(run_id), query["path"])

    async def _place(self, path: str) -> Place:
        check_unquoted_path(path)
        found = _RUN_PATH.fullmatch(path)
        if found is None:
            check_artifact_path("path", path)
            return Place(artifacts.SHARED, path)
        place = Place(found["run"].removeprefix("models/"), found["path"] or "")
        if place.path:
            check_artifact_path("path", place.path)
        # The run says where its artifacts are: one of another path is not there.
        page = await self._readers.run(artifacts.list_folder, place.run_id, "", False, "", 0)
        root = page.root_uri.removeprefix("mlflow-artifacts:/").strip("/")
        if path != root and not path.startswith(f"{root}/"):
            raise _not_found(path)
        return place

    async def _reject_folder(self, place: Place, path: str) -> None:
        """Say of a folder that it is one; raises NotFound if there is nothing."""
        if place.path:
            await self._readers.run(artifacts.get, *place)
        raise InvalidArgument(
            f"Artifact path refers to a directory, not a file: '{path}'",
            reason="PATH_IS_FOLDER",
            field="path",
            value=path,
        )

    async def _file(self, request: Request, run_id: str, path: str) -> Response:
        headers = {"content-disposition": attachment(path), "content-type": content_type(path)}
        return await file_response(request, self._blobs, run_id, path, STATIC_POLICY, headers)


def _file(entry: artifacts.Entry, folder: str) -> dict[str, object]:
    path = entry.path[len(folder) :].lstrip("/")
    if entry.size is None:
        return {"path": path, "is_dir": True}
    return {"path": path, "is_dir": False, "file_size": entry.size}


def _not_found(path: str) -> NotFound:
    return NotFound(
        f"No artifact with path: {path}", reason="ARTIFACT_NOT_FOUND", field="path", value=path
    )
