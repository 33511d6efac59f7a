"""The time of this machine."""

from __future__ import annotations

import time


def now() -> int:
    """Return the time, in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000
