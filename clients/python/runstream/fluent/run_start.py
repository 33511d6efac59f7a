"""The start of a run: by one batch, which creates it or makes it RUNNING again.

The run has its id and its name before the server knows of it. While the server is reachable, a
start waits for its answer, which may be a refusal; while it is away, the program goes on.

An interrupt (Ctrl-C, an exception of a signal handler) may come at any moment. The handle of the
run is registered before its start is queued: from then on either a caller has the run, or `abort`
ends it, or else the end of the program.
"""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from google.protobuf.message import DecodeError

from runstream import entities
from runstream.calls.client import TrackingClient
from runstream.contract.run_batches import ExperimentChoice, start_batch, update_batch
from runstream.fluent.run_handle import ActiveRun
from runstream.v1.logging_service_pb2 import LogBatchRequest

Activate = Callable[[ActiveRun], object]

#: Environment variable with the start of the run that RUNSTREAM_RUN_ID names.
START = "RUNSTREAM_RUN_START"


def create_run(
    client: TrackingClient,
    experiment: ExperimentChoice,
    tags: Mapping[str, str],
    run_name: str | None,
    activate: Activate = lambda _: None,
) -> ActiveRun:
    """Start a new run and return its handle.

    Args:
        client: the client of the server.
        experiment: where it belongs.
        tags: tags to set, that of its user among them.
        run_name: name for people; one is generated, if None (R3).
        activate: called with the handle; if it raises, the run is ended.

    Raises:
        RunstreamError: an argument breaks its rule, or the server refuses the start.
    """
    now = time.time_ns() // 1_000_000
    user = tags.get("mlflow.user")
    batch = start_batch(secrets.token_hex(16), experiment, now, tags, run_name, user)
    start = batch.start
    info = _client_made_info(
        batch.run_id, start.experiment_id, start.run_name, start.user_id, start.start_time
    )
    return _begin(ActiveRun(client, info, batch), activate)


def resume_run(
    client: TrackingClient,
    run_id: str,
    tags: Mapping[str, str],
    run_name: str | None,
    stored: entities.RunInfo | None,
    activate: Activate,
    start: LogBatchRequest | None = None,
) -> ActiveRun:
    """Make a run RUNNING again and return a handle of it.

    Args:
        client: the client of the server.
        run_id: the run.
        tags: tags to set.
        run_name: a new name; unchanged, if None.
        stored: what the server says of the run; None while that is away.
        activate: as for `create_run`.
        start: the start of the run, if the server may not have it yet.

    Raises:
        RunstreamError: an argument breaks its rule, or the server refuses it, because the run is
            not there or is deleted.
    """
    now = time.time_ns() // 1_000_000
    batch: LogBatchRequest = update_batch(
        run_id, "RUNNING", run_name=run_name or None, tags=tags, heartbeat=True
    )
    if start is not None and stored is None:
        start.MergeFrom(batch)
        batch = start
    info = stored or _client_made_info(run_id, "", run_name or "", "", now)
    info = replace(info, status="RUNNING", end_time=None)
    return _begin(ActiveRun(client, info, batch), activate)


def start_variable(run: ActiveRun) -> dict[str, str]:
    """Return the environment variable by which a program that resumes a run can start it, too.

    Empty if the server has answered the start. Otherwise what the program says of the run may reach
    the server before the start does, and would be refused.
    """
    batch = run.unanswered_start
    return {} if batch is None else {START: base64.b64encode(batch.SerializeToString()).decode()}


def read_start_variable(value: str, run_id: str) -> LogBatchRequest | None:
    """Return the start of a run that an environment variable holds; None if it is of another."""
    try:
        batch = LogBatchRequest.FromString(base64.b64decode(value))
    except (ValueError, DecodeError):
        return None
    return batch if batch.run_id == run_id and batch.HasField("start") else None


def _begin(run: ActiveRun, activate: Activate) -> ActiveRun:
    try:
        run.start()
        activate(run)
    except BaseException as error:
        run.abort(error)
        raise
    return run


def _client_made_info(
    run_id: str, experiment_id: str, name: str, user: str, start_time: int
) -> entities.RunInfo:
    return entities.RunInfo(
        run_id=run_id,
        experiment_id=experiment_id,
        run_name=name,
        user_id=user,
        status="RUNNING",
        start_time=start_time,
        end_time=None,
        artifact_uri="",
        lifecycle_stage="active",
    )
