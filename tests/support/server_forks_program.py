"""Forks servers for whoever writes requests to its stdin, a socket (support/forked_server.py).

A request is a line of JSON, `[arguments, environment, folder]`, with three files: stdout and stderr
of the server, and one into which its exit status is written. The answer is its process id.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
from typing import NoReturn

import runstream_service.cli.server
import runstream_service.server
from runstream.cli import main

__all__ = ["runstream_service"]  # imported for the servers


def serve(requests: socket.socket) -> None:
    """Fork servers until nobody asks any more."""
    gc.collect()
    gc.freeze()  # what is imported stays, and stays shared
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that wait for servers
    while received := _receive(requests):
        request, files = received
        if os.fork() == 0:
            _fork_server(request, files, requests)
        for file in files:
            os.close(file)


def _receive(requests: socket.socket) -> tuple[bytes, list[int]] | None:
    text, files, _, _ = socket.recv_fds(requests, 256 * 1024, 3)
    while text and not text.endswith(b"\n"):
        text += requests.recv(256 * 1024)
    return (text, files) if text else None


def _fork_server(request: bytes, files: list[int], requests: socket.socket) -> NoReturn:
    """Fork the server, say which process that is, and write how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    out, error, status = files
    pid = os.fork()
    if pid == 0:
        requests.close()
        os.close(status)
        _run(request, out, error)
    requests.send(str(pid).encode())
    requests.close()
    os.close(out)
    os.close(error)
    _, ended = os.waitpid(pid, 0)
    os.write(status, str(os.waitstatus_to_exitcode(ended)).encode())
    os._exit(0)


def _run(request: bytes, out: int, error: int) -> NoReturn:
    """Be the command `runstream`; raises SystemExit at its end."""
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
    serve(socket.socket(fileno=0))
