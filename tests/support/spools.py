"""What tests of the spool write into its files, and read from them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from runstream import TrackingClient
from runstream.spool.folder import OwnFolder, SpoolFolder, create_folder
from runstream.spool.log_files import START, Place
from runstream.spool.log_reader import Damage, LogReader
from runstream.spool.log_writer import LogWriter
from runstream.v1.logging_service_pb2 import LogBatchRequest, RunStart
from runstream.v1.metric_pb2 import MetricTable
from runstream.v1.spool_pb2 import SpoolTask, SpoolUpload


def read_log(
    folder: Path, place: Place = START, may_grow: bool = False
) -> tuple[list[bytes], list[Damage]]:
    """Return the payloads of a log from a place on, and what of it is damaged."""
    damages: list[Damage] = []
    reader = LogReader(folder, place, damages.append)
    payloads = []
    while (frame := reader.next(may_grow)) is not None:
        payloads.append(frame.payload)
    reader.close()
    return payloads, damages


def points_batch(run_id: str, steps: Iterable[int], key: str = "loss") -> bytes:
    """Return a batch of points whose values are their steps."""
    steps = list(steps)
    table = MetricTable(
        keys=[key],
        counts=[len(steps)],
        step=steps,
        timestamp=[1_000 + step for step in steps],
        value=map(float, steps),
    )
    return LogBatchRequest(run_id=run_id, metrics=table).SerializeToString()


def start_batch(run_id: str) -> bytes:
    """Return the batch that starts a run."""
    start = RunStart(experiment_id="0", user_id="u", start_time=1_000)
    return LogBatchRequest(run_id=run_id, start=start).SerializeToString()


def new_folder(
    spool: Path, uri: str, batches: Iterable[bytes] = (), delivers: bool = True
) -> OwnFolder:
    """Make a folder of this process with some batches."""
    folder = create_folder(spool, uri, "train.py", delivers)
    append_batches(folder, batches)
    return folder


def left_folder(spool: Path, uri: str, batches: Iterable[bytes] = ()) -> SpoolFolder:
    """Make a folder whose process is gone."""
    folder = new_folder(spool, uri, batches)
    folder.close()
    return SpoolFolder(folder.path)


def append_batches(folder: SpoolFolder, batches: Iterable[bytes]) -> None:
    """Append batches to a folder, in a file of their own."""
    writer = LogWriter(folder.batches)
    for batch in batches:
        writer.append(batch)
    writer.close()


def append_upload(folder: SpoolFolder, run_id: str, path: str, content: bytes) -> None:
    """Append the task to upload a file."""
    folder.files.mkdir(exist_ok=True)
    name = path.replace("/", "-")
    (folder.files / name).write_bytes(content)
    owner = {"model_id" if run_id.startswith("m-") else "run_id": run_id}
    upload = SpoolUpload(path=path, file=name, size=len(content), **owner)
    append_tasks(folder, SpoolTask(upload=upload))


def append_tasks(folder: SpoolFolder, *tasks: SpoolTask) -> None:
    """Append tasks to a folder, in a file of their own."""
    writer = LogWriter(folder.tasks)
    for task in tasks:
        writer.append(task.SerializeToString())
    writer.close()


def steps(client: TrackingClient, run_id: str, key: str = "loss") -> list[int]:
    """The steps of a metric that the server has."""
    return [point.step for point in client.get_metric_history(run_id, key)]
