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


def limit_calls(seconds: float) -> AbstractContextManager[None]:
    """Let calls that are made within the block fail after this many seconds in all."""
    return _Limit(time.monotonic() + seconds)


def call_limit() -> float:
    """Return when calls of this context fail at the latest, by `time.monotonic`."""
    return _end.get()


class _Limit:
    """The block; a generator would cost four times as much, which callbacks pay at each step."""

    __slots__ = ("_end", "_token")

    def __init__(self, end: float) -> None:
        self._end = end

    def __enter__(self) -> None:
        self._token = _end.set(min(_end.get(), self._end))

    def __exit__(self, *_: object) -> None:
        _end.reset(self._token)
