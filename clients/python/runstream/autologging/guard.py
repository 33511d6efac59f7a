"""The guard: a fault of ours in a training is one warning, and never reaches the training.

Nor does a server that is away hold trainings up: what is tried within one training waits
`WAIT_SECONDS` at most, and after that wait nothing is tried for `PAUSE_SECONDS`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from runstream.errors import DeadlineExceeded, Unavailable
from runstream.transport.call_limit import limit_calls

P = ParamSpec("P")
Result = TypeVar("Result")

#: Seconds for which one training waits for a server at most, in all.
WAIT_SECONDS = 10.0

#: Seconds after such a wait in which trainings are not logged.
PAUSE_SECONDS = 60.0

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
        is_closed: whether nothing more is called, because the server is away.
    """

    def __init__(self, library: str, silent: bool) -> None:
        self._library = library
        self._silent = silent
        self._seconds_left = WAIT_SECONDS
        self.has_failed = False
        self.is_closed = False

    def attempt(
        self, function: Callable[P, Result], /, *args: P.args, **kwargs: P.kwargs
    ) -> Result | None:
        """Return what a function returns; None if it raises an exception or is not called.

        An interrupt passes: it is meant for the training, too.
        """
        if self.is_closed:
            return None
        start = time.monotonic()
        try:
            with limit_calls(max(0.0, self._seconds_left)):
                return function(*args, **kwargs)
        except (Unavailable, DeadlineExceeded) as error:
            self._seconds_left -= time.monotonic() - start
            self._pause(error)
        except Exception as error:
            self.warn(f"{type(error).__name__}: {error}", error)
        return None

    def attempt_later(
        self, function: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Call a function on a thread of ours, where nobody waits; else as `attempt`.

        Its calls have their own deadlines. If one of them gives the server up, nothing more is
        called for the training, of which the warning tells.
        """
        if self.is_closed:
            return
        try:
            function(*args, **kwargs)
        except (Unavailable, DeadlineExceeded) as error:
            self._pause(error)
        except Exception as error:
            self.warn(f"{type(error).__name__}: {error}", error)

    def warn(self, text: str, error: Exception | None = None) -> None:
        """Say what could not be logged, once in a training; the traceback is for debugging."""
        level = logging.DEBUG if self._silent or self.has_failed else logging.WARNING
        self.has_failed = True
        log.log(
            level, "not all of a training by %s is logged, which goes on: %s", self._library, text
        )
        if error is not None:
            log.debug("autologging of %s failed", self._library, exc_info=error)

    def _pause(self, error: Exception) -> None:
        global _paused_until
        _paused_until = time.monotonic() + PAUSE_SECONDS
        self.is_closed = True
        self.warn(f"{error}. Trainings that begin in the next {PAUSE_SECONDS:g} s are not logged")
