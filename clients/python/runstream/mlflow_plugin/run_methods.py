"""The part of MLflow's tracking store about runs and histories of metrics."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from mlflow.entities import Metric, Run, RunInfo, RunStatus, RunTag, SourceType
from mlflow.store.entities.paged_list import PagedList
from mlflow.utils.mlflow_tags import MLFLOW_SOURCE_TYPE

from runstream import entities
from runstream.calls.client import TrackingClient
from runstream.contract.messages import new_message
from runstream.contract.run_batches import (
    ExperimentChoice,
    inputs_batch,
    start_batch,
    update_batch,
)
from runstream.fluent.run_handle import open_run
from runstream.mlflow_plugin.experiment_ids import to_server_id
from runstream.mlflow_plugin.mlflow_entities import to_metrics, to_new_run, to_run, to_run_info
from runstream.mlflow_plugin.mlflow_errors import methods_with_mlflow_errors
from runstream.mlflow_plugin.run_changes import RunChanges, unknown_run
from runstream.mlflow_plugin.tracking_server import Known
from runstream.mlflow_plugin.unread_entities import UnreadRun
from runstream.transport.connection import Connection
from runstream.v1 import run_service_pb2 as runs
from runstream.v1.metric_service_pb2 import POINT_ORDER_BY_TIMESTAMP, GetMetricHistoryRequest


@methods_with_mlflow_errors
class RunMethods:
    """Runs, as `mlflow.store.tracking.AbstractStore` describes each method.

    What this process logged before is on disk before anything is read, and so is found.

    The process that starts or resumes a run sends heartbeats of it until it ends the run. Whoever
    calls `MlflowClient.create_run` alone makes a run for anybody, which has none.

    While the server is away, what changes a run is kept, and what reads fails once it has waited.

    Attributes:
        _changes: changes runs.
        _is_in_program: whether this process is the program of its runs, and not MLflow's server.
    """

    _client: TrackingClient
    _connection: Connection
    _known: Known
    _changes: RunChanges
    _is_in_program: bool

    def create_run(
        self,
        experiment_id: str | int,
        user_id: str | None,
        start_time: int,
        tags: Sequence[RunTag] | None,
        run_name: str | None,
    ) -> Run:
        """Create a run; an interrupt of this call leaves none that is RUNNING (R9).

        While the server is away, it is one of which the server knows nothing yet.
        """
        experiment = ExperimentChoice.of_id(str(experiment_id))
        texts = {tag.key: str(tag.value) for tag in tags or ()}
        if start_time is None:
            start_time = time.time_ns() // 1_000_000
        batch = start_batch(secrets.token_hex(16), experiment, start_time, texts, run_name, user_id)
        batch.start.heartbeat = self._is_in_program and _says_where_it_runs(tags or ())
        return to_new_run(self._changes.start(batch, experiment, str(experiment_id)), texts)

    def get_run(self, run_id: str) -> Run:
        """Return a run with all that was logged to it before.

        While the server is away, it is one of which is read what this process does not know.
        """
        read = partial(_read_run, self._client, self._connection, self._known, run_id)
        found = self._client.ask(read)
        if found is not None:
            return found
        known = self._changes.find(run_id)
        return UnreadRun(to_run_info(known or unknown_run(run_id)), read, is_known=bool(known))

    def update_run_info(
        self,
        run_id: str,
        run_status: int | None = None,
        end_time: int | None = None,
        run_name: str | None = None,
    ) -> RunInfo:
        """Change a run; it ends after all that was logged to it."""
        # MLflow's client gives the status with a new name, too, which resumes nothing.
        if self._is_in_program and run_status == RunStatus.RUNNING and not run_name:
            return to_run_info(self._changes.resume(run_id, end_time))
        is_end = run_status is not None and RunStatus.is_terminated(run_status)
        if is_end and end_time is None:
            end_time = time.time_ns() // 1_000_000
        status = None if run_status is None else RunStatus.to_string(run_status)
        batch = update_batch(run_id, status, end_time, run_name=run_name)
        change = self._changes.end if is_end else self._changes.change
        return to_run_info(change(batch))

    def delete_run(self, run_id: str) -> None:
        """Delete a run."""
        self._client.delete_run(run_id)
        run = open_run(run_id)
        if run is not None:
            run.release()

    def restore_run(self, run_id: str) -> None:
        """Restore a run."""
        self._client.restore_run(run_id)

    def get_metric_history(
        self,
        run_id: str,
        metric_key: str,
        max_results: int | None = None,
        page_token: str | None = None,
    ) -> PagedList[Metric]:
        """Return points of a metric by timestamp, step and value: a page, or all of them."""
        self._client.flush_run(run_id)
        request = new_message(
            GetMetricHistoryRequest,
            run_id=run_id,
            metric_key=metric_key,
            max_results=max_results or 0,
            page_token=page_token or "",
            order=POINT_ORDER_BY_TIMESTAMP,
        )
        points: list[Metric] = []
        while True:
            page = self._connection.call(lambda stubs: stubs.metrics.GetMetricHistory, request)
            points += to_metrics(page.metrics)
            request.page_token = page.next_page_token
            if max_results is not None or not request.page_token:
                return PagedList(points, page.next_page_token or None)

    def _search_runs(
        self,
        experiment_ids: Sequence[str | int],
        filter_string: str | None,
        run_view_type: int,
        max_results: int | None,
        order_by: Sequence[str] | None,
        page_token: str | None,
    ) -> tuple[list[Run], str | None]:
        self._client.flush()
        request = new_message(
            runs.SearchRunsRequest,
            # For MLflow no experiments are none, for the contract they are all.
            experiment_ids=[to_server_id(self._client, one) for one in experiment_ids] or ["-1"],
            filter=filter_string or "",
            run_view_type=run_view_type,  # type: ignore[arg-type] # MLflow's numbers are ours
            max_results=max_results or 0,
            order_by=order_by or (),
            page_token=page_token or "",
        )
        page = self._connection.call(lambda stubs: stubs.runs.SearchRuns, request)
        return list(map(to_run, page.runs)), page.next_page_token or None

    def log_inputs(
        self,
        run_id: str,
        datasets: Sequence[Any] | None = None,
        models: Sequence[Any] | None = None,
    ) -> None:
        """Record datasets and models that a run read."""
        if datasets:
            messages = [_to_dataset_input(one).to_proto() for one in datasets]
            self._changes.write(inputs_batch(run_id, messages))
        if models:
            self._client.log_input_models(run_id, [model.model_id for model in models])

    def log_outputs(self, run_id: str, models: Sequence[Any]) -> None:
        """Record models that a run made."""
        self._client.log_outputs(run_id, [(model.model_id, model.step) for model in models])


def _read_run(client: TrackingClient, connection: Connection, known: Known, run_id: str) -> Run:
    client.flush_run(run_id, with_files=False)
    request = new_message(runs.GetRunRequest, run_id=run_id)
    found = connection.call(lambda stubs: stubs.runs.GetRun, request).run
    known.runs.keep(run_id, entities.RunInfo.from_proto(found.info))
    return to_run(found)


def _says_where_it_runs(tags: Sequence[RunTag]) -> bool:
    """Return whether who creates a run runs it, as MLflow's `start_run` does.

    It, and loggers that do the same, say so in a tag. A project's run is one of another process.
    """
    types = [tag.value for tag in tags if tag.key == MLFLOW_SOURCE_TYPE]
    return bool(types) and types[-1] != SourceType.to_string(SourceType.PROJECT)


def _to_dataset_input(one: Any) -> entities.DatasetInput:
    given = one.dataset
    dataset = entities.Dataset(
        name=given.name,
        digest=given.digest,
        source_type=given.source_type,
        source=given.source,
        schema=given.schema or "",
        profile=given.profile or "",
    )
    return entities.DatasetInput(dataset, {tag.key: tag.value for tag in one.tags})
