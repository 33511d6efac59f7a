"""Tasks of a folder: files that are uploaded, and calls about logged models."""

from __future__ import annotations

from pathlib import Path

from runstream.calls.file_transfer import Progress, upload_file
from runstream.errors import DataLoss
from runstream.transport.connection import Connection
from runstream.v1.spool_pb2 import SpoolTask, SpoolUpload


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
            connection.call(lambda stubs: stubs.models.CreateLoggedModel, task.create_model)
        case "log_model_params":
            connection.call(lambda stubs: stubs.models.LogLoggedModelParams, task.log_model_params)
        case "set_model_tags":
            connection.call(lambda stubs: stubs.models.SetLoggedModelTags, task.set_model_tags)
        case "finalize_model":
            connection.call(lambda stubs: stubs.models.FinalizeLoggedModel, task.finalize_model)
        case _:
            raise DataLoss("a newer version wrote this task", reason="TASK_UNKNOWN")
    return 0


def _upload(connection: Connection, upload: SpoolUpload, files: Path, progress: Progress) -> None:
    path = files / Path(upload.file).name
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise DataLoss(f"{path} is not there", reason="FILE_MISSING", path=upload.path) from None
    if size != upload.size:
        raise DataLoss(
            f"{path} has {size} bytes of {upload.size}", reason="FILE_INCOMPLETE", path=upload.path
        )
    upload_file(connection, upload.run_id or upload.model_id, upload.path, path, progress)
