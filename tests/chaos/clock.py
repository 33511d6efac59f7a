"""The clock of a process, which can be set back.

It is installed before anything else asks for the time.
"""

from __future__ import annotations

import time
from collections.abc import Callable

_back_ns = 0
_time_ns: Callable[[], int] = time.time_ns


def set_back(seconds: float) -> None:
    """Set the clock of this process back."""
    global _back_ns
    _back_ns += int(seconds * 1e9)


def install() -> None:
    """Let `time.time` and `time.time_ns` of this process give the time of this clock."""
    time.time_ns = lambda: _time_ns() - _back_ns
    time.time = lambda: (_time_ns() - _back_ns) / 1e9
