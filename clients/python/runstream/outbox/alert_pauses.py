"""When alerts were raised last, so that a loop that raises one in each step raises few."""

from __future__ import annotations

import time

# Titles that are remembered; the oldest are forgotten.
_REMEMBERED = 10_000

# Monotonic time by run and title, in the order of the times.
_raised: dict[tuple[str, str], float] = {}


def take(run_id: str, title: str, seconds: float) -> bool:
    """Return whether an alert may be raised now, and count it as raised if so.

    Args:
        run_id: its run.
        title: its title.
        seconds: how long ago the last one of this title has to be.
    """
    moment = time.monotonic()
    at = run_id, title
    last = _raised.get(at)
    if last is not None and moment - last < seconds:
        return False
    _raised.pop(at, None)
    _raised[at] = moment
    while len(_raised) > _REMEMBERED:
        try:
            _raised.pop(next(iter(_raised)), None)
        except RuntimeError:  # another thread has raised one meanwhile, and does the same
            break
    return True


def release(run_id: str, title: str) -> None:
    """Count an alert as not raised, because it could not be."""
    _raised.pop((run_id, title), None)
