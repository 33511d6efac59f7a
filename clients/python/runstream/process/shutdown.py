"""The end of the program: open runs are ended, and what was logged is sent or reported.

This happens at `atexit`; in a child of multiprocessing, which does not run `atexit`, among its
finalizers; and before a signal such as SIGTERM ends the process, if the program does not handle
the signal itself. A process that ends by `os._exit` or SIGKILL sends nothing more; its answered
batches are on disk.

A run whose start was interrupted, so that no caller has it, is ended too
(`runstream.calls.starting`).

All of it takes at most `LIMIT_SECONDS`, and RUNSTREAM_EXIT_SECONDS where no server answers; less,
where a call just waited for that server in vain (`outbox.drain`). What was not delivered by then is
reported on stderr: where on disk it is kept, and how to send it. What is in memory alone is lost.
Then the program's exit status is `exit_status.UNDELIVERED`, unless it failed by itself or a signal
ends it. After Ctrl-C it takes at most `INTERRUPTED_SECONDS`, and another Ctrl-C ends it at once.
"""

from __future__ import annotations

import atexit
import math
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from runstream.contract.counts import format_seconds
from runstream.errors import RunstreamError
from runstream.process import exit_status
from runstream.process.shutdown_participants import OpenRun, RunStart, Session
from runstream.process.undelivered_report import (
    describe_kept,
    describe_offline,
    describe_refused,
    list_counts,
)

#: Seconds without an answer after which the end of the program stops waiting for the servers,
#: unless RUNSTREAM_EXIT_SECONDS says otherwise.
ANSWER_SECONDS = 10.0

#: Seconds after which that of a child of multiprocessing stops waiting for a server that is away,
#: if all is on disk: its parent waits for it, and may have many, one after the other.
CHILD_SECONDS = 1.0

#: Seconds after which it stops waiting in any case.
LIMIT_SECONDS = 300.0

#: Seconds after which it stops waiting when it was interrupted.
INTERRUPTED_SECONDS = 3.0

#: Seconds that it takes at most to end the run of a start that was interrupted, and how many such
#: starts are kept.
START_SECONDS = 10.0
STARTS = 100

# Seconds that are left at least where it was waited before.
_LEAST_SECONDS = 2.0

# Share of these seconds that is left for ending runs, once all that they logged is delivered.
_END_RUNS_SHARE = 0.1

# Order among the finalizers of multiprocessing: after the end of the child's own children, and for
# the exit status, which ends them all, the last.
_FINISH_PRIORITY, _EXIT_PRIORITY = -100, -1000


_sessions: list[Session] = []
_open_runs: dict[str, OpenRun] = {}
_starts: dict[str, RunStart] = {}  # of runs that no caller has yet
_last_functions: list[Callable[[], object]] = []
_is_undelivered = False
_waited_seconds = 0.0  # how long was waited for the servers before the end


def count_as_waited(seconds: float) -> None:
    """Wait that much less for servers that do not answer, because somebody waited for them."""
    global _waited_seconds
    _waited_seconds = seconds


def register_session(session: Session) -> None:
    """Send, at the end of the program, what was logged to this server."""
    if not _sessions:
        catch_signals()
        _register_finalizers()
    if session not in _sessions:
        _sessions.append(session)


def call_at_end(function: Callable[[], object]) -> None:
    """Call a function at the end of the program, when all is sent; it must not raise."""
    _last_functions.append(function)


def register_run(run: OpenRun) -> None:
    """End this run with the program, unless `unregister_run` comes before."""
    exit_status.watch_main_program()
    catch_signals()
    _open_runs[run.run_id] = run


def unregister_run(run: OpenRun) -> None:
    """Do not end this run with the program, because it has ended."""
    _open_runs.pop(run.run_id, None)


def register_start(start: RunStart) -> None:
    """End the run of this start with the program, unless `unregister_start` comes before."""
    for run_id in list(_starts)[: 1 - STARTS]:
        _starts.pop(run_id, None)
    _starts[start.run_id] = start


def unregister_start(start: RunStart) -> None:
    """Do not end the run of this start, because a caller has it or it has ended."""
    _starts.pop(start.run_id, None)


def finish(status: str | None = None) -> None:
    """Send what was logged, end open runs, and report what failed; doing it twice is harmless.

    Args:
        status: the status of runs that are open, if the way the program ends does not decide it.
    """
    by_signal = status is not None
    status = status or exit_status.run_status_at_exit()
    try:
        seconds = exit_seconds()
        least = min(seconds, _LEAST_SECONDS)
        errors = _deliver(status, max(seconds - _waited_seconds, least), LIMIT_SECONDS)
    except KeyboardInterrupt:
        try:
            errors = _deliver(status, INTERRUPTED_SECONDS, INTERRUPTED_SECONDS)
        except KeyboardInterrupt:
            errors = {session.uri: "it was interrupted" for session in _sessions}
    for session in _sessions:
        _report_session(session, errors.get(session.uri))
        if session.uri not in errors and not by_signal:
            session.close()
        session.leave_spool()
    ours = [(run_id, run.tracking_uri) for run_id, run in _open_runs.items() if run.is_started_here]
    for run_id, uri in ours + [(start.run_id, start.tracking_uri) for start in _starts.values()]:
        _report_undelivered(f"run {run_id} was not ended at {uri}{_reason_suffix(errors.get(uri))}")
    for function in _last_functions:
        function()
    if not by_signal:
        exit_status.exit_as_interrupted()


def exit_seconds() -> float:
    """Return how long the end of the program waits for a server that does not answer."""
    text = os.environ.get("RUNSTREAM_EXIT_SECONDS", "").strip()
    try:
        seconds = float(text) if text else ANSWER_SECONDS
    except ValueError:
        seconds = math.nan
    if not seconds >= 0:
        _print(
            f"RUNSTREAM_EXIT_SECONDS is {text!r}, and must be seconds: {ANSWER_SECONDS:g} is taken"
        )
        return ANSWER_SECONDS
    return seconds


def _deliver(status: str, answer_timeout: float, limit: float) -> dict[str, str]:
    """End all runs and send all; return the URIs of servers where that failed, and why.

    The end of a run is queued after what was logged to it, and sent with it.

    Args:
        status: the status of runs that are open.
        answer_timeout: seconds without an answer that it may take.
        limit: seconds that it may take.
    """
    start_time = time.monotonic()
    errors: dict[str, str] = {}
    _end_runs(status)
    for session in _sessions:
        session.wake()
    for session in _sessions:
        waited = time.monotonic() - start_time
        error = _drain_session(session, max(0.0, answer_timeout - waited), max(0.0, limit - waited))
        if error is not None:
            errors[session.uri] = error
    give_up = max(start_time + answer_timeout, time.monotonic() + answer_timeout * _END_RUNS_SHARE)
    for session in _sessions:
        session.limit_calls(give_up)
    _end_starts(status, min(answer_timeout, START_SECONDS), errors)
    return errors


def _end_runs(status: str) -> None:
    for run in reversed(list(_open_runs.values())):
        try:
            run.end_at_exit(status)
        except RunstreamError as error:  # there is no room for its end, or something was refused
            _print(str(error))


def _end_starts(status: str, seconds: float, errors: dict[str, str]) -> None:
    for start in list(_starts.values()):
        if start.tracking_uri not in errors:
            try:
                start.end(status, seconds)
            except RunstreamError as error:
                errors[start.tracking_uri] = str(error)


def _drain_session(session: Session, answer_timeout: float, limit: float) -> str | None:
    """Wait until all is answered; return why it is not."""
    try:
        is_child = is_in_child_of_multiprocessing()
        error = session.drain(answer_timeout, limit, CHILD_SECONDS if is_child else math.inf)
    except RunstreamError as failure:
        return str(failure)
    if error is None:
        return None
    broken_by = session.stream_error()
    return (
        str(broken_by) if broken_by else f"no answer came within {format_seconds(answer_timeout)}"
    )


def _report_session(session: Session, why: str | None) -> None:
    try:
        session.raise_refusals()
    except RunstreamError as error:
        _print(str(error))
    for line in list_counts(session.unsaved()):
        _report_undelivered(f"lost, not delivered to {session.uri}{_reason_suffix(why)}: {line}")
    _report_refused(session)
    folder = session.spool_folder()
    if folder is not None and session.is_offline:
        _print(describe_offline(folder, session.folder_uri))
    elif folder is not None and (saved := session.saved()) != session.announced:
        _print(describe_kept(session.uri, _reason_suffix(why), folder, saved))


def _report_refused(session: Session) -> None:
    counts, folder = session.kept_refusals()
    if folder is not None:
        _print(describe_refused(session.uri, folder, counts))


def _reason_suffix(why: str | None) -> str:
    return f": {why}" if why else ""


def _report_undelivered(text: str) -> None:
    global _is_undelivered
    _print(text)
    if not _is_undelivered:
        _is_undelivered = True
        if not is_in_child_of_multiprocessing():
            exit_status.exit_as_undelivered()


def _print(text: str) -> None:
    if sys.stderr is not None:
        # A signal may have come in the middle of a print, and stderr may be closed.
        with suppress(OSError, RuntimeError, ValueError):
            print(f"runstream: {text}", file=sys.stderr)  # noqa: T201 - no call is left that could raise


def _register_finalizers() -> None:
    if is_in_child_of_multiprocessing():
        from multiprocessing.util import Finalize

        Finalize(None, finish, exitpriority=_FINISH_PRIORITY)
        Finalize(None, _exit, exitpriority=_EXIT_PRIORITY)


def catch_signals() -> None:
    """Finish before a signal ends the program, too, if the program does not handle the signal."""
    # A pool of multiprocessing ends its workers by SIGTERM, and waits for their end.
    if not is_in_child_of_multiprocessing():
        exit_status.catch_signals(finish)


def _exit() -> None:
    if _is_undelivered and sys.exc_info()[0] is None:
        raise SystemExit(exit_status.UNDELIVERED)


def is_in_child_of_multiprocessing() -> bool:
    """Return whether this process is one of a pool, or was started by multiprocessing otherwise."""
    process = sys.modules.get("multiprocessing.process")
    return process is not None and process.parent_process() is not None


def _after_fork_in_child() -> None:
    global _is_undelivered
    _is_undelivered = False
    _sessions.clear()
    _open_runs.clear()
    _starts.clear()


atexit.register(finish)
os.register_at_fork(after_in_child=_after_fork_in_child)
