"""Cells of a notebook that fail while a run is open.

A program ends its runs when an error ends it. A notebook goes on after a cell has failed, and the
run stays active, so that the next cells can log to it. But if a run is started next, as the cell
is when its mistake is mended, that is meant as a new one: `runstream.fluent.active_runs` then ends
the old one by the error of the cell, where a program would be told that a run is active.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from typing import Any

from runstream.errors import RunstreamError
from runstream.fluent.run_handle import ActiveRun, open_runs
from runstream.process.exit_status import run_status

log = logging.getLogger("runstream")

_shell: Any = None  # whose cells are watched


def watch_cells() -> None:
    """Note from now on which runs are open when a cell fails, if this is a notebook."""
    global _shell
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is not None and shell is not _shell:
        _shell = shell
        shell.events.register("post_run_cell", _after_cell)


def end_runs_of_failed_cells(runs: Sequence[ActiveRun]) -> None:
    """End those of the active runs, from the last one on, that were open when a cell failed.

    Raises:
        RunstreamError: a run could not be ended.
    """
    for run in reversed(runs):
        if run.failed_cell is None or not run.is_started_here:
            return
        try:
            run.end(run.failed_cell)
        except RunstreamError as error:
            if not run.is_ended:
                raise
            log.warning("run %s: %s", run.run_id, error)  # what was refused of what it had logged
        log.warning(
            "run %s was open when a cell failed, and is %s now; another run starts",
            run.run_id,
            run.failed_cell,
        )


def _after_cell(result: Any) -> None:
    error = getattr(result, "error_in_exec", None)
    if error is not None:
        for run in open_runs():
            run.failed_cell = run_status(error)
