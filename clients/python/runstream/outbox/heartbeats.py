"""Heartbeats of the runs that are open in this process."""

from __future__ import annotations

import math
import time

from runstream.outbox.outgoing_batches import OutgoingBatches
from runstream.outbox.stream_window import StreamWindow

#: Seconds after which an open run sends a heartbeat, if nothing of it was sent meanwhile.
HEARTBEAT = 10.0


class Heartbeats:
    """The open runs of an outbox, and when one of them may have to send a heartbeat.

    Only the uploader's thread calls the methods, so no lock is needed.
    """

    def __init__(self, batches: OutgoingBatches, window: StreamWindow) -> None:
        self._batches = batches
        self._window = window
        self._open: dict[str, set[object]] = {}  # and who opened each
        self._due = math.inf

    def __contains__(self, run_id: str) -> bool:
        return run_id in self._open

    def __len__(self) -> int:
        return len(self._open)

    def start(self, run_id: str, owner: object, *, is_silent: bool = True) -> None:
        """Send heartbeats of a run until all who started them stop them.

        Args:
            run_id: the run.
            owner: who starts them.
            is_silent: whether nothing else of the run is about to be sent, so that one is sent now.
        """
        self._open.setdefault(run_id, set()).add(owner)
        if is_silent and not self._window.has_unanswered(run_id):
            self._window.put_heartbeat(run_id)
        self._due = 0.0

    def stop(self, run_id: str, owner: object) -> None:
        """Send no more heartbeats of a run for one who started them; doing it twice is fine."""
        owners = self._open.get(run_id, set())
        owners.discard(owner)
        if not owners:
            self._open.pop(run_id, None)
            self._window.drop_heartbeat(run_id)

    def send(self) -> float | None:
        """Add a heartbeat for each open run of which nothing was sent lately.

        Return the seconds until there may be another to add; None if no run is open. During an
        outage none is added to what waits.
        """
        now = time.monotonic()
        if now >= self._due:
            for run_id in self._open:
                is_silent = now >= self._batches.last_put(run_id) + HEARTBEAT
                if is_silent and not self._window.has_unanswered(run_id):
                    self._window.put_heartbeat(run_id)
            due = min(map(self._batches.last_put, self._open), default=math.inf) + HEARTBEAT
            self._due = max(due, now + HEARTBEAT / 10)
        return self._due - now if self._open else None
