"""A run: its state, and what it logged and read."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from runstream.entities.notebook_html import properties_table, time_text
from runstream.entities.run_inputs import RunInputs, RunOutputs
from runstream.v1 import run_pb2

_STATUS_NAMES = {number: name for name, number in run_pb2.RunStatus.items()}


@dataclass(frozen=True)
class RunInfo:
    """Identity, state and times of a run.

    Attributes:
        run_id: 32 hexadecimal digits.
        experiment_id: the experiment it belongs to.
        run_name: name for people.
        user_id: who started it; empty if that is unknown.
        status: `RUNNING`, `SCHEDULED`, `FINISHED`, `FAILED` or `KILLED` (R2).
        start_time: milliseconds since the epoch.
        end_time: milliseconds since the epoch; None while it goes on.
        artifact_uri: URI under which its artifacts are stored.
        lifecycle_stage: `active` or `deleted`.
        deleted_by: who deleted it; None if it is active, or if the server did not know.
    """

    run_id: str
    experiment_id: str
    run_name: str
    user_id: str
    status: str
    start_time: int
    end_time: int | None
    artifact_uri: str
    lifecycle_stage: str
    deleted_by: str | None = None

    def properties(self) -> dict[str, object]:
        """Return what people want to know of it first, by name."""
        return {
            "status": self.status,
            "id": self.run_id,
            "experiment": self.experiment_id,
            "user": self.user_id,
            "start": time_text(self.start_time),
            "end": time_text(self.end_time),
        }

    @classmethod
    def from_proto(cls, message: run_pb2.RunInfo) -> RunInfo:
        """Convert the message of the contract."""
        return cls(
            run_id=message.run_id,
            experiment_id=message.experiment_id,
            run_name=message.run_name,
            user_id=message.user_id,
            # A newer server may have a status that this client does not know.
            status=_STATUS_NAMES.get(message.status, f"STATUS_{message.status}"),
            start_time=message.start_time,
            end_time=message.end_time if message.HasField("end_time") else None,
            artifact_uri=message.artifact_uri,
            lifecycle_stage=message.lifecycle_stage,
            deleted_by=message.deleted_by or None,
        )


@dataclass(frozen=True)
class RunData:
    """The data that a run logged.

    Attributes:
        metrics: the latest value of each metric, by key (M5).
        params: its params, by key.
        tags: its tags, by key.
    """

    metrics: dict[str, float]
    params: dict[str, str]
    tags: dict[str, str]

    @classmethod
    def from_proto(cls, message: run_pb2.RunData) -> RunData:
        """Convert the message of the contract."""
        return cls(
            # A slice makes all messages at once, faster than an iteration.
            metrics={metric.key: metric.value for metric in message.metrics[:]},
            params={param.key: param.value for param in message.params[:]},
            tags={tag.key: tag.value for tag in message.tags[:]},
        )


_NO_INPUTS = RunInputs(())
_NO_OUTPUTS = RunOutputs(())


@dataclass(frozen=True)
class Run:
    """One execution of training code, as it was when it was read.

    Attributes:
        info: what the run is.
        data: what it logged.
        inputs: what it read.
        outputs: what it made.
    """

    info: RunInfo
    data: RunData
    inputs: RunInputs
    outputs: RunOutputs = _NO_OUTPUTS

    @classmethod
    def from_proto(cls, message: run_pb2.Run) -> Run:
        """Convert the message of the contract."""
        return cls(
            RunInfo.from_proto(message.info),
            RunData.from_proto(message.data),
            RunInputs.from_proto(message.inputs) if message.inputs.ByteSize() else _NO_INPUTS,
            RunOutputs.from_proto(message.outputs) if message.outputs.ByteSize() else _NO_OUTPUTS,
        )

    def _repr_html_(self) -> str:
        """Return the run as a table for a notebook, with its latest metrics and its params."""
        properties = self.info.properties()
        properties |= {f"metrics.{key}": value for key, value in self.data.metrics.items()}
        properties |= {f"params.{key}": value for key, value in self.data.params.items()}
        return properties_table(f"Run {self.info.run_name}", properties)

    def to_dictionary(self) -> dict[str, Any]:
        """Return the same as dictionaries, under `info`, `data`, `inputs` and `outputs`."""
        return asdict(self)
