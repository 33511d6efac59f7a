"""A limit on the time that calls of the current context may wait for a server.

Each call has a deadline of its own. Code that must not hold its caller up that long, such as what
is logged during a training without the user's asking, sets a lower one for all calls below it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_end: ContextVar[float] = ContextVar("runstream_call_limit", default=math.inf)


@contextmanager
def limit_calls(seconds: float) -> Iterator[None]:
    """Let calls that are made within the block fail after this many seconds in all."""
    token = _end.set(min(_end.get(), time.monotonic() + seconds))
    try:
        yield
    finally:
        _end.reset(token)


def call_limit() -> float:
    """Return when calls of this context fail at the latest, by `time.monotonic`."""
    return _end.get()
