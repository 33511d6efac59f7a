"""The fluent API of runs that are named by their id: to read, delete and restore them."""

from __future__ import annotations

from runstream import entities
from runstream.fluent.run_clients import client_for_run


def get_run(run_id: str) -> entities.Run:
    """Return a run with all that was logged to it before; see `TrackingClient.get_run`."""
    return client_for_run(run_id).get_run(run_id)


def delete_run(run_id: str, with_children: bool = False) -> None:
    """Delete a run; it can be restored (R2). See `TrackingClient.delete_run`."""
    client_for_run(run_id).delete_run(run_id, with_children)


def restore_run(run_id: str) -> None:
    """Restore a deleted run (R2); see `TrackingClient.restore_run`."""
    client_for_run(run_id).restore_run(run_id)


def get_parent_run(run_id: str) -> entities.Run | None:
    """Return the parent of a run, None if it has none; raises NotFound."""
    return client_for_run(run_id).get_parent_run(run_id)
