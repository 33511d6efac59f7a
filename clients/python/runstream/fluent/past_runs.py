"""Runs that are logged when they are over, by batches that wait for no server."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from runstream.calls.client import TrackingClient
from runstream.contract.run_batches import ExperimentChoice, start_batch, update_batch


def start_past_run(
    client: TrackingClient,
    experiment: ExperimentChoice,
    start_time: int,
    tags: Mapping[str, object],
    run_name: str | None = None,
) -> str:
    """Queue the start of a run, which `end_past_run` is to end soon; return its id.

    Args:
        client: the client of the server.
        experiment: where it belongs.
        start_time: milliseconds since the epoch.
        tags: tags to set, that of its user among them.
        run_name: its name; one is generated, if left out (R3).

    Raises:
        RunstreamError: something breaks its rule, or nothing can be queued.
    """
    user = str(tags.get("mlflow.user", ""))
    batch = start_batch(secrets.token_hex(16), experiment, start_time, tags, run_name, user)
    client.buffer(batch.run_id).queue_batch(batch)
    return batch.run_id


def end_past_run(client: TrackingClient, run_id: str, status: str, end_time: int) -> None:
    """Queue the end of a run, after all that was logged to it."""
    client.buffer(run_id).queue_update(update_batch(run_id, status, end_time))
