"""The refusals of the server, kept until a call raises them."""

from __future__ import annotations

from collections import deque
from contextlib import suppress

from runstream.errors import RunstreamError
from runstream.outbox.delivery_errors import joint_error

# Errors of a run that are kept until they are raised. Of what comes after them, the first of each
# further reason is kept, and the others are counted.
_KEPT_ERRORS = 10


class Refusals:
    """The errors of refused batches: the first of each run, and how many more there are.

    Any thread may call every method. No lock is needed: an error is added and removed by one step
    in C, and read from a copy that is made by one. A count is one step too low if two threads add
    to the same run at the same moment.
    """

    def __init__(self) -> None:
        self._refusals: deque[tuple[str, RunstreamError]] = deque()
        self._more: dict[str, int] = {}  # by run

    def add(self, run_id: str, error: RunstreamError) -> None:
        """Keep the error of a batch of a run until it is raised, or count it."""
        reasons = [kept.reason for owner, kept in self._refusals.copy() if owner == run_id]
        if len(reasons) < _KEPT_ERRORS or error.reason not in reasons:
            self._refusals.append((run_id, error))
        else:
            self._more[run_id] = self._more.get(run_id, 0) + 1

    def has(self, run_id: str, reason: str) -> bool:
        """Return whether an error of a run for this reason is not raised yet."""
        kept = self._refusals.copy()
        return any((run_id, reason) == (owner, error.reason) for owner, error in kept)

    def run_ids(self) -> set[str]:
        """Return the runs of which an error is not raised yet."""
        return {run_id for run_id, _ in self._refusals.copy()}

    def raise_for(self, run_id: str | None) -> None:
        """Raise the errors of a run, or of all runs, as one; each error is raised once.

        Raises:
            RunstreamError: something was refused.
        """
        refusals = [refusal for refusal in self._refusals.copy() if run_id in (None, refusal[0])]
        if refusals:
            try:
                more = [self._more.get(owner, 0) for owner in {owner for owner, _ in refusals}]
                raise joint_error([error for _, error in refusals], sum(more))
            finally:  # an interrupt before this leaves them to be raised again
                for owner, _ in refusals:
                    self._more.pop(owner, None)
                for refusal in refusals:
                    with suppress(ValueError):  # another thread raised it, too
                        self._refusals.remove(refusal)
