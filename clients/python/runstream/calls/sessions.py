"""All sessions of this process: one for each tracking URI and token, safe over forks.

gRPC does not survive a fork while it is in use. So before a fork every session lets go of gRPC:
the stream ends, the channel is closed, every object of gRPC is dropped, upon which gRPC shuts
itself down. The parent opens a channel again when it needs one and sends again what was not
answered, which changes nothing on the server (M4). The child starts with empty outboxes and
without a channel; clients and runs of the parent stay usable in it.
"""

from __future__ import annotations

import gc
import os
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Literal

from runstream.calls.offline_session import OfflineSession
from runstream.calls.session import Session
from runstream.process import shutdown
from runstream.spool import settings
from runstream.transport import tracking_uri
from runstream.transport.token import TokenSource

# Names of the threads of gRPC, and seconds that they get to end before a fork; they take a few
# milliseconds. Garbage that holds an object of gRPC keeps them alive until it is collected, and so
# may another user of gRPC in this process.
_GRPC_THREADS = ("event_engine", "lifeguard", "grpc_", "default-exec", "resolver-exec")
_GRPC_END_SECONDS = 0.25

# Where they have not ended even when the garbage was collected, something else in this process uses
# gRPC. Then a fork gives them less time, for this long: a data loader forks again and again.
_SHARED_GRPC_END_SECONDS = 0.02
_SHARED_GRPC_SECONDS = 60.0

# Seconds between two checks of a thread that waits for the end of a fork by another thread.
_FORK_POLL_SECONDS = 0.001

# The thread that forks is the only entry while it does. No lock is held for that, because an
# interrupt could leave it held.
_forking_thread: dict[Literal["ident"], int] = {}

# Each change is one step in C. A fork suspends the sessions that are here once it has its entry
# above; a thread looks for that entry after its session is here. So one of the two sees the other.
_sessions: dict[tuple[str, bytes], Session] = {}

# Those that used gRPC when the fork began, until gRPC has ended or was given up.
_sessions_open_at_fork: list[Session] = []

# Until when something else is taken to use gRPC, by `time.monotonic`.
_grpc_is_shared_until = 0.0


def open_session(
    uri: str | os.PathLike[str] | None, token: str | None = None, *, is_sync: bool = False
) -> Session:
    """Return the session for a tracking URI, to be given to `release_session` in the end.

    An interrupt of this call may leave the session open until the program ends.

    Args:
        uri: the tracking URI; None for the default.
        token: says who calls; None for that of the environment.
        is_sync: whether it delivers what offline programs left, so that RUNSTREAM_OFFLINE does not
            count.
    """
    target = tracking_uri.parse(tracking_uri.pin_default() if uri is None else uri)
    if target.offline_folder is None and not is_sync and settings.is_offline():
        target = replace(target, offline_folder=str(settings.spool_path()))
    shutdown.catch_signals()
    source = TokenSource(token)
    key = f"{target.uri} {target.offline_folder or ''}", source.key
    session = _sessions.get(key)
    if session is None:
        kind = Session if target.offline_folder is None else OfflineSession
        session = _sessions.setdefault(key, kind(target, source))
    session.add_user()
    while _forking_thread:
        time.sleep(_FORK_POLL_SECONDS)
    return session


def release_session(session: Session) -> None:
    """Close a session if no other client uses it."""
    session.remove_user()


def _before_fork() -> None:
    while _forking_thread.setdefault("ident", threading.get_ident()) != threading.get_ident():
        time.sleep(_FORK_POLL_SECONDS)
    for session in list(_sessions.values()):
        if session.suspend():
            _sessions_open_at_fork.append(session)
    if _sessions_open_at_fork:
        _bring_grpc_to_rest()
        _sessions_open_at_fork.clear()


def _after_fork_in_parent() -> None:
    for session in list(_sessions.values()):
        session.resume()
    _sessions_open_at_fork.clear()
    _forking_thread.clear()


def _after_fork_in_child() -> None:
    for session in list(_sessions.values()):
        session.reset_after_fork()
    _sessions_open_at_fork.clear()
    _forking_thread.clear()


def _bring_grpc_to_rest() -> None:
    """Wait for the end of gRPC's threads, unless something else keeps them alive."""
    global _grpc_is_shared_until
    if time.monotonic() < _grpc_is_shared_until:
        if _wait_for_end_of_grpc(_SHARED_GRPC_END_SECONDS):
            _grpc_is_shared_until = 0.0
    elif not _wait_for_end_of_grpc(_GRPC_END_SECONDS):
        gc.collect()
        if not _wait_for_end_of_grpc(_GRPC_END_SECONDS):
            _grpc_is_shared_until = time.monotonic() + _SHARED_GRPC_SECONDS


def _wait_for_end_of_grpc(seconds: float) -> bool:
    """Wait for the end of gRPC's threads; return whether they have ended."""
    give_up = time.monotonic() + seconds
    while _has_grpc_threads():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.0005)
    return True


def _has_grpc_threads() -> bool:
    """Return whether gRPC has threads; False where that cannot be seen, which is not on Linux."""
    for thread in Path("/proc/self/task").glob("*/comm"):
        try:
            if thread.read_text().startswith(_GRPC_THREADS):
                return True
        except OSError:  # it has just ended
            pass
    return False


# Hooks that run before a fork run in the reverse order of their registration, so the lock of
# `embedded`, which is imported by now, is taken when no session needs it any more.
#
# Each is registered twice. A signal handler may raise in the middle of a hook, or before its first
# instruction; Python prints that, goes on with the next hook and forks. The second one does what
# the first has left, because a session that stayed suspended would hold its calls up.
for _ in range(2):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
