"""The result of a logging call with `synchronous=False`: waits until the data is on disk."""

from __future__ import annotations

from collections.abc import Callable


class RunOperations:
    """The operations that were queued for a run."""

    def __init__(self, flush: Callable[[float | None], None]) -> None:
        self._flush = flush

    def wait(self, timeout: float | None = None) -> None:
        """Wait until all of them are on disk; see `TrackingClient.flush_run`.

        Args:
            timeout: seconds to wait; as long as it takes, if left out.
        """
        self._flush(timeout)
