"""A limit on the time that calls of the current context may wait for a server.

Each call has a deadline of its own. Code that must not hold its caller up that long, such as what
is logged during a training without the user's asking, sets a lower one for all calls below it.
"""

from __future__ import annotations

import math
import time
from contextlib import AbstractContextManager
from contextvars import ContextVar

_end: ContextVar[float] = ContextVar("runstream_call_limit", default=math.inf)
_retry_end: ContextVar[float] = ContextVar("runstream_retry_limit", default=math.inf)


def limit_calls(seconds: float) -> AbstractContextManager[None]:
    """Let calls that are made within the block fail after this many seconds in all."""
    return _Limit(_end, time.monotonic() + seconds)


def limit_retries(seconds: float) -> AbstractContextManager[None]:
    """Let calls within the block be repeated no longer than this while no server is reached."""
    return _Limit(_retry_end, time.monotonic() + seconds)


def retry_limit() -> float:
    """Return until when calls of this context are repeated at most, by `time.monotonic`."""
    return _retry_end.get()


def call_limit() -> float:
    """Return when calls of this context fail at the latest, by `time.monotonic`."""
    return _end.get()


class _Limit:
    """The block; a generator would cost four times as much, which callbacks pay at each step."""

    __slots__ = ("_end", "_token", "_variable")

    def __init__(self, variable: ContextVar[float], end: float) -> None:
        self._variable = variable
        self._end = end

    def __enter__(self) -> None:
        self._token = self._variable.set(min(self._variable.get(), self._end))

    def __exit__(self, *_: object) -> None:
        self._variable.reset(self._token)
