"""Heartbeats of the runs that are open in this process; on the uploader's thread alone."""

from __future__ import annotations

import math
import time

from runstream.outbox.batch_queue import BatchQueue
from runstream.outbox.buffer import RunBuffer

#: Seconds after which an open run sends a heartbeat, if nothing of it was sent meanwhile.
HEARTBEAT = 10.0


class Heartbeats:
    """The open runs of an outbox, and when one of them may have to send a heartbeat."""

    def __init__(self, queue: BatchQueue) -> None:
        self._queue = queue
        self._open: dict[RunBuffer, set[object]] = {}  # and who opened each
        self._due = math.inf

    def __contains__(self, buffer: RunBuffer) -> bool:
        return buffer in self._open

    def __len__(self) -> int:
        return len(self._open)

    def start(self, buffer: RunBuffer, owner: object) -> None:
        """Send heartbeats of a run, the first one now, until all who started them stop them."""
        self._open.setdefault(buffer, set()).add(owner)
        self._queue.put_heartbeat(buffer)
        self._due = 0.0

    def stop(self, buffer: RunBuffer, owner: object) -> None:
        """Send no more heartbeats of a run for one who started them; doing it twice is fine."""
        owners = self._open.get(buffer, set())
        owners.discard(owner)
        if not owners:
            self._open.pop(buffer, None)

    def send(self) -> float | None:
        """Add a heartbeat for each open run of which nothing was sent lately.

        Return the seconds until there may be another to add; None if no run is open. During an
        outage none is added to what waits.
        """
        now = time.monotonic()
        if now >= self._due:
            for buffer in self._open:
                waits = buffer.heartbeat_waits or not self._queue.is_answered(buffer)
                if now >= buffer.sent + HEARTBEAT and not waits:
                    self._queue.put_heartbeat(buffer)
            due = min((buffer.sent for buffer in self._open), default=math.inf) + HEARTBEAT
            self._due = max(due, now + HEARTBEAT / 10)
        return self._due - now if self._open else None
