"""Forks trainers, and what delivers what they left, for `forks.py`: its stdin is a socket.

To import the client takes a third of a second of processor time, and a round needs several
processes. From the fork on such a process is as any other: it is killed by real signals.

A request is a line of JSON. What `Forks.start` asks for is answered by the id of the process, `{}`
by those processes that have ended, with their statuses.
"""

from __future__ import annotations

import atexit
import ctypes
import faulthandler
import gc
import importlib
import json
import os
import resource
import signal
import socket
import sys
from typing import Any

from chaos import clock, journal

# Before anything of the client is imported: it asks for the time by this clock, and what is
# registered first is called last.
clock.install()
journal.watch_syncs()
atexit.register(journal.say_that_it_ends)

from chaos import deliverers, trainer  # noqa: E402

PROGRAMS: dict[str, Any] = {
    "trainer": trainer.main,
    "exec": lambda *command: os.execv(command[0], command),
    "sync": deliverers.sync,
    "command": deliverers.command,
    "successor": deliverers.successor,
}
_SET_CHILD_SUBREAPER = 36  # of prctl: what a trainer forked is waited for here when it is gone


def serve(requests: socket.socket) -> None:
    """Answer requests until nobody asks any more."""
    ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    lines = requests.makefile("r")
    importlib.import_module("runstream.cli")
    gc.collect()
    gc.freeze()
    while line := lines.readline():
        request = json.loads(line)
        if not request:
            answer: Any = _ended()
        elif (pid := os.fork()) == 0:
            requests.close()
            _run(request)
            return
        else:
            os.setpgid(pid, pid)  # so that it is killed with what it forks, from now on
            answer = pid
        requests.sendall(json.dumps(answer).encode() + b"\n")


def _ended() -> dict[int, int]:
    ended = {}
    try:
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            ended[found[0]] = os.waitstatus_to_exitcode(found[1])
    except ChildProcessError:
        pass
    return ended


def _run(request: dict[str, Any]) -> None:
    """Be the program; it ends as a program does when this returns or raises."""
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    output = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.stdout = os.fdopen(1, "w", 1, closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, errors="backslashreplace", closefd=False)
    faulthandler.register(signal.SIGUSR1, sys.stderr, all_threads=True)
    faulthandler.enable(sys.stderr)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    PROGRAMS[request["program"]](*request["arguments"])


if __name__ == "__main__":
    serve(socket.socket(fileno=os.dup(0)))
