"""A logged model: files that a run made, with params, tags and what was measured of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from runstream.v1 import logged_model_pb2, metric_pb2

# MLflow's words for the status.
_STATUS_NAMES = {
    logged_model_pb2.LOGGED_MODEL_PENDING: "PENDING",
    logged_model_pb2.LOGGED_MODEL_READY: "READY",
    logged_model_pb2.LOGGED_MODEL_UPLOAD_FAILED: "FAILED",
}


class ModelMetric(NamedTuple):
    """One point of a metric of a logged model.

    Attributes:
        key: name of the metric.
        value: any double; NaN and the infinities are values.
        timestamp: milliseconds since the epoch.
        step: training step.
        run_id: the run that logged it.
        dataset_name: the dataset that the model was measured with; empty if none was named.
        dataset_digest: digest of that dataset.
    """

    key: str
    value: float
    timestamp: int
    step: int
    run_id: str
    dataset_name: str
    dataset_digest: str

    @classmethod
    def from_proto(cls, message: metric_pb2.LoggedMetric) -> ModelMetric:
        """Convert the message of the contract."""
        return cls(
            message.key,
            message.value,
            message.timestamp,
            message.step,
            message.run_id,
            message.dataset_name,
            message.dataset_digest,
        )


@dataclass(frozen=True)
class LoggedModel:
    """A logged model, as it was when it was read.

    Attributes:
        model_id: `m-` and 32 hexadecimal digits.
        experiment_id: the experiment it belongs to.
        name: name for people; several models may have the same.
        model_type: kind of model, such as `Classifier`.
        status: `PENDING`, `READY` or `FAILED`: whether its files are there.
        source_run_id: the run that made it; empty if none did.
        artifact_location: URI under which its files are stored.
        creation_timestamp: milliseconds since the epoch.
        last_updated_timestamp: milliseconds since the epoch.
        params: its params, by key.
        tags: its tags, by key.
        metrics: what was measured of it: of each metric, run and dataset the 100 latest points.
    """

    model_id: str
    experiment_id: str
    name: str
    model_type: str
    status: str
    source_run_id: str
    artifact_location: str
    creation_timestamp: int
    last_updated_timestamp: int
    params: dict[str, str]
    tags: dict[str, str]
    metrics: tuple[ModelMetric, ...]

    @classmethod
    def from_proto(cls, message: logged_model_pb2.LoggedModel) -> LoggedModel:
        """Convert the message of the contract."""
        info = message.info
        return cls(
            model_id=info.model_id,
            experiment_id=info.experiment_id,
            name=info.name,
            model_type=info.model_type,
            # A newer server may have one more.
            status=_STATUS_NAMES.get(info.status, f"STATUS_{info.status}"),
            source_run_id=info.source_run_id,
            artifact_location=info.artifact_uri,
            creation_timestamp=info.creation_timestamp_ms,
            last_updated_timestamp=info.last_updated_timestamp_ms,
            params={param.key: param.value for param in message.data.params},
            tags={tag.key: tag.value for tag in info.tags},
            metrics=tuple(map(ModelMetric.from_proto, message.data.metrics)),
        )
