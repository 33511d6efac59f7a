"""What a logging call with `synchronous=False` returns: a way to wait until it is on disk."""

from __future__ import annotations

from collections.abc import Callable


class RunOperations:
    """What was queued for a run."""

    def __init__(self, flush: Callable[[float | None], None]) -> None:
        self._flush = flush

    def wait(self, timeout: float | None = None) -> None:
        """Wait until it is on disk; see `TrackingClient.flush_run`.

        Args:
            timeout: seconds to wait; as long as it takes, if left out.
        """
        self._flush(timeout)
