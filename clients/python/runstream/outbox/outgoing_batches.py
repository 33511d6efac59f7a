"""The batches of an outbox on their way: numbered, counted by run, and kept until the answer."""

from __future__ import annotations

import secrets
import threading
import time
from collections import defaultdict

from runstream.outbox.batch import Backlog, Batch
from runstream.outbox.batch_queue import BatchQueue
from runstream.outbox.disk_watch import DiskWatch
from runstream.v1.logging_service_pb2 import LogBatchRequest
from runstream.v1.write_pb2 import WriteId

#: Bytes of batches in memory alone after which calls that log wait: about 3.5 million points.
LIMIT_BYTES = 64 * 1024 * 1024


class _RunBatches:
    """The state of the batches of one run.

    Attributes:
        last_number: number of the last batch.
        last_put: when the last batch or heartbeat was added, by `time.monotonic`.
    """

    __slots__ = ("last_number", "last_put")

    def __init__(self) -> None:
        self.last_number = 0
        self.last_put = 0.0


class OutgoingBatches:
    """Batches without an answer.

    The lock covers the queue, and all attributes where they are written. The uploader's thread and
    the two threads of a stream take it, and none of them waits for the network with it. Threads
    that log never take it, because an interrupt could leave it held: they may read `is_full` and
    `last_answered`, and call `backlog` and `run_backlog`.

    Attributes:
        lock: the lock; a thread that has it may take it again.
        unsent: notified, with the lock, when there is something to send.
        is_full: whether calls that log have to wait; from `LIMIT_BYTES` on, until a quarter of
            them is free again.
        last_answered: number of the last batch that is answered.
        queue: the batches.
        disk_watch: notices when the uploader's thread waits for the disk.
    """

    def __init__(self, queue: BatchQueue) -> None:
        self.lock = threading.RLock()
        self.unsent = threading.Condition(self.lock)
        self.is_full = False
        self.last_answered = 0
        self.queue = queue
        self.disk_watch = DiskWatch()
        self._last_number = 0
        self._writer = secrets.token_hex(16)
        self._runs: defaultdict[str, _RunBatches] = defaultdict(_RunBatches)
        self._backlog: dict[str, Backlog] = {}

    # On any thread, without the lock.

    def backlog(self) -> dict[str, Backlog]:
        """Return what the batches without an answer hold, by run."""
        return self._backlog.copy()

    def run_backlog(self, run_id: str) -> Backlog:
        """Return what those of one run hold."""
        return self._backlog.get(run_id, Backlog())

    # On the uploader's thread.

    def put(self, run_id: str, message: bytes, content: Backlog) -> bool:
        """Add a batch of a run; return whether the queue has become full by it."""
        with self.disk_watch, self.lock:
            number = self._last_number + 1
            if content.needs_write_id:
                # The id orders tags (P3). Messages of Protobuf that are joined are merged.
                write = WriteId(writer=self._writer, sequence=number)
                message += LogBatchRequest(write=write).SerializeToString()
            self._last_number = number
            self._backlog[run_id] = self._backlog.get(run_id, Backlog()) + content
            self.queue.append(Batch(run_id, message, content, number))
            self._drop_lost()
            run = self._runs[run_id]
            run.last_number, run.last_put = number, time.monotonic()
            self.unsent.notify()
            self._acknowledge_saved()
            was_full, self.is_full = self.is_full, self.is_full or self._is_over_limit()
            return self.is_full and not was_full

    def save(self, *, at_once: bool = False) -> bool:
        """Write what is in memory alone, and let it survive a crash of the machine if it shall.

        Return whether there is room again for calls that wait for it.

        Args:
            at_once: whether to try it although the disk could not be written shortly before.
        """
        was_full = self.is_full
        with self.disk_watch:
            if self.queue.held_bytes or was_full:
                with self.lock:
                    self.queue.save(at_once=at_once)
                    self._acknowledge_saved()
                    self._reopen()
            self.queue.sync()
        return was_full and not self.is_full

    def last_number(self, run_id: str | None) -> int:
        """Return the number of the last batch of a run, or of all; 0 if there is none.

        The batches before a `remove_run` do not count.
        """
        with self.lock:
            if run_id is None:
                return self._last_number
            return self._runs[run_id].last_number if run_id in self._runs else 0

    def last_put(self, run_id: str) -> float:
        """Return when a batch or heartbeat of a run was added last, by `time.monotonic`."""
        with self.lock:
            return self._runs[run_id].last_put if run_id in self._runs else 0.0

    def record_heartbeat(self, run_id: str) -> None:
        """Record that a heartbeat of a run is added now."""
        with self.lock:
            self._runs[run_id].last_put = time.monotonic()

    def is_answered(self, run_id: str | None = None) -> bool:
        """Return whether all batches of a run, or of all, are answered."""
        with self.lock:
            return self.last_number(run_id) <= self.last_answered

    def remove_run(self, run_id: str) -> None:
        """Remove the state of a run whose batches are all answered."""
        with self.lock:
            self._runs.pop(run_id, None)

    # On the threads of a stream.

    def peek(self, index: int) -> Batch | None:
        """Return a batch, counted from the oldest, which is 0; None if there is none.

        Raises:
            OSError: it cannot be read.
        """
        with self.lock:
            batch = self.queue.peek(index) if index < self.queue.size else None
            self._drop_lost()
            return batch

    def acknowledge(self, count: int) -> None:
        """Drop the oldest batches, because they are answered."""
        with self.lock:
            answered = self.queue.acknowledge(count)
            for run_id, _, content, _ in answered:
                left = self._backlog[run_id] - content
                if any(left):
                    self._backlog[run_id] = left
                else:
                    del self._backlog[run_id]
            # Numbers of what is read back are too low where something before it was lost.
            self.last_answered = answered[-1].number if self.queue.size else self._last_number
            self._reopen()

    def _acknowledge_saved(self) -> None:
        if self.queue.is_final:
            saved = self.queue.size - len(self.queue.unsaved())
            if saved:
                self.acknowledge(saved)

    def _drop_lost(self) -> None:
        if self.queue.has_lost:
            self.queue.has_lost = False
            self._backlog.clear()
            for run_id, _, content, _ in self.queue.in_memory():
                self._backlog[run_id] = self._backlog.get(run_id, Backlog()) + content
            if not self.queue.size:
                self.last_answered = self._last_number

    def _reopen(self) -> None:
        if self.queue.held_bytes < LIMIT_BYTES * 3 // 4:
            self.is_full = False

    def _is_over_limit(self) -> bool:
        return self.queue.held_bytes >= LIMIT_BYTES
