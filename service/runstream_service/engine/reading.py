"""One read of the database: it has a time limit, and can be stopped while it runs.

SQLite asks at intervals whether to continue. Our own functions and loops that may run for long
between two steps of SQLite call `check`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from runstream.errors import ResourceExhausted, RunstreamError
from runstream_service.engine.database import storage_error, transaction
from runstream_service.engine.tables import database

T = TypeVar("T")

# Steps of SQLite's virtual machine between two checks: some milliseconds.
_STEPS = 200_000

_of_thread = threading.local()


class Reading(Generic[T]):
    """A query that is to run on a thread, in one consistent snapshot."""

    def __init__(self, seconds: float, query: Callable[..., T], *args: Any) -> None:
        """Prepare the query.

        Args:
            seconds: how long it may take from now on, with the time for which it waits.
            query: called with `args`.
            args: its arguments.
        """
        self._seconds = seconds
        self._end = time.monotonic() + seconds
        self._query, self._args = query, args
        self._stopped: RunstreamError | None = None

    def stop(self, error: RunstreamError) -> None:
        """Stop the query soon, from any thread; `run` then raises the error."""
        self._stopped = error

    def run(self) -> T:
        """Return what the query returns.

        Raises:
            ResourceExhausted: it takes too long.
            Unavailable: the storage failed.
        """
        _of_thread.reading = self
        try:
            self.check()
            with database.connection_context():
                connection = database.connection()
                connection.set_progress_handler(self._is_over, _STEPS)
                try:
                    with transaction():
                        return self._query(*self._args)
                finally:
                    connection.set_progress_handler(None, 0)
        except Exception as error:
            if not isinstance(error, RunstreamError):
                self.check()  # SQLite says only that it was interrupted
            raise storage_error(error) or error from error
        finally:
            _of_thread.reading = None

    def check(self) -> None:
        """Raise an error if it was stopped or takes too long."""
        if self._is_over():
            raise self._stopped or _too_long_error(self._seconds)

    def _is_over(self) -> bool:
        return self._stopped is not None or time.monotonic() > self._end


def check() -> None:
    """Raise an error if the reading of this thread was stopped or takes too long."""
    reading: Reading[Any] | None = getattr(_of_thread, "reading", None)
    if reading is not None:
        reading.check()


def _too_long_error(seconds: float) -> ResourceExhausted:
    return ResourceExhausted(
        f"the answer takes longer than {seconds:g} seconds to find: ask for less at once, by fewer "
        "experiments, a narrower filter or a smaller page",
        reason="READ_TOO_LONG",
        limit=f"{seconds:g} seconds",
    )
