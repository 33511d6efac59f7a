"""What a call that logs returns to a caller who may want to wait for it."""

from __future__ import annotations

from collections.abc import Callable


class RunOperations:
    """Something that was queued for a run."""

    def __init__(self, flush: Callable[[float | None], None]) -> None:
        self._flush = flush

    def wait(self, timeout: float | None = None) -> None:
        """Wait until it is on disk; see `TrackingClient.flush_run`.

        Args:
            timeout: seconds to wait; as long as it takes, if left out.
        """
        self._flush(timeout)
