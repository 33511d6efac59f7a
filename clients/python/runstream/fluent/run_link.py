"""The link to a run's page in the web interface, printed when the run starts."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from runstream.entities import RunInfo
from runstream.errors import RunstreamError
from runstream.process.notebook import is_notebook

if TYPE_CHECKING:
    from runstream.calls.client import TrackingClient


def print_link(client: TrackingClient, run: RunInfo) -> None:
    """Print the link to a run's page on stderr, on a terminal and in a notebook.

    Nothing is printed if the server has no web interface.
    """
    if sys.stderr is None or not (sys.stderr.isatty() or is_notebook()):
        return
    try:
        uri = client.interface_uri(run.run_id, run.experiment_id)
    except RunstreamError:  # a missing link must not end the program
        return
    if uri is not None:
        print(f"runstream: {run.run_name} is at {uri}", file=sys.stderr)  # noqa: T201
