"""Which client the calls about a run go to (R7)."""

from __future__ import annotations

from runstream.calls.client import TrackingClient
from runstream.fluent.destination import current_client
from runstream.fluent.run_handle import open_run


def client_for_run(run_id: str) -> TrackingClient:
    """Return the client of the server of a run: its own, if it is open here, or the chosen one."""
    run = open_run(run_id)
    return current_client() if run is None else run.client
