"""Event files, written and read by TensorBoard's own code."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tensorboard.backend.event_processing.event_accumulator import (
    STORE_EVERYTHING_SIZE_GUIDANCE,
    EventAccumulator,
)
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.summary.writer.record_writer import RecordWriter
from tensorboard.util.tensor_util import make_ndarray, make_tensor_proto

from runstream import Run, TrackingClient
from support.shell import Shell

#: How event files are called.
NAME = "events.out.tfevents.{}.host"

Points = list[tuple[int, int, float]]  # step, milliseconds, value

#: The time of the first event of a file, in seconds.
START = 1_700_000_000.0


class EventFileWriter:
    """Writes an event file, event by event, a second of each step later."""

    def __init__(self, path: Path, version: int = 2) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        if version:
            self.write(Event(wall_time=START, file_version=f"brain.Event:{version}"))

    def write(self, event: Event) -> None:
        """Append an event, whole and at once."""
        self.write_record(event.SerializeToString())

    def write_record(self, record: bytes) -> None:
        """Append a record."""
        with self.path.open("ab") as file:
            RecordWriter(file).write(record)

    def values(self, step: int, *values: Any, wall_time: float | None = None) -> None:
        """Append an event of values."""
        time = START + 1 + step if wall_time is None else wall_time
        self.write(Event(wall_time=time, step=step, summary=Summary(value=values)))

    def scalar(self, tag: str, value: float, step: int) -> None:
        """Append a number, in the old style."""
        self.values(step, Summary.Value(tag=tag, simple_value=value))

    def tensor(
        self, tag: str, content: Any, step: int, plugin: str = "", dtype: Any = None
    ) -> None:
        """Append a tensor, with a plugin or without."""
        tensor = content if isinstance(content, TensorProto) else make_tensor_proto(content, dtype)
        value = Summary.Value(tag=tag, tensor=tensor)
        if plugin:
            value.metadata.CopyFrom(metadata(plugin))
        self.values(step, value)

    def start(self, step: int) -> None:
        """Append the start of a session."""
        log = SessionLog(status=SessionLog.START)
        self.write(Event(wall_time=START, step=step, session_log=log))


def import_folder(shell: Shell, folder: Path, *options: str, status: int = 0) -> Any:
    """Import a folder, whose name is the experiment, and return the report."""
    done = shell.run("import", "tensorboard", str(folder), "--json", *options)
    assert done.exit_code == status, done.output
    return json.loads(done.stdout)


def find_runs(client: TrackingClient, folder: Path) -> dict[str, Run]:
    """Return the runs of the experiment of a folder by their names."""
    experiment = client.get_experiment_by_name(folder.name)
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    return {run.info.run_name: run for run in runs}


def only_run_id(client: TrackingClient, folder: Path) -> str:
    """Return the id of the only run of the experiment of a folder."""
    (run,) = find_runs(client, folder).values()
    return run.info.run_id


def metadata(plugin: str, content: bytes = b"") -> SummaryMetadata:
    """Return what says that a tag belongs to a plugin."""
    data = SummaryMetadata.PluginData(plugin_name=plugin, content=content)
    return SummaryMetadata(plugin_data=data)


def shown_scalars(folder: Path) -> dict[str, Points]:
    """Return the points of a run as TensorBoard reads them."""
    read = EventAccumulator(str(folder), STORE_EVERYTHING_SIZE_GUIDANCE).Reload()
    found = {
        tag: [(event.step, _to_ms(event.wall_time), event.value) for event in read.Scalars(tag)]
        for tag in read.Tags()["scalars"]
    }
    for tag in read.PluginTagToContent("scalars") if "scalars" in _plugins(read) else ():
        found[tag] = [
            (event.step, _to_ms(event.wall_time), float(make_ndarray(event.tensor_proto).item()))
            for event in read.Tensors(tag)
        ]
    return {tag: sorted(found[tag]) for tag in sorted(found)}


def stored_scalars(client: TrackingClient, run_id: str) -> dict[str, Points]:
    """Return the points of a run as they are stored."""
    return {
        key: sorted(
            (point.step, point.timestamp, point.value)
            for point in client.get_metric_history(run_id, key)
        )
        for key in sorted(client.get_run(run_id).data.metrics)
    }


def _plugins(read: EventAccumulator) -> Sequence[str]:
    return list(read._plugin_to_tag_to_content)


def _to_ms(seconds: float) -> int:
    return int(seconds * 1000 + 0.5)
