"""Servers that are forked from a process which has imported what they need.

To import it takes a second of processor time, and the tests start thousands of servers. From the
fork on such a server is a process as any other, with its own environment, sockets and files.
"""

from __future__ import annotations

import atexit
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
        files = [self.stdout, self.stderr]
        texts = ["", ""]

        def read(number: int) -> None:
            with files[number] as file:
                texts[number] = file.read()

        threads = [
            threading.Thread(target=read, args=[number], daemon=True)
            for number, file in enumerate(files)
            if not file.closed
        ]
        for thread in threads:
            thread.start()
        self.wait(timeout)
        for thread in threads:
            thread.join(timeout)
        return texts[0], texts[1]

    def send_signal(self, number: int) -> None:
        """Send a signal, if it goes on."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


class _ServerForks:
    """The process from which servers are forked; it starts with the first of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # of one request and its answer
        self._requests: socket.socket | None = None

    def start(
        self, arguments: Sequence[str], environment: Mapping[str, str], folder: Path
    ) -> ForkedProcess:
        """Fork a process that runs `runstream` with some arguments, in a folder."""
        out, out_end = os.pipe()
        error, error_end = os.pipe()
        status, status_end = os.pipe()
        ends = [out_end, error_end, status_end]
        request = json.dumps([list(arguments), dict(environment), str(folder)]).encode()
        with self._lock:
            requests = self._requests = self._requests or self._prepare()
            socket.send_fds(requests, [request + b"\n"], ends)
            pid = int(requests.recv(64))
        for end in ends:
            os.close(end)
        stderr = os.fdopen(error, errors="backslashreplace")
        return ForkedProcess(pid, status, os.fdopen(out), stderr)

    def _prepare(self) -> socket.socket:
        requests, other = socket.socketpair()
        program = str(Path(__file__).with_name("server_forks_program.py"))
        with other:
            process = subprocess.Popen([sys.executable, program], stdin=other.fileno())
        atexit.register(_end, requests, process)
        return requests


def _end(requests: socket.socket, process: subprocess.Popen[bytes]) -> None:
    """End the process from which servers are forked; servers go on."""
    requests.close()
    process.wait(10)


fork_server = _ServerForks().start
