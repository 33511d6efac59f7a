"""What is in a folder of a spool, for people."""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import dataclass

from google.protobuf.message import DecodeError

from runstream.contract.wire_counts import count_points
from runstream.outbox.batch import Backlog
from runstream.spool.cursor import read_cursor
from runstream.spool.file_locks import FileLock, NotLocked
from runstream.spool.folder import SpoolFolder
from runstream.spool.log_reader import LogReader
from runstream.spool.refused_log import read_refusals
from runstream.v1.logging_service_pb2 import LogBatchRequest
from runstream.v1.spool_pb2 import SpoolTask

#: The states of the process that writes a folder.
ALIVE, DEAD, REMOTE, UNKNOWN = "alive", "dead", "remote", "unknown"


@dataclass
class InspectedFolder:
    """What a folder says of itself, and how much of it no server has.

    Attributes:
        folder: its path.
        program: what the process runs that writes it.
        tracking_uri: its server; empty if it is not known yet.
        host: the machine of the process.
        process_id: its id there.
        created: when the folder was made, in milliseconds since the epoch.
        state: `alive`; `dead`; `remote` of another machine, whose processes cannot be seen from
            here; or `unknown` where a file system has no locks.
        size: bytes of all its files.
        batches: batches that wait.
        points: points in them.
        tasks: uploads and calls that wait.
        refused: batches and tasks that the server refused.
        damaged: bytes that are no frames, and are kept.
    """

    folder: str
    program: str
    tracking_uri: str
    host: str
    process_id: int
    created: int
    state: str
    size: int
    batches: int = 0
    points: int = 0
    tasks: int = 0
    refused: int = 0
    damaged: int = 0


@dataclass
class InspectedRun:
    """How much of a run waits in a folder.

    Attributes:
        run_id: the run or the model.
        run_name: its name, if its start waits.
        experiment: name of its experiment, or its id, if its start waits.
        batches: batches that wait.
        points: points in them.
        tasks: files to upload, and calls about models, that wait.
    """

    run_id: str
    run_name: str = ""
    experiment: str = ""
    batches: int = 0
    points: int = 0
    tasks: int = 0


@dataclass
class InspectedRefusal:
    """What a server refused, and why.

    Attributes:
        time: when, in milliseconds since the epoch.
        run_id: the run or the model.
        what: what was refused, for people.
        reason: why, for programs.
        message: why, for people.
    """

    time: int
    run_id: str
    what: str
    reason: str
    message: str


def inspect_folder(folder: SpoolFolder) -> InspectedFolder:
    """Return what is in a folder.

    Raises:
        ValueError: it does not say what it is.
        OSError: it cannot be read.
    """
    info = folder.read_info()
    inspected = InspectedFolder(
        folder=str(folder.path),
        program=info.program,
        tracking_uri=info.tracking_uri,
        host=info.host,
        process_id=info.process_id,
        created=info.created,
        state=_state(folder, info.host),
        size=folder.count_bytes(),
    )
    for run in inspect_runs(folder):
        inspected.batches += run.batches
        inspected.points += run.points
    tasks = LogReader(folder.tasks, read_cursor(folder.tasks))
    while tasks.next(may_grow=True) is not None:
        inspected.tasks += 1
    tasks.close()
    inspected.refused = sum(1 for _ in read_refusals(folder.refused))
    inspected.damaged = folder.count_damaged()
    return inspected


def inspect_runs(folder: SpoolFolder) -> list[InspectedRun]:
    """Return how much of each run waits, in the order of their first batches.

    Raises:
        OSError: it cannot be read.
    """
    runs: dict[str, InspectedRun] = {}
    reader = LogReader(folder.batches, read_cursor(folder.batches))
    while (frame := reader.next(may_grow=True)) is not None:
        try:
            request = LogBatchRequest.FromString(frame.payload)
            points = count_points(frame.payload)
        except (DecodeError, ValueError):
            request, points = LogBatchRequest(), 0
        run = runs.setdefault(request.run_id, InspectedRun(request.run_id))
        run.batches += 1
        run.points += points
        if request.HasField("start"):
            run.run_name = request.start.run_name
            run.experiment = request.start.experiment_name or request.start.experiment_id
    reader.close()
    for owner in _list_task_owners(folder):
        runs.setdefault(owner, InspectedRun(owner)).tasks += 1
    return list(runs.values())


def _list_task_owners(folder: SpoolFolder) -> list[str]:
    """Return the run or the model of each task that waits."""
    owners = []
    reader = LogReader(folder.tasks, read_cursor(folder.tasks))
    while (frame := reader.next(may_grow=True)) is not None:
        try:
            owners.append(_task_owner(SpoolTask.FromString(frame.payload)))
        except DecodeError:
            owners.append("")
    reader.close()
    return owners


def _task_owner(task: SpoolTask) -> str:
    kind = task.WhichOneof("task")
    message = getattr(task, kind) if kind else task
    return getattr(message, "model_id", "") or getattr(message, "run_id", "")


def _describe_task(task: SpoolTask) -> str:
    kind = task.WhichOneof("task")
    if kind is None:
        return "a task of a newer version"
    return f"file {task.upload.path}" if kind == "upload" else kind.replace("_", " ")


def list_refusals(folder: SpoolFolder) -> list[InspectedRefusal]:
    """Return what a server refused of a folder.

    Raises:
        OSError: it cannot be read.
    """
    found = []
    for refusal in read_refusals(folder.refused):
        run_id, what = _task_owner(refusal.task), _describe_task(refusal.task)
        if refusal.WhichOneof("refused") == "batch":
            with suppress(DecodeError):  # it may be refused for that
                request = LogBatchRequest.FromString(refusal.batch)
                run_id, what = request.run_id, str(Backlog.of_request(request))
        error = refusal.error
        found.append(InspectedRefusal(refusal.time, run_id, what, error.reason, error.message))
    return found


def _state(folder: SpoolFolder, host: str) -> str:
    lock = folder.lock_writer()
    if isinstance(lock, FileLock):
        lock.release()
        return DEAD if host == socket.gethostname() else REMOTE
    return ALIVE if lock is NotLocked.HELD else UNKNOWN
