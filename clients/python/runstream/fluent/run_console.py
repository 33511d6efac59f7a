"""The capture of the console for the runs that `start_run` starts."""

from __future__ import annotations

import logging
import os

from runstream.fluent.run_handle import ActiveRun

log = logging.getLogger("runstream")

#: The run for which `runstream run` captures what this process writes.
CAPTURED_RUN_ID = "RUNSTREAM_CAPTURED_RUN_ID"


def start_capture(run: ActiveRun) -> None:
    """Capture what this process and its children write, until the run ends."""
    if os.environ.get(CAPTURED_RUN_ID) == run.run_id:
        return
    from runstream.console.capture import OutputCapture  # not at import, which takes time

    try:
        run.call_at_end(OutputCapture(run.tracking_uri, run.run_id).stop)
    except OSError as error:
        log.warning("the console of run %s is not captured: %s", run.run_id, error)
