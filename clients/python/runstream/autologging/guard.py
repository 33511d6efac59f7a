"""The guard: a fault of ours in a training is one warning, and never reaches the training.

Nor does a server that is away hold trainings up: a training waits for it `WAIT_SECONDS` at most,
and then does not for `PAUSE_SECONDS`. After such a pause, and when the training has returned, it
waits `RETRY_SECONDS` again. What is queued is queued in a pause, too.
"""

from __future__ import annotations

import logging
import math
import signal
import time
import traceback
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from runstream.errors import DeadlineExceeded, Unavailable
from runstream.transport.call_limit import limit_calls

P = ParamSpec("P")
Result = TypeVar("Result")

#: Seconds for which one training waits for a server at most, in all, before it pauses.
WAIT_SECONDS = 10.0

#: Seconds of the pause. Trainings that begin in them are not logged.
PAUSE_SECONDS = 60.0

#: Seconds for which the training waits in all after each pause.
RETRY_SECONDS = 1.0

log = logging.getLogger("runstream")

# When trainings are logged again after a server was away, by `time.monotonic`.
_paused_until = 0.0


def is_paused() -> bool:
    """Return whether trainings are not logged now, because the server was away just before."""
    return time.monotonic() < _paused_until


class Guard:
    """Calls functions of ours for one training.

    Attributes:
        has_failed: whether one of them raised; the user was warned then.
    """

    def __init__(self, library: str, silent: bool) -> None:
        self._library = library
        self._silent = silent
        self._seconds_left = WAIT_SECONDS
        self._paused_until = 0.0
        self.has_failed = False

    @property
    def is_paused(self) -> bool:
        """Whether the server was away just before, so that nothing waits for it."""
        return time.monotonic() < self._paused_until

    def end_pause(self) -> None:
        """Wait for the server again, because what comes now comes once, as the trained model."""
        self._paused_until = 0.0

    def attempt(
        self, function: Callable[P, Result], /, *args: P.args, **kwargs: P.kwargs
    ) -> Result | None:
        """Return what a function returns; None if it raises an exception.

        In a pause it may queue, but a call that waits for the server fails at once. An interrupt
        passes, as does what a handler of a signal raises: it is meant for the training, too. A
        `SystemExit` of the function itself, such as a method of the model, does not.
        """
        was_paused, start = self.is_paused, time.monotonic()
        try:
            with limit_calls(0.0 if was_paused else self._seconds_left):
                return function(*args, **kwargs)
        except (Unavailable, DeadlineExceeded) as error:
            if not was_paused:
                self._seconds_left -= time.monotonic() - start
                self._pause(error)
        except BaseException as error:
            self._warn_of(error)
        return None

    def attempt_later(
        self, function: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Call a function on a thread of ours, where nobody waits; else as `attempt`.

        Its calls have their own deadlines. In a pause a call that waits for the server fails at
        once, since what is left for later would wait for all those deadlines, one after the other;
        files and models are kept.
        """
        try:
            with limit_calls(0.0 if self.is_paused else math.inf):
                function(*args, **kwargs)
        except (Unavailable, DeadlineExceeded) as error:
            self._pause(error)
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

    def _pause(self, error: Exception) -> None:
        global _paused_until
        self._paused_until = _paused_until = time.monotonic() + PAUSE_SECONDS
        self._seconds_left = max(self._seconds_left, RETRY_SECONDS)
        self.warn(
            f"{error}. For {PAUSE_SECONDS:g} s nothing waits for the server, "
            "and trainings that begin are not logged"
        )


def _comes_from_signal(error: BaseException) -> bool:
    """Return whether a handler of a signal, as one that limits the time, has raised an error."""
    handlers = {
        getattr(signal.getsignal(number), "__code__", None) for number in signal.valid_signals()
    }
    frames = traceback.walk_tb(error.__traceback__)
    return any(frame.f_code in handlers for frame, _ in frames)
