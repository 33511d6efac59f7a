"""The part of MLflow's tracking store that logs points, params and tags."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from mlflow.entities import Metric, Param, RunTag
from mlflow.utils.async_logging.run_operations import RunOperations

from runstream.calls.client import TrackingClient
from runstream.contract.messages import new_message
from runstream.contract.run_batches import deleted_tag_batch
from runstream.errors import Unavailable
from runstream.mlflow_plugin.mlflow_entities import HAS_LOGGED_MODELS
from runstream.mlflow_plugin.mlflow_errors import methods_with_mlflow_errors
from runstream.mlflow_plugin.run_changes import RunChanges
from runstream.transport.connection import Connection
from runstream.v1.run_service_pb2 import LogModelRequest


@methods_with_mlflow_errors
class Delivery(Future[None]):
    """What MLflow waits for after a call that does not wait: that it is on disk."""

    def __init__(self, client: TrackingClient, run_id: str) -> None:
        super().__init__()
        self._client = client
        self._run_id = run_id

    def result(self, timeout: float | None = None) -> None:
        """Wait until all that was logged to the run before is on disk."""
        self._client.flush_run(self._run_id, timeout)


@methods_with_mlflow_errors
class LoggingMethods:
    """What logs, as `mlflow.store.tracking.AbstractStore` describes each method.

    It queues, whether MLflow asks for that or not; a point of a model's metric alone is on disk
    when a call returns, or kept while the server is away, because the stream has no models.
    """

    _client: TrackingClient
    _connection: Connection
    _changes: RunChanges

    def log_metric(self, run_id: str, metric: Metric) -> None:
        """Queue one point."""
        if HAS_LOGGED_MODELS and metric.model_id:
            self._log_model_metrics(run_id, [metric])
        else:
            self._client.buffer(run_id).log_metric(
                metric.key, metric.value, metric.step, metric.timestamp
            )

    def log_param(self, run_id: str, param: Param) -> None:
        """Queue one param."""
        self._client.buffer(run_id).log_params({param.key: param.value})

    def set_tag(self, run_id: str, tag: RunTag) -> None:
        """Queue one tag."""
        self._client.buffer(run_id).set_tags({tag.key: tag.value})

    def log_batch(
        self,
        run_id: str,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
    ) -> None:
        """Queue points, params and tags."""
        of_models = [one for one in metrics if one.model_id] if HAS_LOGGED_MODELS else []
        queued = [one for one in metrics if not one.model_id] if of_models else metrics
        self._client.buffer(run_id).log_batch(
            [(one.key, one.value, one.timestamp, one.step) for one in queued],
            [(param.key, param.value) for param in params],
            [(tag.key, tag.value) for tag in tags],
        )
        if of_models:
            self._log_model_metrics(run_id, of_models)

    def log_metric_async(self, run_id: str, metric: Metric) -> RunOperations:
        """Queue one point; what it returns can wait."""
        return self.log_batch_async(run_id, [metric], (), ())

    def log_param_async(self, run_id: str, param: Param) -> RunOperations:
        """Queue one param; what it returns can wait."""
        return self.log_batch_async(run_id, (), [param], ())

    def set_tag_async(self, run_id: str, tag: RunTag) -> RunOperations:
        """Queue one tag; what it returns can wait."""
        return self.log_batch_async(run_id, (), (), [tag])

    def log_batch_async(
        self,
        run_id: str,
        metrics: Sequence[Metric],
        params: Sequence[Param],
        tags: Sequence[RunTag],
    ) -> RunOperations:
        """Queue points, params and tags; what it returns can wait."""
        self.log_batch(run_id, metrics, params, tags)
        return RunOperations([Delivery(self._client, run_id)])

    def flush_async_logging(self) -> None:
        """Wait until all that was logged before is on disk."""
        self._client.flush()

    def end_async_logging(self) -> None:
        """Do nothing: nothing of MLflow's queue is used."""

    def shut_down_async_logging(self) -> None:
        """Do nothing: the end of a run waits for what was logged to it."""

    def delete_tag(self, run_id: str, key: str) -> None:
        """Delete a tag."""
        self._changes.write(deleted_tag_batch(run_id, key))

    def record_logged_model(self, run_id: str, mlflow_model: Any) -> None:
        """Add a model to the tag of a run that lists its models."""
        if self._client.is_away:  # MLflow warns, and goes on
            raise Unavailable("the server is away, and only it can add a model to the tag of a run")
        self._client.flush_run(run_id)  # the tag may be queued
        described = (
            json.dumps(mlflow_model.get_tags_dict())
            if HAS_LOGGED_MODELS
            else mlflow_model.to_json()
        )
        request = new_message(LogModelRequest, run_id=run_id, model_json=described)
        self._connection.call(lambda stubs: stubs.runs.LogModel, request)

    def _log_model_metrics(self, run_id: str, metrics: Sequence[Metric]) -> None:
        points: dict[tuple[str, tuple[str, str]], list[Any]] = {}
        for metric in metrics:
            dataset = (metric.dataset_name or "", metric.dataset_digest or "")
            rows = points.setdefault((metric.model_id, dataset), [])
            rows.append((metric.key, metric.value, metric.timestamp, metric.step))
        for (model_id, dataset), rows in points.items():
            self._client.log_model_metrics(run_id, model_id, rows, dataset)
