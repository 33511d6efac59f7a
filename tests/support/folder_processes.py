"""Processes that have a folder of a spool until they are killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from runstream.spool.folder import SpoolFolder


def start_process(spool: Path, delivers: bool = True) -> tuple[subprocess.Popen[str], SpoolFolder]:
    """Start a process that has a folder until it is killed."""
    program = f"""
import signal
from pathlib import Path
from runstream.spool.folder import create_folder
folder = create_folder(Path({str(spool)!r}), "grpc://server:1", delivers={delivers})
print(folder.path, flush=True)
signal.pause()
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, SpoolFolder(Path(process.stdout.readline().strip()))


def kill(process: subprocess.Popen[str]) -> None:
    """Kill a process and let its pipes go."""
    process.send_signal(signal.SIGKILL)
    process.communicate()
