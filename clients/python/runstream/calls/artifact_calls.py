"""The calls of a client about artifacts."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from runstream import entities, rules
from runstream.calls.run_model_calls import RunModelCalls
from runstream.contract.messages import new_message
from runstream.contract.response_checks import check_next_page_token, unrequested_response_error
from runstream.errors import NotFound, ResourceExhausted
from runstream.files.artifact_paths import ArtifactPath, artifact_path_text, join_path
from runstream.outbox.background_tasks import Content
from runstream.outbox.outbox import Outbox
from runstream.transport.connection import Connection
from runstream.v1 import artifact_service_pb2 as pb
from runstream.v1.run_service_pb2 import GetRunRequest

#: Files and folders that a list has at most; a larger folder is listed folder by folder.
MAX_LISTED_FILES = 1_000_000


class ArtifactCalls(RunModelCalls):
    """The part of `TrackingClient` that speaks to ArtifactService.

    A path names something below the artifacts of a run, with `/` between its parts. What is
    uploaded is on disk when a call returns, whole or not at all. What reads artifacts looks among
    the models of the run, too: a path that the run does not have may begin with the name of one.
    """

    _connection: Connection
    _outbox: Outbox

    def log_artifact(
        self,
        run_id: str,
        local_path: str | os.PathLike[str],
        artifact_path: ArtifactPath | None = None,
        synchronous: bool | None = None,
    ) -> None:
        """Upload a file, under its own name; a folder is uploaded with its name.

        Args:
            run_id: the run.
            local_path: the file.
            artifact_path: the folder among the artifacts where it goes; their root, if left out.
            synchronous: False to return when the file is copied into the spool, from where it is
                uploaded in the background: `flush` and what reads artifacts wait for it, and what
                the server refuses is raised by the next call for the run. True to return when the
                server has it. If left out, the same, but while the server is away it is kept as
                with False, and a warning says so.

        Raises:
            DeadlineExceeded: the spool has its limit, and in ten minutes there was no room.
            InvalidArgument: the path breaks its rule, or it is no regular file, such as a pipe.
            NotFound: there is no such run.
            FailedPrecondition: the run is deleted, the path stands in another's way, or the file
                changed while it was uploaded.
            OSError: the file cannot be read.
        """
        name = os.path.basename(os.path.abspath(local_path))
        path = join_path(artifact_path_text(artifact_path), name)
        if os.path.isdir(local_path):
            self.log_artifacts(run_id, local_path, path, synchronous)
        else:
            self._upload_files({path: Path(local_path)}, run_id, synchronous)

    def log_artifacts(
        self,
        run_id: str,
        local_dir: str | os.PathLike[str],
        artifact_path: ArtifactPath | None = None,
        synchronous: bool | None = None,
    ) -> None:
        """Upload all files of a folder, several at a time.

        Links are followed. All paths are checked before the first file is uploaded; folders
        without a file are no artifacts. A terminal shows the progress.

        Args:
            run_id: the run.
            local_dir: the folder, whose name is no part of the paths.
            artifact_path: the folder among the artifacts where they go; their root, if left out.
            synchronous: as for `log_artifact`.

        Raises:
            The same as `log_artifact`; also InvalidArgument if a link leads into a circle.
        """
        from runstream.files.folder_transfer import walk_files

        root, folder = Path(local_dir), artifact_path_text(artifact_path)
        files = {
            join_path(folder, file.relative_to(root).as_posix()): file for file in walk_files(root)
        }
        self._upload_files(files, run_id, synchronous)

    def log_model_artifact(
        self,
        model_id: str,
        local_path: str | os.PathLike[str],
        artifact_path: ArtifactPath | None = None,
        synchronous: bool | None = None,
    ) -> None:
        """Upload a file to a logged model, else as `log_artifact`."""
        self.log_artifact(model_id, local_path, artifact_path, synchronous)

    def log_model_artifacts(
        self,
        model_id: str,
        local_dir: str | os.PathLike[str],
        artifact_path: ArtifactPath | None = None,
        synchronous: bool | None = None,
    ) -> None:
        """Upload all files of a folder to a logged model, else as `log_artifacts`."""
        self.log_artifacts(model_id, local_dir, artifact_path, synchronous)

    def get_artifact_uri(self, run_id: str, path: ArtifactPath | None = None) -> str:
        """Return the URI of the artifacts of a run, or of one of them (R6)."""
        self._outbox.flush_changes(run_id)
        request = new_message(GetRunRequest, run_id=run_id)
        run = self._connection.call(lambda stubs: stubs.runs.GetRun, request).run
        below = artifact_path_text(path)
        return f"{run.info.artifact_uri}/{below}" if below else run.info.artifact_uri

    def get_artifact(self, run_id: str, path: ArtifactPath) -> entities.FileInfo:
        """Return what a file or folder is.

        Raises:
            InvalidArgument: the path breaks its rule.
            NotFound: there is no such run, file or folder.
        """
        self._outbox.wait_for_artifacts(run_id)
        request = new_message(pb.GetArtifactRequest, run_id=run_id, path=artifact_path_text(path))
        answer = self._connection.call(lambda stubs: stubs.artifacts.GetArtifact, request)
        file = entities.FileInfo.from_proto(answer.file)
        if file.path != request.path:
            raise unrequested_response_error("path", file.path, request.path)
        return file

    def list_artifacts(
        self, run_id: str, path: ArtifactPath | None = None, recursive: bool = False
    ) -> list[entities.FileInfo]:
        """List the files and folders of a folder by path; one that is not there is empty.

        The path of a file lists as this file. The name of a model of the run lists its files, if
        the run has no artifacts of that name.

        Args:
            run_id: the run.
            path: the folder; the root of the artifacts, if left out.
            recursive: whether to list all files below it, at any depth, in their place.

        Raises:
            InvalidArgument: the path breaks its rule.
            NotFound: there is no such run.
            ResourceExhausted: there are more than a million.
        """
        files = self.list_own_artifacts(run_id, path, recursive)
        folder = artifact_path_text(path)
        if files or not folder or run_id.startswith("m-"):
            return files
        found = self.find_model_path(run_id, folder)
        if found is None:
            return []
        below = self.list_own_artifacts(found.model_id, found.path, recursive)
        return [file._replace(path=f"{found.name}/{file.path}") for file in below]

    def list_own_artifacts(
        self, run_id: str, path: ArtifactPath | None = None, recursive: bool = False
    ) -> list[entities.FileInfo]:
        """List as `list_artifacts`, without the models of the run."""
        self._outbox.wait_for_artifacts(run_id)
        folder = artifact_path_text(path)
        request = new_message(
            pb.ListArtifactsRequest, run_id=run_id, path=folder, recursive=recursive
        )
        files: list[entities.FileInfo] = []
        while True:
            page = self._connection.call(lambda stubs: stubs.artifacts.ListArtifacts, request)
            for message in page.files:
                _check_listed_path(message.path, folder)
                files.append(entities.FileInfo.from_proto(message))
            if len(files) > MAX_LISTED_FILES:
                raise ResourceExhausted(
                    f"there are more than {MAX_LISTED_FILES} files in {folder or 'the artifacts'}; "
                    "list its folders one by one",
                    reason="LIST_TOO_LONG",
                    field="path",
                    value=folder,
                    limit=MAX_LISTED_FILES,
                )
            request.page_token = check_next_page_token(
                request, page.next_page_token, len(page.files)
            )
            if not request.page_token:
                return files

    def list_logged_model_artifacts(
        self, model_id: str, path: ArtifactPath | None = None
    ) -> list[entities.FileInfo]:
        """List the files and folders of a folder of a logged model, else as `list_artifacts`."""
        return self.list_artifacts(model_id, path)

    def download_artifacts(
        self,
        run_id: str,
        path: ArtifactPath = "",
        dst_path: str | os.PathLike[str] | None = None,
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
        from runstream.files.folder_transfer import make_temporary_folder, transfer_all

        wanted = artifact_path_text(path)
        try:
            found = self.get_artifact(run_id, wanted) if wanted else None
        except NotFound as missing:
            model = self._find_model_of_missing(run_id, wanted, missing)
            folder = Path(dst_path) if dst_path is not None else make_temporary_folder()
            self.download_artifacts(model.model_id, model.path, folder / model.name)
            return str(folder / wanted)
        if found is not None and not found.is_dir:
            files = [found]
        else:
            files = self.list_own_artifacts(run_id, wanted, recursive=True)
        for file in files:  # what a server says is no reason to write elsewhere
            rules.check_artifact_path("path", file.path)
        folder = Path(dst_path) if dst_path is not None else make_temporary_folder()
        folder.mkdir(parents=True, exist_ok=True)

        def download(file: entities.FileInfo, progress: Any) -> None:
            from runstream.calls.file_transfer import download_file

            download_file(self._connection, run_id, file.path, folder / file.path, progress)

        sizes = {file: file.file_size or 0 for file in files}
        transfer_all(sizes, download, "download")
        return str(folder / wanted)

    def delete_artifacts(self, run_id: str, path: ArtifactPath | None = None) -> None:
        """Delete a file, or a folder with all that is below it, for good; all, if left out.

        Raises:
            InvalidArgument: the path breaks its rule.
            NotFound: there is no such run, file or folder.
            FailedPrecondition: the run is deleted.
        """
        self._outbox.wait_for_artifacts(run_id)
        request = new_message(
            pb.DeleteArtifactsRequest, run_id=run_id, path=artifact_path_text(path)
        )
        self._connection.call(lambda stubs: stubs.artifacts.DeleteArtifacts, request)

    def upload_folder(self, run_id: str, folder: Path) -> None:
        """Upload the files of a folder of ours, one after the other, and show no progress.

        Nobody writes to them any more: they are kept by another name while the server is away.
        """
        from runstream.calls.file_transfer import upload_file
        from runstream.files.content_copy import move_file

        def do() -> None:
            for path, file in files.items():
                upload_file(self._connection, run_id, path, file, patience=self._connect_seconds)

        files = {
            file.relative_to(folder).as_posix(): file
            for file in sorted(folder.rglob("*"))
            if file.is_file()
        }
        contents = [
            Content(path, file.stat().st_size, partial(move_file, file))
            for path, file in files.items()
        ]
        self._upload_or_keep(run_id, do, contents)

    def _upload_files(
        self, files: Mapping[str, Path], run_id: str, synchronous: bool | None = None
    ) -> None:
        from runstream.calls.file_transfer import upload_file
        from runstream.files.content_copy import copy_file
        from runstream.files.folder_transfer import transfer_all
        from runstream.files.regular_files import regular_file_size

        def do() -> None:
            patience = math.inf if synchronous else self._connect_seconds
            transfer_all(
                sizes,
                lambda item, progress: upload_file(
                    self._connection, run_id, *item, progress, patience
                ),
                "upload",
            )

        for path in files:
            rules.check_artifact_path("artifact_path", path)
        sizes = {item: regular_file_size(item[1]) for item in files.items()}
        contents = [
            Content(path, size, partial(copy_file, file)) for (path, file), size in sizes.items()
        ]
        self._upload_or_keep(run_id, do, contents, synchronous)

    def _upload_or_keep(
        self,
        owner: str,
        upload: Callable[[], object],
        contents: Sequence[Content],
        synchronous: bool | None = None,
    ) -> None:
        """Upload files, or keep them to be uploaded later; see `_do_or_keep`."""
        if not contents:
            return

        def keep(waits: bool) -> bool:
            return self._outbox.background.add_files(owner, contents, waits=waits)

        self._do_or_keep(owner, upload, keep, synchronous)


def _check_listed_path(path: str, folder: str) -> None:
    within = folder.rstrip("/")
    if within and path != within and not path.startswith(f"{within}/"):
        raise unrequested_response_error("path", path, folder)
    rules.check_artifact_path("path", path)
