"""Forks servers for whoever writes requests to its stdin, a socket (support/forked_server.py).

A request is a line of JSON, `[arguments, environment, folder]`, with three files: stdout and stderr
of the server, and one into which its exit status is written. The answer is its process id.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import sys
from contextlib import suppress
from typing import NoReturn
from unittest.mock import MagicMock

import click

import runstream_service.access.issuer
import runstream_service.access.sign_in
import runstream_service.cli.server
import runstream_service.engine.postgresql
import runstream_service.http.listener
import runstream_service.metrics.page
import runstream_service.server
from runstream.cli import main
from runstream_service.http.app import build_application

__all__ = ["runstream_service"]  # imported for the servers


def serve(requests: socket.socket) -> None:
    """Fork servers until nobody asks any more, and write how each ended."""
    main.list_commands(click.Context(main))  # looks through all packages, once
    build_application(*[MagicMock()] * 7)  # compiles the expressions of all routes, once
    gc.collect()
    gc.freeze()  # what is imported stays, and stays shared
    ended = _wake_by_ends()
    running: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([requests, ended], [], [])
        if ended in ready:
            ended.recv(4096)
            _report_ends(running)
        if requests in ready:
            received = _receive(requests)
            if received is None:
                return
            request, (out, error, status) = received
            pid = os.fork()
            if pid == 0:
                _close(requests, ended, *running.values(), status)
                _run(request, out, error)
            running[pid] = status
            requests.send(str(pid).encode())
            _close(out, error)


def _wake_by_ends() -> socket.socket:
    """Return what can be read when a server has ended."""
    ended, writer = socket.socketpair()
    writer.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writer.detach(), warn_on_full_buffer=False)
    return ended


def _report_ends(running: dict[int, int]) -> None:
    while running:
        pid, ended = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        status = running.pop(pid)
        with suppress(BrokenPipeError):  # nobody wants to know
            os.write(status, str(os.waitstatus_to_exitcode(ended)).encode())
        os.close(status)


def _close(*files: int | socket.socket) -> None:
    for file in files:
        os.close(file if isinstance(file, int) else file.detach())


def _receive(requests: socket.socket) -> tuple[bytes, list[int]] | None:
    text, files, _, _ = socket.recv_fds(requests, 256 * 1024, 3)
    while text and not text.endswith(b"\n"):
        text += requests.recv(256 * 1024)
    return (text, files) if text else None


def _run(request: bytes, out: int, error: int) -> NoReturn:
    """Be the command `runstream`; raises SystemExit at its end."""
    os.close(signal.set_wakeup_fd(-1))
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    arguments, environment, folder = json.loads(request)
    os.chdir(folder)
    sys.path[0] = folder  # as `-m` has it
    os.environ.clear()
    os.environ.update(environment)
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(out, 1)
    os.dup2(error, 2)
    os.close(out)
    os.close(error)
    # What writes to these was made for other files.
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, errors="backslashreplace", closefd=False)
    sys.argv = ["runstream", *arguments]
    sys.exit(main())


if __name__ == "__main__":
    serve(socket.socket(fileno=os.dup(0)))  # a server has a stdin of its own
