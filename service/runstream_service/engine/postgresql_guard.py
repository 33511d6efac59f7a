"""Ends what a transaction waits for when its limit is over, also if the network is frozen."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg

from runstream_service.engine.engine import TimeLimit

# Seconds between two looks, and between two while a transaction is over its limit.
_LOOK_SECONDS = 1.0
_REPEAT_SECONDS = 0.1

# Seconds that a request to cancel may take, and after which the connection is broken instead.
_CANCEL_SECONDS = 1.0
_BREAK_SECONDS = 3.0


class SecondsLimit:
    """The limit of a transaction that ends after some seconds."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def seconds_left(self) -> float:
        """Return how long it may still take."""
        return self._end - time.monotonic()

    def is_over(self) -> bool:
        """Return whether its time is up."""
        return self.seconds_left() < 0


class _Watched:
    """A connection that is watched.

    Attributes:
        connection: the connection of psycopg.
        lock: held while it is interrupted.
        since: when its limit was first seen to be over.
    """

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.lock = threading.Lock()
        self.since: float | None = None


class Guard:
    """A thread that interrupts the statements of transactions whose limit is over.

    A request to cancel that comes between two statements does nothing, so it is repeated until the
    transaction has ended. If that does not help, because the database does not answer, the
    connection is broken, and whoever waits for it gets an error.
    """

    def __init__(self) -> None:
        self._watched: dict[TimeLimit, _Watched] = {}
        self._lock = threading.Lock()
        self._wakes = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def watch(self, limit: TimeLimit, connection: Any) -> Iterator[None]:
        """Hold a transaction to its limit, in a block."""
        watched = _Watched(connection)
        with self._lock:
            self._watched[limit] = watched
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="guard", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                del self._watched[limit]
            with watched.lock:
                pass  # what interrupts it has ended before the connection is used again

    def wake(self) -> None:
        """Look at once, because a limit is over."""
        self._wakes.set()

    def _run(self) -> None:
        seconds = _LOOK_SECONDS
        while True:
            self._wakes.wait(seconds)
            self._wakes.clear()
            with self._lock:
                late = [limit for limit in self._watched if limit.is_over()]
            for limit in late:
                self._interrupt(limit)
            seconds = _REPEAT_SECONDS if late else _LOOK_SECONDS

    def _interrupt(self, limit: TimeLimit) -> None:
        with self._lock:
            watched = self._watched.get(limit)
            if watched is None:
                return
            watched.lock.acquire()
        try:
            now = time.monotonic()
            if watched.since is None:
                watched.since = now
            with suppress(psycopg.Error, OSError):
                if now - watched.since < _BREAK_SECONDS:
                    watched.connection.cancel_safe(timeout=_CANCEL_SECONDS)
                else:
                    _break(watched.connection)
        finally:
            watched.lock.release()


def _break(connection: Any) -> None:
    """Close the socket of a connection for its thread, which finds that the other end is gone."""
    with socket.socket(fileno=os.dup(connection.fileno())) as duplicate:
        duplicate.shutdown(socket.SHUT_RDWR)
