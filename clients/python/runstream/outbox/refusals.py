"""The refusals of the server, kept until a call raises them."""

from __future__ import annotations

from collections import deque
from contextlib import suppress

from runstream.errors import RunstreamError
from runstream.outbox.delivery_errors import joint_error


class Refusals:
    """The errors of refused batches.

    Any thread may call every method. No lock is needed: an error is added and removed by one step
    in C, and read from a copy that is made by one.
    """

    def __init__(self) -> None:
        self._refusals: deque[tuple[str, RunstreamError]] = deque()

    def add(self, run_id: str, error: RunstreamError) -> None:
        """Keep the error of a batch of a run until it is raised."""
        self._refusals.append((run_id, error))

    def has(self, run_id: str, reason: str) -> bool:
        """Return whether an error of a run for this reason is not raised yet."""
        kept = self._refusals.copy()
        return any((run_id, reason) == (owner, error.reason) for owner, error in kept)

    def run_ids(self) -> set[str]:
        """Return the runs of which an error is not raised yet."""
        return {run_id for run_id, _ in self._refusals.copy()}

    def raise_for(self, run_id: str | None) -> None:
        """Raise the errors of a run, or of all runs, as one; each error is raised once."""
        refusals = [refusal for refusal in self._refusals.copy() if run_id in (None, refusal[0])]
        if refusals:
            try:
                raise joint_error([error for _, error in refusals])
            finally:  # an interrupt before this leaves them to be raised again
                for refusal in refusals:
                    with suppress(ValueError):  # another thread raised it, too
                        self._refusals.remove(refusal)
