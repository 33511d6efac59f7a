"""The end of the program: open runs are ended, and what was logged is sent or reported.

This happens at `atexit`; in a child of multiprocessing, which does not run `atexit`, among its
finalizers; and before a signal such as SIGTERM ends the process, if the program does not handle
that itself. A process that ends by `os._exit` or SIGKILL sends nothing more; its answered batches
are on disk.

A run whose start was interrupted, so that nobody has it, is ended too (`runstream.calls.starting`).

All of it takes at most `LIMIT` seconds, and `PATIENCE` where no server answers. What was not
delivered by then is told on stderr, and the program's exit status is `exit_status.UNDELIVERED`,
unless it failed by itself or a signal ends it. After Ctrl-C it takes at most `HASTE` seconds, and
another one ends it at once.
"""

from __future__ import annotations

import atexit
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Protocol

from runstream.errors import RunstreamError
from runstream.process import exit_status

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


class Session(Protocol):
    """What was logged to one server.

    Attributes:
        uri: tracking URI of the server.
    """

    uri: str

    def wake(self) -> None:
        """Start sending what was logged."""

    def drain(self, patience: float, limit: float) -> RunstreamError | None:
        """Wait until all is answered; return what speaks against it, if it is not."""

    def stream_error(self) -> RunstreamError | None:
        """Return why nothing is sent, if nothing is."""

    def limit_calls(self, give_up_at: float) -> None:
        """Let calls fail at this time at the latest, by `time.monotonic`."""

    def raise_refusals(self) -> None:
        """Raise what the server refused, if nobody was told yet."""

    def backlog(self) -> Mapping[str, object]:
        """Return what has no answer, by run."""

    def close(self) -> None:
        """Close the session."""


class OpenRun(Protocol):
    """A run that this process started, or that of its parent process."""

    @property
    def run_id(self) -> str:
        """Id of the run."""

    @property
    def tracking_uri(self) -> str:
        """The server that has it."""

    @property
    def is_started_here(self) -> bool:
        """Whether this process started it."""

    def end_at_exit(self, status: str) -> None:
        """End it; raises RunstreamError."""

    def release(self) -> None:
        """Treat the run as ended, because somebody else ends it."""


class Start(Protocol):
    """A request that makes a run RUNNING, until somebody has the run.

    Attributes:
        run_id: the run.
        tracking_uri: the server that has it.
    """

    run_id: str
    tracking_uri: str

    def end(self, status: str, seconds: float) -> None:
        """End the run, whether its start has arrived or not; raises RunstreamError."""


_sessions: list[Session] = []
_open_runs: dict[str, OpenRun] = {}
_starts: dict[str, Start] = {}  # the runs that nobody has yet
_undelivered = False


def register_session(session: Session) -> None:
    """Send, at the end of the program, what was logged to this server."""
    if not _sessions:
        catch_signals()
        _register()
    if session not in _sessions:
        _sessions.append(session)


def register_run(run: OpenRun) -> None:
    """End this run with the program, unless `unregister_run` comes before."""
    exit_status.watch()
    catch_signals()
    _open_runs[run.run_id] = run


def find_run(run_id: str) -> OpenRun | None:
    """Return the run of this id that is to be ended with the program, if it is one."""
    return _open_runs.get(run_id)


def unregister_run(run: OpenRun) -> None:
    """Leave a run alone that has ended."""
    _open_runs.pop(run.run_id, None)


def register_start(start: Start) -> None:
    """End the run of this start with the program, unless somebody has it before."""
    for run_id in list(_starts)[: 1 - STARTS]:
        _starts.pop(run_id, None)
    _starts[start.run_id] = start


def unregister_start(start: Start) -> None:
    """Leave the run of a start alone, which somebody has, or which has ended."""
    _starts.pop(start.run_id, None)


def finish(status: str | None = None) -> None:
    """Do what the end of the program asks for; doing it twice is harmless.

    Args:
        status: the status of runs that are open, if the way the program ends does not tell.
    """
    by_signal = status is not None
    status = status or exit_status.run_status_at_exit()
    try:
        late = _deliver(status, PATIENCE, LIMIT)
    except KeyboardInterrupt:
        try:
            late = _deliver(status, HASTE, HASTE)
        except KeyboardInterrupt:
            late = {session.uri: "it was interrupted" for session in _sessions}
    for session in _sessions:
        _report(session, late.get(session.uri))
        if session.uri not in late and not by_signal:
            session.close()
    ours = [(run_id, run.tracking_uri) for run_id, run in _open_runs.items() if run.is_started_here]
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
    for session in _sessions:
        session.wake()
    for session in _sessions:
        waited = time.monotonic() - begin
        error = _drained(session, max(0.0, patience - waited), max(0.0, limit - waited))
        if error is not None:
            late[session.uri] = error
    give_up = max(begin + patience, time.monotonic() + patience * _END_OF_RUNS)
    for session in _sessions:
        session.limit_calls(give_up)
    _end_runs(status, late)
    _end_starts(status, min(patience, START_SECONDS), late)
    return late


def _end_runs(status: str, late: dict[str, str]) -> None:
    for run in reversed(list(_open_runs.values())):
        if run.tracking_uri not in late:
            try:
                run.end_at_exit(status)
            except RunstreamError as error:
                if run.run_id in _open_runs:
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


def _drained(session: Session, patience: float, limit: float) -> str | None:
    """Wait until all is answered; return why it is not."""
    try:
        error = session.drain(patience, limit)
    except RunstreamError as failure:
        return str(failure)
    if error is None:
        return None
    broken_by = session.stream_error()
    return str(broken_by) if broken_by else f"no answer came within {patience:g} s"


def _report(session: Session, why: str | None) -> None:
    try:
        session.raise_refusals()
    except RunstreamError as error:
        _say(str(error))
    for run_id, backlog in session.backlog().items():
        _say_undelivered(
            f"{backlog} of run {run_id} were not delivered to {session.uri}{_because(why)}"
        )


def _because(why: str | None) -> str:
    return f": {why}" if why else ""


def _say_undelivered(text: str) -> None:
    global _undelivered
    _say(text)
    if not _undelivered:
        _undelivered = True
        if not _in_child_of_multiprocessing():
            exit_status.exit_as_undelivered()


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
        exit_status.catch_signals(finish)


def _exit() -> None:
    if _undelivered and sys.exc_info()[0] is None:
        raise SystemExit(exit_status.UNDELIVERED)


def _in_child_of_multiprocessing() -> bool:
    process = sys.modules.get("multiprocessing.process")
    return process is not None and process.parent_process() is not None


def _after_fork_in_child() -> None:
    global _undelivered
    _undelivered = False
    _sessions.clear()
    _open_runs.clear()
    _starts.clear()


atexit.register(finish)
os.register_at_fork(after_in_child=_after_fork_in_child)
