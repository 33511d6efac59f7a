"""The link to a run's page in the web interface, printed when the run starts."""

from __future__ import annotations

import sys

from runstream.errors import RunstreamError
from runstream.fluent.run_handle import ActiveRun
from runstream.process.notebook import is_notebook
from runstream.transport.call_limit import limit_calls

#: Seconds that the server has to say where its web interface is.
SECONDS = 3.0


def print_link(run: ActiveRun) -> None:
    """Print the link to a run's page on stderr, on a terminal and in a notebook.

    Nothing is printed if the server has no web interface, or is away.
    """
    if not run.is_confirmed or sys.stderr is None or not (sys.stderr.isatty() or is_notebook()):
        return
    info = run.info
    try:
        with limit_calls(SECONDS):
            uri = run.client.interface_uri(info.run_id, info.experiment_id)
    except RunstreamError:  # a missing link must not end the program
        return
    if uri is not None:
        print(f"runstream: {info.run_name} is at {uri}", file=sys.stderr)  # noqa: T201
