"""When an answer that takes long looks again whether its caller may still have it.

What an answer is about it knows itself, so it looks by itself: a watch, a history, a file.
"""

from __future__ import annotations

import math
import time

from runstream_service.access.caller import Caller

#: Seconds for which an answer goes on after a grant is taken away, at the most.
RECHECK_SECONDS = 2.0


class Recheck:
    """The looks of one answer; there are none for admins, from whom nothing is taken away."""

    def __init__(self, caller: Caller) -> None:
        self._last = math.inf if caller.is_admin else time.monotonic()

    def is_due(self, seconds: float = RECHECK_SECONDS) -> bool:
        """Return whether the last look was so long ago; if so, the caller looks now."""
        now = time.monotonic()
        if now - self._last < seconds:
            return False
        self._last = now
        return True
