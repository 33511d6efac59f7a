"""The gate of the outbox: whether a call may log now, and whom it wakes when it has."""

from __future__ import annotations

from functools import partial

from runstream.outbox.buffer import RunBuffer
from runstream.outbox.collector import Collector
from runstream.outbox.delivery_state import DeliveryState
from runstream.outbox.outgoing_batches import OutgoingBatches
from runstream.outbox.refusals import Refusals
from runstream.outbox.task_queue import TaskQueue
from runstream.outbox.waits import Waits


class Gate:
    """What the buffers of an outbox ask (`BufferOwner`), on the threads that log.

    Buffers keep it over a fork, so its objects are replaced and not the gate.
    """

    def reset(
        self,
        batches: OutgoingBatches,
        tasks: TaskQueue,
        collector: Collector,
        refusals: Refusals,
        state: DeliveryState,
        waits: Waits,
    ) -> None:
        """Ask these objects from now on; called before the first use, and in a forked child."""
        self._batches = batches
        self._tasks = tasks
        self._collector = collector
        self._refusals = refusals
        self._state = state
        self._waits = waits

    def open_buffer(self, buffer: RunBuffer) -> RunBuffer:
        """Return the buffer that a call may log to, waiting while the outbox is full.

        Raises:
            RunstreamError: something logged to the run before was refused, nothing is sent any
                more, or there was no room for `waits.ROOM_SECONDS`.
        """
        self._refusals.raise_for(buffer.run_id)
        self._state.raise_failure(self._collector.backlog)
        if self._batches.is_full:
            self._waits.wait_for_room()
        if buffer.is_retired:
            return self._collector.buffer(buffer.run_id)
        buffer.open()
        if (
            buffer.is_retired
            or self._batches.is_full
            or self._state.failure
            or buffer.run_id in self._refusals.run_ids()
        ):
            buffer.close()  # this came meanwhile; the next call asks again
        return buffer

    def wake_for(self, buffer: RunBuffer) -> None:
        """Wake the uploader, after something was logged to a buffer while the uploader slept."""
        if buffer.is_retired:
            self._collector.buffer(buffer.run_id)  # from now on `flush` waits for the run
            self._tasks.post(partial(self._collector.take_over, buffer))
            return
        self._collector.activate(buffer)
        if self._tasks.is_empty():
            self._tasks.wake()
        else:
            self._tasks.ensure_thread()

    def wait_until_collected(self) -> None:
        """Wait until the uploader has made batches of what was logged before."""
        self._waits.wait_until_collected()

    def raise_refusals(self, run_id: str) -> None:
        """Raise what the server refused of a run; each refusal is raised once."""
        self._refusals.raise_for(run_id)
