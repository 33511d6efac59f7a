"""The starts, ends and other changes of runs by MLflow's programs: batches of the outbox.

They go out in the order of the program, and are on the disk of this machine before they are sent.
While the server is reachable, each waits for the answer, because MLflow's callers expect errors
where they happen; while it is away, the program goes on, with the one warning of the outbox.
"""

from __future__ import annotations

import atexit
import time
from dataclasses import replace
from urllib.parse import urlsplit

import mlflow

from runstream.calls.client import TrackingClient
from runstream.contract.run_batches import ExperimentChoice, update_batch
from runstream.entities import RunInfo
from runstream.fluent.run_handle import ActiveRun, open_run
from runstream.mlflow_plugin.mlflow_entities import ARTIFACT_SCHEME
from runstream.mlflow_plugin.tracking_server import Known
from runstream.v1.logging_service_pb2 import LogBatchRequest
from runstream.v1.run_pb2 import RunStatus

# Runs whose end was queued by the end of the program.
_ended_at_exit: set[str] = set()


class RunChanges:
    """Changes runs on a server."""

    def __init__(self, client: TrackingClient, known: Known) -> None:
        """Change runs.

        Args:
            client: the client of the server.
            known: what this process knows of them, which is kept up to date.
        """
        self._client = client
        self._known = known.runs
        self._experiments = known.experiments

    def start(
        self, start: LogBatchRequest, experiment: ExperimentChoice, experiment_id: str
    ) -> RunInfo:
        """Create a run, and return it as the server says or else as it is made here.

        An interrupt leaves no run that is RUNNING (R9). Without heartbeats it is one for anybody,
        which does not end with this program.

        Args:
            start: the batch by which it starts.
            experiment: where it belongs.
            experiment_id: the id of the experiment for MLflow.

        Raises:
            RunstreamError: the server refuses it.
        """
        new = start.start
        info = RunInfo(
            run_id=start.run_id,
            experiment_id=experiment_id,
            run_name=new.run_name,
            user_id=new.user_id,
            status="RUNNING",
            start_time=new.start_time,
            end_time=None,
            artifact_uri=self._artifact_uri(start.run_id, experiment),
            lifecycle_stage="active",
        )
        run = _begin(ActiveRun(self._client, info, start))
        if not new.heartbeat:
            run.release()
        return self._known.keep(start.run_id, run.info)

    def resume(self, run_id: str, end_time: int | None) -> RunInfo:
        """Make a run RUNNING again; this process sends its heartbeats until it ends the run.

        Raises:
            RunstreamError: the server refuses it.
        """
        batch = update_batch(run_id, "RUNNING", end_time, heartbeat=True)
        run = open_run(run_id)
        if run is not None and run.is_started_here:
            return self.change(batch)
        info = replace(self.find(run_id) or unknown_run(run_id), status="RUNNING", end_time=None)
        return self._known.keep(run_id, _begin(ActiveRun(self._client, info, batch)).info)

    def change(self, batch: LogBatchRequest) -> RunInfo:
        """Change a run that goes on, and return it as far as it is known.

        Raises:
            RunstreamError: the server refuses it, or something that was logged to the run before.
        """
        self.write(batch)
        return self._keep_change(batch)

    def end(self, batch: LogBatchRequest) -> RunInfo:
        """End a run after all that was logged to it, and return it as far as it is known.

        Raises:
            RunstreamError: the server refuses it, or something that was logged to the run before.
        """
        if batch.run_id not in _ended_at_exit:  # nothing can be sent any more then
            _queue_end(self._client, batch)
            self._client.wait_while_reachable(batch.run_id)
        return self._keep_change(batch)

    def write(self, batch: LogBatchRequest) -> None:
        """Queue what is said of a run, and wait for the answer while the server is reachable.

        Raises:
            RunstreamError: the server refuses it, or something that was logged to the run before.
        """
        self._client.buffer(batch.run_id).queue_batch(batch)
        self._client.wait_for_start(batch.run_id)

    def find(self, run_id: str) -> RunInfo | None:
        """Return what this process knows of a run; None if it does not know it."""
        run = open_run(run_id)
        return self._known.find(run_id) if run is None else run.info

    def _keep_change(self, batch: LogBatchRequest) -> RunInfo:
        before = self.find(batch.run_id) or unknown_run(batch.run_id)
        update = batch.update
        status = update.status and RunStatus.Name(update.status)
        after = replace(
            before,
            status=status or before.status,
            end_time=update.end_time if update.HasField("end_time") else before.end_time,
            run_name=update.run_name or before.run_name,
        )
        return self._known.keep(batch.run_id, after)

    def _artifact_uri(self, run_id: str, experiment: ExperimentChoice) -> str:
        """Return where the artifacts of a new run are, as far as that is known here."""
        found = self._experiments.find(experiment.name or experiment.experiment_id)
        root = urlsplit(found.artifact_location if found else f"{ARTIFACT_SCHEME}:/")
        path = f"{root.path.rstrip('/')}/{run_id}/artifacts"
        return root._replace(path=path).geturl()


def _begin(run: ActiveRun) -> ActiveRun:
    try:
        run.start()
    except BaseException as error:
        run.abort(error)
        raise
    return run


def _queue_end(client: TrackingClient, batch: LogBatchRequest) -> None:
    client.buffer(batch.run_id).queue_update(batch)
    run = open_run(batch.run_id)
    if run is not None:
        run.release()


def unknown_run(run_id: str) -> RunInfo:
    """Return a run of which nothing but its id is known."""
    uri = f"{ARTIFACT_SCHEME}:/{run_id}/artifacts"
    return RunInfo(run_id, "", "", "", "RUNNING", 0, None, uri, "active")


@atexit.register
def _end_active_run() -> None:
    """Queue the end of MLflow's active run, as MLflow itself does at the end of a program.

    MLflow does it when all that is queued may have been sent already: functions for the end of a
    program are called in the reverse order, and MLflow has registered its own one first. This one
    is called before that of `runstream.process.shutdown`, which is imported above.
    """
    active = mlflow.active_run()
    run = active and open_run(active.info.run_id)
    if run is not None and run.is_started_here:
        _ended_at_exit.add(run.run_id)
        now = time.time_ns() // 1_000_000
        _queue_end(run.client, update_batch(run.run_id, "FINISHED", now))
