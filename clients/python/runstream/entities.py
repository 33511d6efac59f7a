"""What the API returns: experiments, runs and points, as plain values that never change."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from runstream.contract.messages import new_message
from runstream.contract.response_checks import check_columns
from runstream.v1 import (
    artifact_pb2,
    experiment_pb2,
    maintenance_service_pb2,
    run_pb2,
    watch_service_pb2,
)
from runstream.v1.metric_service_pb2 import ReadMetricHistoryResponse

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


_STATUS_NAMES = {number: name for name, number in run_pb2.RunStatus.items()}


class ViewType(IntEnum):
    """Which runs or experiments a search is about, by their stage."""

    ACTIVE_ONLY = 1
    DELETED_ONLY = 2
    ALL = 3


class Param(NamedTuple):
    """A param of a run."""

    key: str
    value: str


class RunTag(NamedTuple):
    """A tag of a run."""

    key: str
    value: str


class Metric(NamedTuple):
    """One point of a metric.

    Attributes:
        key: name of the metric.
        value: any double; NaN and the infinities are values.
        timestamp: milliseconds since the epoch.
        step: training step.
    """

    key: str
    value: float
    timestamp: int
    step: int


class MetricColumns(NamedTuple):
    """Points of one metric of one run in columns of the same length, as in `Metric`."""

    run_id: str
    key: str
    value: list[float]
    timestamp: list[int]
    step: list[int]

    def rows(self) -> list[Metric]:
        """Return the same points one by one."""
        # tuple.__new__ skips the Python frame that Metric(...) costs for each of many points.
        new = tuple.__new__
        key = self.key
        columns = zip(self.value, self.timestamp, self.step, strict=True)
        return [new(Metric, (key, value, timestamp, step)) for value, timestamp, step in columns]

    @classmethod
    def from_proto(cls, answer: ReadMetricHistoryResponse) -> MetricColumns:
        """Convert an answer of the contract."""
        table = answer.metrics
        return cls(answer.run_id, table.keys[0], table.value[:], table.timestamp[:], table.step[:])


class MetricArrays(NamedTuple):
    """The history of one metric of one run as NumPy arrays of the same length.

    Attributes:
        run_id: the run.
        key: name of the metric.
        value: float64.
        timestamp: int64, milliseconds since the epoch.
        step: int64.
    """

    run_id: str
    key: str
    value: NDArray[np.float64]
    timestamp: NDArray[np.int64]
    step: NDArray[np.int64]


@dataclass(frozen=True)
class Experiment:
    """A named group of runs.

    Attributes:
        experiment_id: decimal digits.
        name: unique among all experiments.
        artifact_location: URI under which the artifacts of its runs are stored.
        lifecycle_stage: `active` or `deleted`.
        creation_time: milliseconds since the epoch.
        last_update_time: milliseconds since the epoch.
        tags: its tags, by key.
    """

    experiment_id: str
    name: str
    artifact_location: str
    lifecycle_stage: str
    creation_time: int
    last_update_time: int
    tags: dict[str, str] = field(default_factory=dict)

    @classmethod
    def from_proto(cls, message: experiment_pb2.Experiment) -> Experiment:
        """Convert the message of the contract."""
        return cls(
            experiment_id=message.experiment_id,
            name=message.name,
            artifact_location=message.artifact_location,
            lifecycle_stage=message.lifecycle_stage,
            creation_time=message.creation_time,
            last_update_time=message.last_update_time,
            tags={tag.key: tag.value for tag in message.tags},
        )


@dataclass(frozen=True)
class RunInfo:
    """Identity, state and times of a run.

    Attributes:
        run_id: 32 hexadecimal digits.
        experiment_id: the experiment it belongs to.
        run_name: name for people.
        user_id: who started it; empty if nobody told.
        status: `RUNNING`, `SCHEDULED`, `FINISHED`, `FAILED` or `KILLED` (R2).
        start_time: milliseconds since the epoch.
        end_time: milliseconds since the epoch; None while it goes on.
        artifact_uri: URI under which its artifacts are stored.
        lifecycle_stage: `active` or `deleted`.
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

    @classmethod
    def from_proto(cls, message: run_pb2.RunInfo) -> RunInfo:
        """Convert the message of the contract."""
        return cls(
            run_id=message.run_id,
            experiment_id=message.experiment_id,
            run_name=message.run_name,
            user_id=message.user_id,
            # A newer server may have one more.
            status=_STATUS_NAMES.get(message.status, f"STATUS_{message.status}"),
            start_time=message.start_time,
            end_time=message.end_time if message.HasField("end_time") else None,
            artifact_uri=message.artifact_uri,
            lifecycle_stage=message.lifecycle_stage,
        )


@dataclass(frozen=True)
class RunData:
    """What a run logged.

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
            metrics={metric.key: metric.value for metric in message.metrics},
            params={param.key: param.value for param in message.params},
            tags={tag.key: tag.value for tag in message.tags},
        )


@dataclass(frozen=True)
class Dataset:
    """A reference to data (P4)."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str
    profile: str


@dataclass(frozen=True)
class DatasetInput:
    """A dataset, and the tags that say what it was to one run."""

    dataset: Dataset
    tags: dict[str, str]

    def to_proto(self) -> run_pb2.DatasetInput:
        """Return the message of the contract."""
        return run_pb2.DatasetInput(
            tags=[
                new_message(run_pb2.InputTag, key=k, value=value) for k, value in self.tags.items()
            ],
            dataset=new_message(
                run_pb2.Dataset,
                name=self.dataset.name,
                digest=self.dataset.digest,
                source_type=self.dataset.source_type,
                source=self.dataset.source,
                schema=self.dataset.schema,
                profile=self.dataset.profile,
            ),
        )

    @classmethod
    def from_proto(cls, message: run_pb2.DatasetInput) -> DatasetInput:
        """Convert the message of the contract."""
        dataset = message.dataset
        return cls(
            Dataset(
                name=dataset.name,
                digest=dataset.digest,
                source_type=dataset.source_type,
                source=dataset.source,
                schema=dataset.schema,
                profile=dataset.profile,
            ),
            {tag.key: tag.value for tag in message.tags},
        )


@dataclass(frozen=True)
class RunInputs:
    """What a run read, in the order in which it was logged."""

    dataset_inputs: tuple[DatasetInput, ...]

    @classmethod
    def from_proto(cls, message: run_pb2.RunInputs) -> RunInputs:
        """Convert the message of the contract."""
        return cls(tuple(map(DatasetInput.from_proto, message.dataset_inputs)))


_NO_INPUTS = RunInputs(())


class FileInfo(NamedTuple):
    """A file or a folder among the artifacts of a run.

    Attributes:
        path: relative to the artifacts of the run.
        is_dir: whether it is a folder.
        file_size: bytes of a file; None for a folder.
        sha256: of a file's content, 64 hexadecimal digits; empty for a folder.
        upload_time: milliseconds since the epoch; 0 for a folder.
    """

    path: str
    is_dir: bool
    file_size: int | None
    sha256: str
    upload_time: int

    @classmethod
    def from_proto(cls, message: artifact_pb2.FileInfo) -> FileInfo:
        """Convert the message of the contract."""
        size = message.file_size if message.HasField("file_size") else None
        return cls(message.path, message.is_dir, size, message.sha256, message.upload_time)


@dataclass(frozen=True)
class Run:
    """One execution of training code, as it was when it was read.

    Attributes:
        info: what the run is.
        data: what it logged.
        inputs: what it read.
    """

    info: RunInfo
    data: RunData
    inputs: RunInputs

    @classmethod
    def from_proto(cls, message: run_pb2.Run) -> Run:
        """Convert the message of the contract."""
        return cls(
            RunInfo.from_proto(message.info),
            RunData.from_proto(message.data),
            RunInputs.from_proto(message.inputs) if message.inputs.dataset_inputs else _NO_INPUTS,
        )

    def to_dictionary(self) -> dict[str, Any]:
        """Return the same as dictionaries, under `info`, `data` and `inputs`."""
        return asdict(self)


@dataclass(frozen=True)
class RunChange:
    """What was committed to a run; what is empty did not change.

    Attributes:
        run_id: the run.
        experiment_id: its experiment.
        info: what the run is now, if it was created or its status, name, times or stage changed.
        metrics: points that were logged, maybe once more.
        params: params that were logged, maybe once more, by key.
        tags: tags that were set, by key.
        deleted_tags: keys of tags that were deleted.
        purged: whether the run was removed for good.
        position: where a later watch starts to go on after this change.
    """

    run_id: str
    experiment_id: str
    info: RunInfo | None
    metrics: list[Metric]
    params: dict[str, str]
    tags: dict[str, str]
    deleted_tags: tuple[str, ...]
    purged: bool
    position: str

    @classmethod
    def from_proto(cls, message: watch_service_pb2.RunChange, position: str) -> RunChange:
        """Convert the message of the contract."""
        table = message.metrics
        check_columns(table, several_keys=True)
        keys = map(table.keys[:].__getitem__, table.key)
        return cls(
            run_id=message.run_id,
            experiment_id=message.experiment_id,
            info=RunInfo.from_proto(message.info) if message.HasField("info") else None,
            metrics=list(map(Metric, keys, table.value, table.timestamp, table.step)),
            params={param.key: param.value for param in message.params},
            tags={tag.key: tag.value for tag in message.tags},
            deleted_tags=tuple(message.deleted_tags),
            purged=message.purged,
            position=position,
        )


@dataclass(frozen=True)
class Purged:
    """What a purge has removed up to now, or would remove (E5).

    Attributes:
        experiments: experiments.
        runs: runs.
        points: points of metrics.
        logged_models: logged models.
        artifacts: artifact files, counted once where several runs or models have the same content.
        artifact_bytes: bytes of these files.
    """

    experiments: int
    runs: int
    points: int
    logged_models: int
    artifacts: int
    artifact_bytes: int

    @classmethod
    def from_proto(cls, message: maintenance_service_pb2.PurgeResponse) -> Purged:
        """Convert the message of the contract."""
        return cls(
            experiments=message.experiments,
            runs=message.runs,
            points=message.points,
            logged_models=message.logged_models,
            artifacts=message.artifacts,
            artifact_bytes=message.artifact_bytes,
        )


@dataclass(frozen=True)
class ServerInfo:
    """What a server is.

    Attributes:
        version: its version.
        grpc_port: its TCP port of gRPC; 0 if it listens on a Unix socket.
        http_port: its TCP port of HTTP, and of the web interface; 0 while it serves none.
        has_interface: whether the web interface is there, which is built with `make web`.
    """

    version: str
    grpc_port: int
    http_port: int
    has_interface: bool
