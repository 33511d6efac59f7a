"""The process from which trainers are forked, as its user sees it (`forks_program.py`)."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from support.server_process import ENVIRONMENT


class Process:
    """A process that was forked, and whatever it forks itself.

    Attributes:
        pid: its id, also that of its group.
        status: its exit status, minus a signal's number; None while it goes on.
        output: the file with what it writes to stdout and stderr.
        killed: when it was killed, by `time.monotonic_ns`.
        terminated: when it was asked to end, by SIGTERM.
    """

    def __init__(self, forks: Forks, pid: int, output: Path) -> None:
        self._forks = forks
        self.pid, self.output = pid, output
        self.status: int | None = None
        self.killed: int | None = None
        self.terminated: int | None = None

    def kill(self) -> None:
        """Kill it and what it forked."""
        if self.is_alive():
            self.killed = time.monotonic_ns()
            self.signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it and what it forked to end."""
        if self.is_alive():
            self.terminated = time.monotonic_ns()
            self.signal(signal.SIGTERM)

    def signal(self, number: int) -> None:
        """Send a signal to it and to what it forked."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def is_alive(self) -> bool:
        """Whether anything of it goes on."""
        self._forks.collect()
        with suppress(ProcessLookupError):
            os.killpg(self.pid, 0)
            return True
        return False

    def wait(self, seconds: float) -> bool:
        """Wait for the end of it and of what it forked; return whether it came."""
        deadline = time.monotonic() + seconds
        while self.is_alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True


class Forks:
    """Starts programs by forking a process which has imported what they need."""

    def __init__(self) -> None:
        self._socket, other = socket.socketpair()
        folder = Path(__file__).parents[1]
        with other:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "chaos.forks_program"],
                stdin=other.fileno(),
                env=ENVIRONMENT | {"PYTHONPATH": str(folder)},
            )
        self._lines = self._socket.makefile("r")
        self._processes: dict[int, Process] = {}

    def start(
        self,
        program: str,
        arguments: list[str],
        environment: Mapping[str, str],
        folder: Path,
        output: Path,
    ) -> Process:
        """Start a program of `forks_program.PROGRAMS` in a folder."""
        pid = self._ask(
            program=program,
            arguments=arguments,
            environment=ENVIRONMENT | dict(environment),
            folder=str(folder),
            output=str(output),
        )
        self._processes[pid] = Process(self, pid, output)
        return self._processes[pid]

    def collect(self) -> None:
        """Take the exit statuses of processes that have ended."""
        for pid, status in self._ask().items():
            if process := self._processes.pop(int(pid), None):
                process.status = status

    def stop(self) -> None:
        """End the process; programs go on."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._lines.close()
        self._socket.close()
        self._process.wait(10)

    def _ask(self, **request: Any) -> Any:
        self._socket.sendall(json.dumps(request).encode() + b"\n")
        return json.loads(self._lines.readline())
