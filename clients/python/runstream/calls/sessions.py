"""All sessions of this process: one for each tracking URI, kept safe over forks.

gRPC does not survive a fork while it is in use. So before a fork every session lets go of it:
the stream ends, the channel is closed, every object of gRPC is dropped, upon which gRPC shuts
itself down. The parent opens a channel again when it needs one and sends again what was not
answered, which changes nothing on the server (M4). The child begins with empty outboxes and
without a channel; clients and runs of the parent stay usable in it.
"""

from __future__ import annotations

import gc
import os
import threading
import time
from pathlib import Path

from runstream.calls.session import Session
from runstream.process import program_end
from runstream.transport import tracking_uri

# Names of the threads of gRPC, and seconds that they get to end before a fork; they take a few
# milliseconds. Garbage that holds an object of gRPC keeps them alive until it is collected, and so
# may another user of gRPC in this process.
_THREADS = ("event_engine", "lifeguard", "grpc_", "default-exec", "resolver-exec")
_END_OF_THREADS = 0.25

_lock = threading.Lock()  # covers what follows, and the counts of users; held over a fork
_sessions: dict[str, Session] = {}


def open_session(uri: str | os.PathLike[str] | None) -> Session:
    """Return the session for a tracking URI; to be given to `release_session` in the end."""
    target = tracking_uri.parse(tracking_uri.pin() if uri is None else uri)
    program_end.catch_signals()
    with _lock:
        session = _sessions.get(target.uri)
        if session is None:
            session = _sessions[target.uri] = Session(target)
        session.users += 1
        return session


def release_session(session: Session) -> None:
    """Close a session if nobody else uses it."""
    with _lock:
        session.users -= 1
        unused = not session.users
    if unused:
        session.close_if_unused()


def _before_fork() -> None:
    _lock.acquire()
    parked = [session.park() for session in _sessions.values()]
    if any(parked) and not _grpc_ends():
        gc.collect()
        _grpc_ends()


def _after_fork_in_parent() -> None:
    for session in _sessions.values():
        session.unpark()
    _lock.release()


def _after_fork_in_child() -> None:
    for session in _sessions.values():
        session.reset_after_fork()
    _lock.release()


def _grpc_ends() -> bool:
    """Wait for the end of gRPC's threads; return whether it came."""
    give_up = time.monotonic() + _END_OF_THREADS
    while _grpc_runs():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.0005)
    return True


def _grpc_runs() -> bool:
    """Return whether gRPC has threads; False where that cannot be seen, which is not on Linux."""
    for thread in Path("/proc/self/task").glob("*/comm"):
        try:
            if thread.read_text().startswith(_THREADS):
                return True
        except OSError:  # it has just ended
            pass
    return False


# Hooks that run before a fork run in the reverse order of their registration, so the lock of
# `embedded`, which is imported by now, is taken when no session needs it any more.
os.register_at_fork(
    before=_before_fork,
    after_in_parent=_after_fork_in_parent,
    after_in_child=_after_fork_in_child,
)
