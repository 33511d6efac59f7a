"""One read of the database: it has a time limit, and can be stopped while it runs.

The engine asks at intervals whether to continue. Our own functions and loops that may run for long
between two steps of the database call `check`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from runstream.errors import DeadlineExceeded, RunstreamError
from runstream_service.engine.engine import Engine, storage_error

T = TypeVar("T")

_of_thread = threading.local()


class Reading(Generic[T]):
    """A query that is to run on a thread, in one consistent snapshot.

    Attributes:
        waited: seconds for which it waited until its thread began; None while it waits.
    """

    def __init__(
        self, engine: Engine, seconds: float, option: str, query: Callable[..., T], *args: Any
    ) -> None:
        """Prepare the query.

        Args:
            engine: the database.
            seconds: how long it may take from now on, with the time for which it waits.
            option: the option of the server that says so; empty if there is none.
            query: called with `args`.
            args: its arguments.
        """
        self._engine = engine
        self._seconds, self._option = seconds, option
        self._end = time.monotonic() + seconds
        self.waited: float | None = None
        self._query, self._args = query, args
        self._stopped: RunstreamError | None = None

    def stop(self, error: RunstreamError) -> None:
        """Stop the query soon, from any thread; `run` then raises the error."""
        self._stopped = error
        self._engine.interrupt(self)

    def reset(self) -> None:
        """Let it run once more after it was stopped, in the time that is left."""
        self._stopped = self.waited = None

    def run(self) -> T:
        """Return what the query returns.

        Raises:
            DeadlineExceeded: it takes too long.
            Unavailable: the storage failed.
        """
        _of_thread.reading = self
        self.waited = self._seconds - self.seconds_left()
        try:
            self.check()
            with self._engine.snapshot(self):
                return self._query(*self._args)
        except RunstreamError:  # some are an OSError, too
            raise
        except Exception as error:
            self.check()  # the database says only that it was interrupted
            if self._engine.is_storage_fault(error):
                raise storage_error(error) from error
            raise
        finally:
            _of_thread.reading = None

    def check(self) -> None:
        """Raise an error if it was stopped or takes too long."""
        if self.is_over():
            raise self._stopped or self.too_long_error()

    def seconds_left(self) -> float:
        """Return how long it may still take."""
        return self._end - time.monotonic()

    def is_over(self) -> bool:
        """Return whether it was stopped or takes too long."""
        return self._stopped is not None or time.monotonic() > self._end

    def too_long_error(self) -> DeadlineExceeded:
        """Return the error that says that its time is up, and what to do."""
        waited = self._seconds if self.waited is None else self.waited
        behind = f", of which it waited {waited:.0f} for other reads" if waited >= 1 else ""
        longer = f", or start the server with a longer {self._option}" if self._option else ""
        return DeadlineExceeded(
            f"the answer takes longer than {self._seconds:g} seconds to find{behind}: ask for less "
            f"at once, by fewer experiments, a narrower filter or a smaller page{longer}",
            reason="READ_TOO_LONG",
            limit=f"{self._seconds:g} seconds",
            **({"option": self._option} if self._option else {}),
        )


def check() -> None:
    """Raise an error if the reading of this thread was stopped or takes too long."""
    reading: Reading[Any] | None = getattr(_of_thread, "reading", None)
    if reading is not None:
        reading.check()
