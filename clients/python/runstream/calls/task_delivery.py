"""Tasks of a folder: files that are uploaded, and calls about logged models."""

from __future__ import annotations

import stat
from pathlib import Path

from runstream.calls.file_transfer import Progress, upload_file
from runstream.errors import DataLoss
from runstream.transport.connection import Connection
from runstream.v1.logged_model_service_pb2 import (
    CreateLoggedModelRequest,
    CreateLoggedModelResponse,
)
from runstream.v1.run_service_pb2 import GetRunRequest
from runstream.v1.spool_pb2 import SpoolTask, SpoolUpload

#: Reasons why a file cannot be uploaded: its content is not there, or not as long as it was.
FILE_MISSING = "FILE_MISSING"
FILE_INCOMPLETE = "FILE_INCOMPLETE"


def do_task(
    connection: Connection, task: SpoolTask, files: Path, progress: Progress = lambda _: None
) -> int:
    """Do what a task says; return how many files it uploaded.

    Doing it again changes nothing.

    Args:
        connection: of the server.
        task: what to do; one of a kind that this version does not know is refused.
        files: the folder of the contents.
        progress: called with the number of bytes that were sent, and may wait.

    Raises:
        RunstreamError: the server refused it or cannot be reached, or the content is not there.
        OSError: the content cannot be read.
    """
    match task.WhichOneof("task"):
        case "upload":
            _upload(connection, task.upload, files, progress)
            return 1
        case "create_model":
            create_model(connection, task.create_model)
        case "log_model_params":
            connection.call(lambda stubs: stubs.models.LogLoggedModelParams, task.log_model_params)
        case "set_model_tags":
            connection.call(lambda stubs: stubs.models.SetLoggedModelTags, task.set_model_tags)
        case "finalize_model":
            connection.call(lambda stubs: stubs.models.FinalizeLoggedModel, task.finalize_model)
        case "log_points":
            connection.call(lambda stubs: stubs.logs.Log, task.log_points)
        case _:
            raise DataLoss("a newer version wrote this task", reason="TASK_UNKNOWN")
    return 0


def create_model(
    connection: Connection, request: CreateLoggedModelRequest
) -> CreateLoggedModelResponse:
    """Create a logged model, in the experiment of its run if the request names none.

    A client that is away from its server may know an experiment by its name alone.

    Raises:
        RunstreamError: the server refused it or cannot be reached.
    """
    if request.source_run_id and not request.experiment_id:
        question = GetRunRequest(run_id=request.source_run_id)
        run = connection.call(lambda stubs: stubs.runs.GetRun, question).run
        request.experiment_id = run.info.experiment_id
    return connection.call(lambda stubs: stubs.models.CreateLoggedModel, request)


def _upload(connection: Connection, upload: SpoolUpload, files: Path, progress: Progress) -> None:
    path = files / Path(upload.file).name
    try:
        found = path.lstat()
    except FileNotFoundError:
        raise DataLoss(f"{path} is not there", reason=FILE_MISSING, path=upload.path) from None
    if not stat.S_ISREG(found.st_mode):  # a link would upload what somebody else has
        raise DataLoss(f"{path} is no regular file", reason=FILE_MISSING, path=upload.path)
    if found.st_size != upload.size:
        raise DataLoss(
            f"{path} has {found.st_size} bytes of {upload.size}",
            reason=FILE_INCOMPLETE,
            path=upload.path,
        )
    upload_file(connection, upload.run_id or upload.model_id, upload.path, path, progress)
