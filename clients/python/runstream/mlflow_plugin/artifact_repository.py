"""MLflow's artifact repository over gRPC.

The artifacts of a run or a logged model that the server keeps have a URI of the form
`runstream-artifacts:/EXPERIMENT_ID/RUN_ID/artifacts`. It names no server: they are where the run
is, under the tracking URI that MLflow uses.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import mlflow
from mlflow.entities import FileInfo
from mlflow.store.artifact.artifact_repo import ArtifactRepository

from runstream.calls.file_transfer import download_file
from runstream.errors import InvalidArgument, NotFound
from runstream.files.artifact_paths import join_path
from runstream.mlflow_plugin.mlflow_errors import methods_with_mlflow_errors
from runstream.mlflow_plugin.tracking_server import tracking_server

# Whose artifacts a URI names, and which of them.
_URI = re.compile(
    r"runstream-artifacts:(?:/+[^?#]*?)?/(?P<owner>(?:m-)?[0-9a-f]{32})/artifacts(?:/(?P<path>.*))?",
    re.DOTALL,
)


@methods_with_mlflow_errors
class RunstreamArtifactRepository(ArtifactRepository):
    """The artifacts of one run or logged model, as MLflow's base class describes each method."""

    def __init__(
        self, artifact_uri: str, tracking_uri: str | None = None, *_: Any, **__: Any
    ) -> None:
        # MLflow 2 passes the first argument alone, versions of MLflow 3 one or two more.
        super().__init__(artifact_uri)
        named = _URI.fullmatch(artifact_uri)
        if named is None:
            raise InvalidArgument(
                f"{artifact_uri} names no artifacts of a run or a logged model",
                reason="ARTIFACT_URI_MALFORMED",
                field="artifact_uri",
                value=artifact_uri,
                limit="runstream-artifacts:/EXPERIMENT_ID/RUN_ID/artifacts",
            )
        self._owner = named["owner"]
        self._folder = (named["path"] or "").strip("/")
        server = tracking_server(tracking_uri or mlflow.get_tracking_uri())
        self._client, self._connection = server.client, server.connection

    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> None:
        """Upload a file."""
        self._client.log_artifact(self._owner, local_file, self._path(artifact_path))

    def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> None:
        """Upload all files of a folder."""
        self._client.log_artifacts(self._owner, local_dir, self._path(artifact_path))

    def list_artifacts(self, path: str | None = None) -> list[FileInfo]:
        """List a folder; a file, and what is not there, is an empty one."""
        folder = self._path(path)
        found = self._client.list_own_artifacts(self._owner, folder)
        start = len(self._folder) + 1 if self._folder else 0
        return [
            FileInfo(file.path[start:], file.is_dir, file.file_size)
            for file in found
            if file.path != folder
        ]

    def delete_artifacts(self, artifact_path: str | None = None) -> None:
        """Delete a file or a folder; that there is none is no error."""
        try:
            self._client.delete_artifacts(self._owner, self._path(artifact_path))
        except NotFound as error:
            if error.reason != "ARTIFACT_NOT_FOUND":
                raise

    def _download_file(self, remote_file_path: str, local_path: str) -> None:
        path = self._path(remote_file_path)
        download_file(self._connection, self._owner, path, Path(local_path))

    def _path(self, below: str | None) -> str:
        return join_path(self._folder, (below or "").rstrip("/"))
