"""The end of the program: open runs are ended, and what was logged is sent or reported.

This happens at `atexit`, and in a child of multiprocessing, which does not run `atexit`, among its
finalizers. A process that ends by `os._exit` or a signal sends nothing more; its answered batches
are on disk.
"""

from __future__ import annotations

import atexit
import os
import sys
from typing import TYPE_CHECKING

from runstream.errors import RunstreamError

if TYPE_CHECKING:
    from runstream.connection import Connection
    from runstream.run import ActiveRun

#: Seconds without an answer after which the end of the program stops waiting for the server.
PATIENCE = 60.0

_connections: list[Connection] = []
_open_runs: dict[str, ActiveRun] = {}


def logging_to(connection: Connection) -> None:
    """Send, at the end of the program, what was logged to this connection."""
    if not _connections:
        _register()
    if connection not in _connections:
        _connections.append(connection)


def opened(run: ActiveRun) -> None:
    """End this run with the program, unless it is `closed` before."""
    _open_runs[run.info.run_id] = run


def closed(run: ActiveRun) -> None:
    """Let a run be that has ended."""
    _open_runs.pop(run.info.run_id, None)


def finish() -> None:
    """Do what the end of the program asks for; doing it twice is harmless."""
    late = [connection for connection in _connections if not _drained(connection)]
    _end_runs(_status(), {connection.uri for connection in late})
    for connection in _connections:
        _report(connection)
        if connection not in late:
            connection.close()


def _drained(connection: Connection) -> bool:
    try:
        return connection.drain(PATIENCE, PATIENCE) is None
    except KeyboardInterrupt:
        return False


def _end_runs(status: str, late: set[str]) -> None:
    for run in reversed(list(_open_runs.values())):
        if run.tracking_uri in late:
            _say(f"run {run.info.run_id} was not ended, because {run.tracking_uri} does not answer")
            continue
        try:
            run.end(status)
        except RunstreamError as error:
            _say(str(error))


def _report(connection: Connection) -> None:
    try:
        connection.outbox.raise_refusals()
    except RunstreamError as error:
        _say(str(error))
    for run_id, backlog in connection.outbox.backlog().items():
        _say(
            f"{backlog.points} points and {backlog.settings} params and tags of run {run_id} "
            f"were not delivered to {connection.uri}"
        )


def _say(text: str) -> None:
    if sys.stderr is not None:
        print(f"runstream: {text}", file=sys.stderr)  # noqa: T201 - there is nobody left to tell


def _status() -> str:
    """Return the status of runs that the program left open (R5)."""
    # A child of multiprocessing finishes while the exception that ended it is being handled.
    kind = sys.exc_info()[0] or getattr(sys, "last_type", None)
    if kind is None or hasattr(sys, "ps1"):  # in a shell, an exception ends nothing
        return "FINISHED"
    return "KILLED" if issubclass(kind, KeyboardInterrupt) else "FAILED"


def _register() -> None:
    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        from multiprocessing.util import Finalize

        Finalize(None, finish, exitpriority=0)


def _after_fork_in_child() -> None:
    _connections.clear()
    _open_runs.clear()


atexit.register(finish)
os.register_at_fork(after_in_child=_after_fork_in_child)
