"""The calls of a client about artifacts."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runstream import rules
from runstream.connection import Connection
from runstream.entities import FileInfo
from runstream.errors import InvalidArgument, NotFound
from runstream.v1 import artifact_service_pb2 as pb
from runstream.v1.run_service_pb2 import GetRunRequest

if TYPE_CHECKING:
    import pandas


class ArtifactCalls:
    """The part of `TrackingClient` that speaks to ArtifactService.

    A path names something below the artifacts of a run, with `/` between its parts. What is
    uploaded is on disk when a call returns, whole or not at all.
    """

    _connection: Connection

    def log_artifact(
        self, run_id: str, local_path: str | os.PathLike[str], artifact_path: str | None = None
    ) -> None:
        """Upload a file, under its own name; a folder is uploaded with its name.

        Args:
            run_id: the run.
            local_path: the file.
            artifact_path: the folder among the artifacts where it goes; their root, if left out.

        Raises:
            InvalidArgument: the path breaks its rule.
            NotFound: there is no such run.
            FailedPrecondition: the run is deleted, the path stands in another's way, or the file
                changed while it was uploaded.
            OSError: the file cannot be read.
        """
        name = os.path.basename(os.path.abspath(local_path))
        if os.path.isdir(local_path):
            self.log_artifacts(run_id, local_path, _joined(artifact_path, name))
        else:
            self._upload({_joined(artifact_path, name): Path(local_path)}, run_id)

    def log_artifacts(
        self, run_id: str, local_dir: str | os.PathLike[str], artifact_path: str | None = None
    ) -> None:
        """Upload all files of a folder, several at a time.

        Links are followed. All paths are checked before the first file is uploaded; folders
        without a file are no artifacts. A terminal shows the progress.

        Args:
            run_id: the run.
            local_dir: the folder, whose name is no part of the paths.
            artifact_path: the folder among the artifacts where they go; their root, if left out.

        Raises:
            The same as `log_artifact`; also InvalidArgument if a link leads into a circle.
        """
        from runstream.folders import files_below

        root = Path(local_dir)
        files = {
            _joined(artifact_path, file.relative_to(root).as_posix()): file
            for file in files_below(root)
        }
        self._upload(files, run_id)

    def log_text(self, run_id: str, text: str, artifact_file: str) -> None:
        """Upload a text as a file in UTF-8; raises as `log_artifact`."""
        self._upload_bytes(run_id, text.encode(), artifact_file)

    def log_dict(self, run_id: str, dictionary: Mapping[str, Any], artifact_file: str) -> None:
        """Upload a dictionary as JSON, or as YAML if the file is called so (with PyYAML)."""
        from runstream.renderings import dictionary_bytes

        rules.check_artifact_path("artifact_file", artifact_file)
        self._upload_bytes(run_id, dictionary_bytes(dictionary, artifact_file), artifact_file)

    def log_figure(self, run_id: str, figure: Any, artifact_file: str) -> None:
        """Upload a figure of Matplotlib or Plotly, in the format of the file's suffix."""
        from runstream.renderings import figure_bytes

        rules.check_artifact_path("artifact_file", artifact_file)
        self._upload_bytes(run_id, figure_bytes(figure, artifact_file), artifact_file)

    def log_image(
        self,
        run_id: str,
        image: Any,
        artifact_file: str | None = None,
        key: str | None = None,
        step: int | None = None,
        timestamp: int | None = None,
    ) -> None:
        """Upload an image, as a file of its own or as one of a series (with Pillow).

        Args:
            run_id: the run.
            image: an image of Pillow, or an array of shape (height, width[, 1, 3 or 4]) of
                integers of 0 to 255, numbers of 0 to 1, or booleans.
            artifact_file: the file; or
            key: name of the series, whose files are `images/KEY%step%...` as MLflow's.
            step: training step of an image of a series; 0, if left out.
            timestamp: milliseconds since the epoch; now, if left out.

        Raises:
            InvalidArgument: not exactly one of artifact_file and key is given, the image is of
                another kind, or a path breaks its rule.
        """
        from runstream.renderings import image_bytes

        if (artifact_file is None) == (key is None):
            raise InvalidArgument(
                "log_image takes either artifact_file or key",
                reason="ARGUMENTS_CONFLICT",
                field="artifact_file",
            )
        if key is not None:
            rules.check_key("key", key)
            now = time.time_ns() // 1_000_000 if timestamp is None else timestamp
            name = f"{key.replace('/', '#')}%step%{step or 0}%timestamp%{now}%{uuid.uuid4()}"
            artifact_file = f"images/{name}.png"
        path = str(artifact_file)
        rules.check_artifact_path("artifact_file", path)
        self._upload_bytes(run_id, image_bytes(image, path), path)

    def log_table(
        self, run_id: str, data: pandas.DataFrame | Mapping[str, Any], artifact_file: str
    ) -> None:
        """Upload a table as JSON, or add its rows to the table that is there (with pandas).

        Args:
            run_id: the run.
            data: a data frame, or a dictionary of columns.
            artifact_file: the file, in pandas' orient `split`.
        """
        from runstream.renderings import joined_tables, table_bytes, table_frame

        rules.check_artifact_path("artifact_file", artifact_file)
        frame = table_frame(data)
        try:
            frame = joined_tables(self.load_table(run_id, artifact_file), frame)
        except NotFound as missing:
            if missing.reason != "ARTIFACT_NOT_FOUND":
                raise
        self._upload_bytes(run_id, table_bytes(frame), artifact_file)

    def get_artifact_uri(self, run_id: str, path: str | None = None) -> str:
        """Return the URI of the artifacts of a run, or of one of them (R6)."""
        request = GetRunRequest(run_id=run_id)
        run = self._connection.call(lambda to: to.runs.GetRun, request).run
        return f"{run.info.artifact_uri}/{path}" if path else run.info.artifact_uri

    def get_artifact(self, run_id: str, path: str) -> FileInfo:
        """Say what a file or folder is.

        Raises:
            InvalidArgument: the path breaks its rule.
            NotFound: there is no such run, file or folder.
        """
        request = pb.GetArtifactRequest(run_id=run_id, path=path)
        answer = self._connection.call(lambda to: to.artifacts.GetArtifact, request)
        return FileInfo.from_proto(answer.file)

    def list_artifacts(
        self, run_id: str, path: str | None = None, recursive: bool = False
    ) -> list[FileInfo]:
        """List the files and folders of a folder by path; one that is not there is empty.

        Args:
            run_id: the run.
            path: the folder; the root of the artifacts, if left out.
            recursive: whether to list all files below it, at any depth, in their place.

        Raises:
            InvalidArgument: the path breaks its rule.
            NotFound: there is no such run.
        """
        request = pb.ListArtifactsRequest(run_id=run_id, path=path or "", recursive=recursive)
        files: list[FileInfo] = []
        while True:
            page = self._connection.call(lambda to: to.artifacts.ListArtifacts, request)
            files += map(FileInfo.from_proto, page.files)
            if not page.next_page_token:
                return files
            request.page_token = page.next_page_token

    def download_artifacts(
        self, run_id: str, path: str = "", dst_path: str | os.PathLike[str] | None = None
    ) -> str:
        """Download a file or folder and return where it is.

        Args:
            run_id: the run.
            path: the file or folder, which keeps its path below `dst_path`; all artifacts of the
                run, if empty.
            dst_path: the folder where it goes, made if it is not there; a new temporary one, if
                left out, which is the caller's to remove.

        Raises:
            InvalidArgument: the path breaks its rule.
            NotFound: there is no such run, file or folder.
            OSError: a file cannot be written.
        """
        from runstream.folders import new_folder, transfer_all

        if path:
            found = self.get_artifact(run_id, path)
            files = self.list_artifacts(run_id, path, recursive=True) if found.is_dir else [found]
        else:
            files = self.list_artifacts(run_id, recursive=True)
        for file in files:  # what a server says is no reason to write elsewhere
            rules.check_artifact_path("path", file.path)
        folder = Path(dst_path) if dst_path is not None else new_folder()
        folder.mkdir(parents=True, exist_ok=True)

        def download(file: FileInfo, progress: Any) -> None:
            from runstream.transfer import download_file

            download_file(self._connection, run_id, file.path, folder / file.path, progress)

        sizes = {file: file.file_size or 0 for file in files}
        transfer_all(sizes, download, "download")
        return str(folder / path)

    def load_text(self, run_id: str, path: str) -> str:
        """Return the content of a file in UTF-8; raises as `download_artifacts`."""
        return self._content(run_id, path).decode()

    def load_dict(self, run_id: str, path: str) -> Any:
        """Return the content of a JSON file, or of a YAML file if it is called so."""
        from runstream.renderings import dictionary_of

        return dictionary_of(self._content(run_id, path), path)

    def load_table(self, run_id: str, path: str) -> pandas.DataFrame:
        """Return a table that `log_table` uploaded, as a data frame."""
        from runstream.renderings import table_of

        frame: pandas.DataFrame = table_of(self._content(run_id, path))
        return frame

    def delete_artifacts(self, run_id: str, path: str | None = None) -> None:
        """Delete a file, or a folder with all that is below it, for good; all, if left out.

        Raises:
            InvalidArgument: the path breaks its rule.
            NotFound: there is no such run, file or folder.
            FailedPrecondition: the run is deleted.
        """
        request = pb.DeleteArtifactsRequest(run_id=run_id, path=path or "")
        self._connection.call(lambda to: to.artifacts.DeleteArtifacts, request, again=False)

    def _upload(self, files: Mapping[str, Path], run_id: str) -> None:
        from runstream.folders import transfer_all
        from runstream.transfer import upload_file

        for path in files:
            rules.check_artifact_path("artifact_path", path)
        sizes = {item: item[1].stat().st_size for item in files.items()}
        transfer_all(
            sizes,
            lambda item, progress: upload_file(self._connection, run_id, *item, progress),
            "upload",
        )

    def _upload_bytes(self, run_id: str, content: bytes, path: str) -> None:
        from tempfile import TemporaryFile

        from runstream.transfer import Upload

        rules.check_artifact_path("artifact_file", path)
        with TemporaryFile() as file:
            file.write(content)
            file.flush()
            Upload(run_id, path, file).run(self._connection)

    def _content(self, run_id: str, path: str) -> bytes:
        from tempfile import TemporaryDirectory

        from runstream.transfer import download_file

        with TemporaryDirectory() as folder:
            file = Path(folder, "content")
            download_file(self._connection, run_id, path, file)
            return file.read_bytes()


def _joined(folder: str | None, name: str) -> str:
    return f"{folder.rstrip('/')}/{name}" if folder else name
