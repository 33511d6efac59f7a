"""Servers that are forked from a process which has imported what they need.

To import it takes most of a second of processor time, and more than a thousand tests want a server
of their own. From the fork on such a server is a process as any other, with its own sockets and
files. What has variables of its own, or starts again, is started as users start it
(support/server_process.py).
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO


class ForkedProcess:
    """A process that runs the command `runstream`, with what tests use of `subprocess.Popen`.

    Attributes:
        pid: its id.
        stdout, stderr: what it writes there.
        returncode: its exit status, minus the number of the signal that has ended it; None if
            nobody has found that it has ended.
    """

    def __init__(self, pid: int, status: int, stdout: IO[str], stderr: IO[str]) -> None:
        self.pid, self.stdout, self.stderr = pid, stdout, stderr
        self.returncode: int | None = None
        self._status = status
        self._reading = threading.Lock()  # one thread may wait while another stops it
        weakref.finalize(self, os.close, status)

    def poll(self) -> int | None:
        """Return the exit status; None while it goes on."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end, and return the exit status; raises TimeoutExpired."""
        if self.returncode is None:
            if not select.select([self._status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("runstream", timeout or 0)
            with self._reading:
                if self.returncode is None:
                    self.returncode = int(os.read(self._status, 64))
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for the end; return what it wrote to stdout and stderr. Raises TimeoutExpired."""
        self.wait(timeout)
        with self.stdout, self.stderr:
            return self.stdout.read(), self.stderr.read()

    def send_signal(self, number: int) -> None:
        """Send a signal, if it goes on."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


class ServerForks:
    """The process from which servers are forked."""

    def __init__(self) -> None:
        self._requests, other = socket.socketpair()
        with other:
            self._process = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("server_forks_program.py"))],
                stdin=other.fileno(),
            )

    def start(
        self, arguments: Sequence[str], environment: Mapping[str, str], folder: Path
    ) -> ForkedProcess:
        """Fork a process that runs `runstream` with some arguments, in a folder."""
        out, out_end = os.pipe()
        error, error_end = os.pipe()
        status, status_end = os.pipe()
        ends = [out_end, error_end, status_end]
        request = json.dumps([list(arguments), dict(environment), str(folder)]).encode()
        socket.send_fds(self._requests, [request + b"\n"], ends)
        for end in ends:
            os.close(end)
        pid = int(self._requests.recv(64))
        stderr = os.fdopen(error, errors="backslashreplace")
        return ForkedProcess(pid, status, os.fdopen(out), stderr)

    def stop(self) -> None:
        """End the process; servers go on."""
        self._requests.close()
        self._process.wait(10)
