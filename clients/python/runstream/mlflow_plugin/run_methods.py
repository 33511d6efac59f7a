"""The part of MLflow's tracking store about runs and histories of metrics."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from mlflow.entities import Metric, Run, RunInfo, RunStatus, RunTag, SourceType
from mlflow.store.entities.paged_list import PagedList
from mlflow.utils.mlflow_tags import MLFLOW_SOURCE_TYPE

from runstream import entities
from runstream.calls.client import TrackingClient
from runstream.calls.starting import Start
from runstream.contract.messages import new_message
from runstream.mlflow_plugin.mlflow_entities import to_metrics, to_run, to_run_info
from runstream.mlflow_plugin.mlflow_errors import methods_with_mlflow_errors
from runstream.transport.connection import Connection
from runstream.v1 import run_pb2
from runstream.v1 import run_service_pb2 as runs
from runstream.v1.metric_service_pb2 import POINT_ORDER_BY_TIMESTAMP, GetMetricHistoryRequest


@methods_with_mlflow_errors
class RunMethods:
    """Runs, as `mlflow.store.tracking.AbstractStore` describes each method.

    What this process logged before is on disk before anything is read, and so is found.

    The process that starts or resumes a run sends heartbeats of it until it ends the run. Whoever
    calls `MlflowClient.create_run` alone makes a run for anybody, which has none.

    Attributes:
        _is_in_program: whether this process is the program of its runs, and not MLflow's server.
    """

    _client: TrackingClient
    _connection: Connection
    _is_in_program: bool

    def create_run(
        self,
        experiment_id: str | int,
        user_id: str | None,
        start_time: int,
        tags: Sequence[RunTag] | None,
        run_name: str | None,
    ) -> Run:
        """Create a run; an interrupt of this call leaves none that is RUNNING (R9)."""
        is_started_here = self._is_in_program and _says_where_it_runs(tags or ())
        request = new_message(
            runs.CreateRunRequest,
            experiment_id=str(experiment_id),
            user_id=user_id or "",
            start_time=start_time,
            tags=[run_pb2.RunTag(key=tag.key, value=str(tag.value)) for tag in tags or ()],
            run_name=run_name or "",
            run_id=secrets.token_hex(16),
            heartbeat=is_started_here,
        )

        def make_result(answer: runs.CreateRunResponse) -> Run:
            if is_started_here:
                self._start_heartbeats(answer.run.info.run_id)
            return to_run(answer.run)

        start = Start(self._connection, request)
        return start.send(make_result)

    def get_run(self, run_id: str) -> Run:
        """Return a run with all that was logged to it before."""
        self._client.flush_run(run_id)
        request = new_message(runs.GetRunRequest, run_id=run_id)
        return to_run(self._connection.call(lambda stubs: stubs.runs.GetRun, request).run)

    def update_run_info(
        self,
        run_id: str,
        run_status: int | None = None,
        end_time: int | None = None,
        run_name: str | None = None,
    ) -> RunInfo:
        """Change a run; it ends once all that was logged to it is on disk."""
        status = None if run_status is None else RunStatus.to_string(run_status)
        if run_status is None or not RunStatus.is_terminated(run_status):
            # MLflow's client gives the status with a new name, too, which resumes nothing.
            is_resumed = self._is_in_program and run_status == RunStatus.RUNNING and not run_name
            info = self._client.update_run(run_id, status, run_name, end_time, heartbeat=is_resumed)
            if is_resumed:
                self._start_heartbeats(run_id)
            return to_run_info(info)
        if run_name:
            self._client.update_run(run_id, name=run_name)
        try:
            return to_run_info(self._client.set_terminated(run_id, status, end_time))
        finally:  # if the end is not on disk, MLflow does not try again, and the run is lost
            self._stop_heartbeats(run_id)

    def delete_run(self, run_id: str) -> None:
        """Delete a run."""
        self._client.delete_run(run_id)
        self._stop_heartbeats(run_id)

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
            experiment_ids=list(map(str, experiment_ids)) or ["-1"],
            filter=filter_string or "",
            run_view_type=run_view_type,  # type: ignore[arg-type] # MLflow's numbers are ours
            max_results=max_results or 0,
            order_by=order_by or (),
            page_token=page_token or "",
        )
        page = self._connection.call(lambda stubs: stubs.runs.SearchRuns, request)
        return list(map(to_run, page.runs)), page.next_page_token or None

    def _start_heartbeats(self, run_id: str) -> None:
        self._client.start_heartbeats(run_id, self._client)

    def _stop_heartbeats(self, run_id: str) -> None:
        self._client.stop_heartbeats(run_id, self._client)

    def log_inputs(
        self,
        run_id: str,
        datasets: Sequence[Any] | None = None,
        models: Sequence[Any] | None = None,
    ) -> None:
        """Record datasets and models that a run read."""
        if datasets:
            self._client.log_inputs(run_id, map(_to_dataset_input, datasets))
        if models:
            self._client.log_input_models(run_id, [model.model_id for model in models])

    def log_outputs(self, run_id: str, models: Sequence[Any]) -> None:
        """Record models that a run made."""
        self._client.log_outputs(run_id, [(model.model_id, model.step) for model in models])


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
