"""The buffers of a process for a server, and the batches that are made of what they hold."""

from __future__ import annotations

import logging
import time

from runstream import rules
from runstream.outbox import disk_watch, outgoing_batches
from runstream.outbox.batch import Backlog, Batch
from runstream.outbox.buffer import BufferOwner, RunBuffer
from runstream.outbox.heartbeats import Heartbeats
from runstream.outbox.outgoing_batches import OutgoingBatches
from runstream.outbox.refusals import Refusals

log = logging.getLogger("runstream")

# Seconds after the last batch of a buffer that the next call has to wake the uploader for it: a
# program may have thousands of runs, and log to one of them.
_QUIET_SECONDS = 0.3

# Seconds after the last batch of a buffer that it is retired, unless its run is open; and if the
# run has ended, because a program may have thousands of short runs.
_UNUSED_SECONDS = 60.0
_ENDED_SECONDS = 5.0


class Collector:
    """The buffers of the runs, by run, and the way out of them.

    Any thread may call `buffer`, `has_buffer`, `activate`, `backlog` and `unsaved`. The thread of a
    stream calls `drop_params` and `close_buffer`. The other methods are the uploader's. No lock is
    needed: a dictionary adds a buffer by one step, and only the uploader's thread removes one.
    """

    def __init__(self, owner: BufferOwner) -> None:
        """Make a collector, to be `reset` before it is used.

        Args:
            owner: what buffers ask for room and for the uploader's attention.
        """
        self._owner = owner
        self._buffers: dict[str, RunBuffer] = {}
        self._active: dict[str, RunBuffer] = {}  # those that something was logged to lately

    def reset(self, batches: OutgoingBatches, refusals: Refusals, heartbeats: Heartbeats) -> None:
        """Start with empty buffers.

        Args:
            batches: takes the batches.
            refusals: what the server refused; a buffer is kept while there are some of its run.
            heartbeats: the open runs, whose buffers are kept.
        """
        self._batches = batches
        batches.disk_watch.on_wait = self._bound_memory
        self._refusals = refusals
        self._heartbeats = heartbeats
        self._next_retirement = 0.0
        self._collected = 0
        self._active.clear()
        for buffer in list(self._buffers.values()):
            buffer.reset_after_fork()

    def buffer(self, run_id: str) -> RunBuffer:
        """Return the buffer of a run.

        Raises:
            InvalidArgument: it is not the id of a run.
        """
        buffer = self._buffers.get(run_id)
        if buffer is None:
            rules.check_run_id("run_id", run_id)
            buffer = self._buffers.setdefault(run_id, RunBuffer(self._owner, run_id))
        return buffer

    def activate(self, buffer: RunBuffer) -> None:
        """Let the uploader look at a buffer in each of its rounds."""
        self._active[buffer.run_id] = buffer

    def has_buffer(self, run_id: str) -> bool:
        """Return whether there is a buffer of a run."""
        return run_id in self._buffers

    def backlog(self) -> dict[str, Backlog]:
        """Return how much has no answer, by run, in buffers and in batches."""
        return self._add_waiting(self._batches.backlog())

    def run_backlog(self, run_id: str) -> Backlog:
        """Return how much of one run has no answer; what becomes a batch just now counts twice."""
        buffer = self._buffers.get(run_id)
        # First the buffer: what leaves it is in a batch by then.
        waiting = Backlog() if buffer is None else buffer.contents.waiting()
        return waiting + self._batches.run_backlog(run_id)

    def unsaved(self) -> dict[str, Backlog]:
        """Return how much of it is in the memory of this process alone, by run."""
        backlogs: dict[str, Backlog] = {}
        for run_id, _, content, _ in self._batches.queue.unsaved():
            backlogs[run_id] = backlogs.get(run_id, Backlog()) + content
        return self._add_waiting(backlogs)

    def _add_waiting(self, backlogs: dict[str, Backlog]) -> dict[str, Backlog]:
        for run_id, buffer in self._buffers.copy().items():
            backlogs[run_id] = backlogs.get(run_id, Backlog()) + buffer.contents.waiting()
        return {run_id: backlog for run_id, backlog in backlogs.items() if any(backlog)}

    # On the thread that watches the disk.

    def _bound_memory(self, is_new: bool) -> None:
        """Let calls that log wait for room once as much waits as memory takes without a disk."""
        if is_new:
            log.warning(
                "the disk of %s has not answered for %.0f s: until it does, nothing is sent, and "
                "what is logged is kept in memory, and lost if this process ends",
                self._batches.queue.place,
                disk_watch.HANG_SECONDS,
            )
        waiting = sum(buffer.contents.count_bytes() for buffer in self._buffers.copy().values())
        if waiting + self._batches.queue.held_bytes >= outgoing_batches.LIMIT_BYTES:
            self._batches.is_full = True
            self.close_buffers()

    # On the thread of a stream.

    def drop_params(self, batch: Batch) -> None:
        """Let the params of a refused batch be logged with other values."""
        if buffer := self._buffers.get(batch.run_id):
            buffer.drop_params(batch.message)

    def has_ended(self, run_id: str) -> bool:
        """Return whether the end of a run was queued, and nothing after it."""
        buffer = self._buffers.get(run_id)
        return buffer is not None and buffer.has_ended

    def close_buffer(self, run_id: str) -> None:
        """Let the next call that logs to a run ask the outbox first."""
        if buffer := self._buffers.get(run_id):
            buffer.close()

    # On the uploader's thread.

    def collect(self) -> None:
        """Make batches of what waits in the buffers that are in use."""
        now = time.monotonic()
        for run_id, buffer in list(self._active.items()):
            if not buffer.contents.is_empty():
                buffer.cancel_wake()
                buffer.contents.drain(self._put)
            elif buffer.has_ended or buffer.contents.last_drained <= now - _QUIET_SECONDS:
                self._deactivate(run_id, buffer)
            else:
                buffer.cancel_wake()
        self._retire_unused()

    def collect_all(self) -> None:
        """Make batches of all that waits, also of what a call left that was interrupted."""
        for buffer in list(self._buffers.values()):
            if not buffer.contents.is_empty():
                buffer.contents.drain(self._put)

    def collect_run(self, run_id: str) -> None:
        """Make batches of what waits in the buffer of one run."""
        if buffer := self._buffers.get(run_id):
            buffer.contents.drain(self._put)

    def take_count(self) -> int:
        """Return how much became batches since the last call."""
        count, self._collected = self._collected, 0
        return count

    def request_wake(self) -> bool:
        """Let the next call that logs wake the uploader; return whether all buffers are empty."""
        for buffer in list(self._active.values()):
            buffer.request_wake()
        buffers = list(self._buffers.values())
        waiting = [buffer for buffer in buffers if not buffer.contents.is_empty()]
        for buffer in waiting:
            self.activate(buffer)
        return not waiting

    def close_buffers(self) -> None:
        """Let each call that logs ask the outbox first."""
        for buffer in list(self._buffers.values()):
            buffer.close()

    def take_over(self, retired: RunBuffer) -> None:
        """Move what was logged to a retired buffer to the buffer that took its place."""
        if retired.is_retired:
            buffer = self.buffer(retired.run_id)
            buffer.take_over(retired)
        else:  # it was being retired, and is in use again
            buffer = retired
        self.activate(buffer)

    def _deactivate(self, run_id: str, buffer: RunBuffer) -> None:
        """Look at a buffer no more before a call wakes the uploader for it."""
        buffer.request_wake()
        self._active.pop(run_id, None)
        if not buffer.contents.is_empty():  # of a call that read the flag before it was set
            self.activate(buffer)

    def _put(self, run_id: str, message: bytes, content: Backlog) -> None:
        self._collected += sum(content)
        if self._batches.put(run_id, message, content):
            self.close_buffers()

    def _retire_unused(self) -> None:
        now = time.monotonic()
        if now < self._next_retirement:
            return
        self._next_retirement = now + _UNUSED_SECONDS / 10
        refused = self._refusals.run_ids()
        for buffer in list(self._buffers.values()):
            patience = _ENDED_SECONDS if buffer.has_ended else _UNUSED_SECONDS
            is_unused = buffer.contents.last_drained <= now - patience
            if is_unused and self._is_done(buffer, refused) and buffer.retire():
                del self._buffers[buffer.run_id]
                self._active.pop(buffer.run_id, None)
                self._batches.remove_run(buffer.run_id)

    def _is_done(self, buffer: RunBuffer, refused: set[str]) -> bool:
        return (
            buffer.run_id not in self._heartbeats
            and self._batches.is_answered(buffer.run_id)
            and buffer.run_id not in refused
            and not buffer.contents.has_timestamps_after(time.time_ns() // 1_000_000)
        )
