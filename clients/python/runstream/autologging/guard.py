"""The guard: a fault of ours in a training is one warning, and never reaches the training.

Nor does a server that is away hold a training up: it waits `WAIT_SECONDS` for it at most, in all.
What it logs needs no answer: it is queued, or kept as files are.
"""

from __future__ import annotations

import logging
import signal
import time
import traceback
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from runstream.errors import DeadlineExceeded, Unavailable
from runstream.transport.call_limit import limit_calls

P = ParamSpec("P")
Result = TypeVar("Result")

#: Seconds for which one training waits for a server at most, in all.
WAIT_SECONDS = 10.0

log = logging.getLogger("runstream")


class Guard:
    """Calls functions of ours for one training.

    Attributes:
        has_failed: whether one of them raised; the user was warned then.
    """

    def __init__(self, library: str, silent: bool) -> None:
        self._library = library
        self._silent = silent
        self._seconds_left = WAIT_SECONDS
        self.has_failed = False

    def attempt(
        self, function: Callable[P, Result], /, *args: P.args, **kwargs: P.kwargs
    ) -> Result | None:
        """Return what a function returns; None if it raises an exception.

        Once the seconds of the training are over, a call that waits for the server fails at once;
        what is queued is queued all the same. An interrupt passes, as does what a handler of a
        signal raises: it is meant for the training, too. A `SystemExit` of the function itself,
        such as a method of the model, does not.
        """
        start = time.monotonic()
        try:
            with limit_calls(self._seconds_left):
                return function(*args, **kwargs)
        except (Unavailable, DeadlineExceeded) as error:
            self._seconds_left = max(0.0, self._seconds_left - (time.monotonic() - start))
            self._warn_of(error)
        except BaseException as error:
            self._warn_of(error)
        return None

    def attempt_later(
        self, function: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Call a function on a thread of ours, where nobody waits; else as `attempt`.

        Its calls have their own deadlines.
        """
        try:
            function(*args, **kwargs)
        except BaseException as error:
            self._warn_of(error)

    def warn(self, text: str, error: BaseException | None = None) -> None:
        """Say what could not be logged, once in a training; the traceback is for debugging."""
        level = logging.DEBUG if self._silent or self.has_failed else logging.WARNING
        self.has_failed = True
        log.log(
            level, "not all of a training by %s is logged, which goes on: %s", self._library, text
        )
        if error is not None:
            log.debug("autologging of %s failed", self._library, exc_info=error)

    def _warn_of(self, error: BaseException) -> None:
        if isinstance(error, KeyboardInterrupt) or _comes_from_signal(error):
            raise error
        self.warn(f"{type(error).__name__}: {error}", error)


def _comes_from_signal(error: BaseException) -> bool:
    """Return whether a handler of a signal, as one that limits the time, has raised an error."""
    handlers = {
        getattr(signal.getsignal(number), "__code__", None) for number in signal.valid_signals()
    }
    frames = traceback.walk_tb(error.__traceback__)
    return any(frame.f_code in handlers for frame, _ in frames)
