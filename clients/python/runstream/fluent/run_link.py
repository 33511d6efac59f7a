"""Links to the web interface, for people who watch a program start its runs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from runstream.entities import RunInfo
from runstream.errors import RunstreamError

if TYPE_CHECKING:
    from runstream.calls.client import TrackingClient


def print_link(client: TrackingClient, run: RunInfo) -> None:
    """Print where a run is to be seen, if somebody reads it and there is an interface.

    Somebody reads it on a terminal and in a notebook. It goes to stderr: what a program prints on
    stdout is its own.
    """
    if sys.stderr is None or not (sys.stderr.isatty() or "ipykernel" in sys.modules):
        return
    try:
        uri = client.interface_uri(run.run_id, run.experiment_id)
    except RunstreamError:  # a link is no reason to fail
        return
    if uri is not None:
        print(f"runstream: {run.run_name} is at {uri}", file=sys.stderr)  # noqa: T201
