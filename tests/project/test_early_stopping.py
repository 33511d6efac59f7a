"""The example that stops a bad run early, run as a user runs it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from support.server_process import ENVIRONMENT, ServerProcess

EXAMPLE = Path(__file__).parents[2] / "examples/early_stopping.py"


def test_the_run_that_diverges_is_stopped_and_no_other(
    server: ServerProcess, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLE],
        cwd=tmp_path,
        env=ENVIRONMENT | {"RUNSTREAM_TRACKING_URI": server.uri},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    *good, bad = done.stdout.splitlines()
    assert good == [f"rate {rate:4}  FINISHED  400 epochs" for rate in ("0.01", "0.1", "0.5")]
    assert re.fullmatch(r"rate 1\.6   KILLED +\d+ epochs  val_loss grows at epoch \d+", bad)
