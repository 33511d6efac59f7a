"""Runs that the server does not know, and what else of a folder may still come."""

from __future__ import annotations

from runstream.calls.task_delivery import FILE_INCOMPLETE, FILE_MISSING
from runstream.calls.unknown_runs import send_start
from runstream.errors import RunstreamError
from runstream.outbox.delivery_errors import RUN_NOT_FOUND
from runstream.spool.waiting_starts import WaitingStarts
from runstream.syncing.results import FolderResult
from runstream.transport.connection import Connection

# Reasons why a task cannot be done with what is in the folder.
_INCOMPLETE = (FILE_MISSING, FILE_INCOMPLETE)


class MissingStarts:
    """Sends the starts of runs that the server misses, from other folders; one thread uses it."""

    def __init__(
        self, connection: Connection, starts: WaitingStarts | None, result: FolderResult
    ) -> None:
        """Look for nothing yet.

        Args:
            connection: the server.
            starts: the starts of runs in the folders beside this one; none, if None.
            result: says whether the writer of the folder lives.
        """
        self._connection = connection
        self._starts = starts
        self._result = result
        self._sought: set[str] = set()

    def send_for(self, error: RunstreamError) -> bool:
        """Send the start of a run that the server does not know; False if that was tried before.

        It may wait in a folder that is delivered later. If it is in none, the process that has it
        may have sent it meanwhile.

        Raises:
            RunstreamError: the server cannot be reached.
        """
        run_id = error.metadata.get("value", "")
        if error.reason != RUN_NOT_FOUND or run_id in self._sought:
            return False
        if self._starts is not None:
            send_start(self._connection, self._starts, run_id)
        self._sought.add(run_id)
        return True

    def may_come(self, error: RunstreamError) -> bool:
        """Return whether what the server does not know, or what is not here, may still come.

        Where something may still be written to the folder, it may be a copy that is not complete.
        """
        if error.reason in _INCOMPLETE:
            return self._result.is_live
        is_sought = error.metadata.get("value", "") in self._sought
        return error.reason == RUN_NOT_FOUND and (self._result.is_live or not is_sought)
