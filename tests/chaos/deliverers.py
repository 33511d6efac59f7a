"""Programs that deliver what dead processes left."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import runstream
from runstream.cli import main

#: Seconds within which the next program has delivered what others left.
SECONDS = 60.0


def sync() -> None:
    """Deliver the spool by the function."""
    runstream.sync()


def command(*arguments: str) -> None:
    """Be the command `runstream`."""
    sys.argv = ["runstream", *arguments]
    main()


def successor(experiment: str, spool: str) -> None:
    """Be the next program that logs to the server, and wait until all folders are gone."""
    runstream.set_experiment(experiment)
    with runstream.start_run(tags={"chaos": "successor"}):
        runstream.log_metric("m", 1.0)
        deadline = time.monotonic() + SECONDS
        while _folders(spool) > 1:
            if time.monotonic() > deadline:
                sys.exit("what others left is not delivered")
            time.sleep(0.02)


def _folders(spool: str) -> int:
    return sum(1 for path in Path(spool).iterdir() if not path.name.startswith("."))
