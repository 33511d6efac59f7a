"""Programs that log files, and the contents that a server has of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from runstream import TrackingClient
from support.server_process import ENVIRONMENT


def content(client: TrackingClient, run_id: str, path: str) -> bytes:
    """Return the content of an artifact of a run or a model."""
    return Path(client.download_artifacts(run_id, path)).read_bytes()


def run_program(
    program: str, spool: Path, *arguments: str, **variables: str
) -> subprocess.Popen[str]:
    """Start a program that logs."""
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        env=ENVIRONMENT | {"RUNSTREAM_SPOOL": str(spool), "RUNSTREAM_SOURCE": "none"} | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
