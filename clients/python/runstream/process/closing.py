"""The end of the program: open runs are ended, and what was logged is sent or reported.

This happens at `atexit`; in a child of multiprocessing, which does not run `atexit`, among its
finalizers; and before a signal such as SIGTERM ends the process, if the program does not handle
that itself. A process that ends by `os._exit` or SIGKILL sends nothing more; its answered batches
are on disk.

A run whose start was interrupted, so that nobody has it, is ended too (`runstream.calls.starting`).

All of it takes at most `LIMIT` seconds, and `PATIENCE` where no server answers. What was not
delivered by then is told on stderr, and the program's exit status is `program_exit.UNDELIVERED`,
unless it failed by itself or a signal ends it. After Ctrl-C it takes at most `HASTE` seconds, and
another one ends it at once.
"""

from __future__ import annotations

import atexit
import os
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from runstream.errors import RunstreamError
from runstream.process import program_exit

if TYPE_CHECKING:
    from runstream.calls.starting import Start
    from runstream.fluent.run import ActiveRun
    from runstream.transport.connection import Connection

#: Seconds without an answer after which the end of the program stops waiting for the servers.
PATIENCE = 60.0

#: Seconds after which it does in any case.
LIMIT = 300.0

#: Seconds after which it does when it was interrupted.
HASTE = 3.0

#: Seconds that it takes at most to end the run of a start that was interrupted, and how many such
#: starts are kept.
START_SECONDS = 10.0
STARTS = 100

# Seconds of each of these that are left for ending runs, once all that they logged is delivered.
_END_OF_RUNS = 0.1

# Order among the finalizers of multiprocessing: after the end of the child's own children, and for
# the exit status, which ends them all, the last.
_FINISH, _EXIT = -100, -1000

_connections: list[Connection] = []
_open_runs: dict[str, ActiveRun] = {}
_starts: dict[str, Start[Any, Any]] = {}  # the runs of which nobody has
_undelivered = False


def logging_to(connection: Connection) -> None:
    """Send, at the end of the program, what was logged to this connection."""
    if not _connections:
        catch_signals()
        _register()
    if connection not in _connections:
        _connections.append(connection)


def opened(run: ActiveRun) -> None:
    """End this run with the program, unless it is `closed` before."""
    program_exit.watch()
    catch_signals()
    _open_runs[run.info.run_id] = run


def open_run(run_id: str) -> ActiveRun | None:
    """Return the run of this id that is to be ended with the program, if it is one."""
    return _open_runs.get(run_id)


def closed(run: ActiveRun) -> None:
    """Let a run be that has ended."""
    _open_runs.pop(run.info.run_id, None)


def starting(start: Start[Any, Any]) -> None:
    """End the run of this start with the program, unless somebody has it before."""
    for run_id in list(_starts)[: 1 - STARTS]:
        _starts.pop(run_id, None)
    _starts[start.run_id] = start


def started(start: Start[Any, Any]) -> None:
    """Let the run of a start be, which somebody has, or which has ended."""
    _starts.pop(start.run_id, None)


def finish(status: str | None = None) -> None:
    """Do what the end of the program asks for; doing it twice is harmless.

    Args:
        status: the status of runs that are open, if the way the program ends does not tell.
    """
    by_signal = status is not None
    status = status or program_exit.program_status()
    try:
        late = _deliver(status, PATIENCE, LIMIT)
    except KeyboardInterrupt:
        try:
            late = _deliver(status, HASTE, HASTE)
        except KeyboardInterrupt:
            late = {connection.uri: "it was interrupted" for connection in _connections}
    for connection in _connections:
        _report(connection, late.get(connection.uri))
        if connection.uri not in late and not by_signal:
            connection.close()
    ours = [(run_id, run.tracking_uri) for run_id, run in _open_runs.items() if run.is_ours]
    for run_id, uri in ours + [(start.run_id, start.tracking_uri) for start in _starts.values()]:
        _say_undelivered(f"run {run_id} was not ended at {uri}{_because(late.get(uri))}")


def _deliver(status: str, patience: float, limit: float) -> dict[str, str]:
    """Send all and end all runs; return the URIs of servers where that failed, and why.

    Args:
        status: the status of runs that are open.
        patience: seconds without an answer that it may take.
        limit: seconds that it may take.
    """
    begin = time.monotonic()
    late: dict[str, str] = {}
    for connection in _connections:
        connection.outbox.post(None)
    for connection in _connections:
        waited = time.monotonic() - begin
        error = _drained(connection, max(0.0, patience - waited), max(0.0, limit - waited))
        if error is not None:
            late[connection.uri] = error
    give_up = max(begin + patience, time.monotonic() + patience * _END_OF_RUNS)
    for connection in _connections:
        connection.give_up_at = give_up
    _end_runs(status, late)
    _end_starts(status, min(patience, START_SECONDS), late)
    return late


def _end_runs(status: str, late: dict[str, str]) -> None:
    for run in reversed(list(_open_runs.values())):
        if run.tracking_uri not in late:
            try:
                run.end_at_exit(status)
            except RunstreamError as error:
                if run.info.run_id in _open_runs:
                    late[run.tracking_uri] = str(error)
                else:  # it has ended, but something of it was refused
                    _say(str(error))


def _end_starts(status: str, seconds: float, late: dict[str, str]) -> None:
    for start in list(_starts.values()):
        if start.tracking_uri not in late:
            try:
                start.end(status, seconds)
            except RunstreamError as error:
                late[start.tracking_uri] = str(error)


def _drained(connection: Connection, patience: float, limit: float) -> str | None:
    """Wait until all is answered; return why it is not."""
    try:
        error = connection.drain(patience, limit)
    except RunstreamError as failure:
        return str(failure)
    if error is None:
        return None
    broken_by = connection.outbox.broken_by
    return str(broken_by) if broken_by else f"no answer came within {patience:g} s"


def _report(connection: Connection, why: str | None) -> None:
    try:
        connection.outbox.raise_refusals()
    except RunstreamError as error:
        _say(str(error))
    for run_id, backlog in connection.outbox.backlog().items():
        _say_undelivered(
            f"{backlog} of run {run_id} were not delivered to {connection.uri}{_because(why)}"
        )


def _because(why: str | None) -> str:
    return f": {why}" if why else ""


def _say_undelivered(text: str) -> None:
    global _undelivered
    _say(text)
    if not _undelivered:
        _undelivered = True
        if not _in_child_of_multiprocessing():
            program_exit.exit_as_undelivered()


def _say(text: str) -> None:
    if sys.stderr is not None:
        # A signal may have come in the middle of a print, and stderr may be closed.
        with suppress(OSError, RuntimeError, ValueError):
            print(f"runstream: {text}", file=sys.stderr)  # noqa: T201 - nobody else can be told


def _register() -> None:
    if _in_child_of_multiprocessing():
        from multiprocessing.util import Finalize

        Finalize(None, finish, exitpriority=_FINISH)
        Finalize(None, _exit, exitpriority=_EXIT)


def catch_signals() -> None:
    """Do all this before a signal ends the program, too, where nobody else handles it."""
    # A pool of multiprocessing ends its workers by SIGTERM, and waits for their end.
    if not _in_child_of_multiprocessing():
        program_exit.catch_signals(finish)


def _exit() -> None:
    if _undelivered and sys.exc_info()[0] is None:
        raise SystemExit(program_exit.UNDELIVERED)


def _in_child_of_multiprocessing() -> bool:
    process = sys.modules.get("multiprocessing.process")
    return process is not None and process.parent_process() is not None


def _after_fork_in_child() -> None:
    global _undelivered
    _undelivered = False
    _connections.clear()
    _open_runs.clear()
    _starts.clear()


atexit.register(finish)
os.register_at_fork(after_in_child=_after_fork_in_child)
