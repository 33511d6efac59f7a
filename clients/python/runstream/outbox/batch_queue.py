"""Batches on their way to the server, in the order of sending.

One stream at a time takes them. They stay until they are answered, so that the next stream sends
again the batches that the stream before left without an answer.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import defaultdict, deque

from runstream.errors import Internal
from runstream.outbox.batch import Batch
from runstream.v1.logging_service_pb2 import LogBatchRequest
from runstream.v1.write_pb2 import WriteId

#: Bytes of batches without an answer after which calls that log wait: about 3.5 million points.
LIMIT_BYTES = 64 * 1024 * 1024

#: Bytes on the stream without an answer after which no more is sent.
WINDOW_BYTES = 8 * 1024 * 1024

# Bytes that a batch takes besides its message.
_BATCH_OVERHEAD = 200


class _RunBatches:
    """The state of the batches of one run.

    Attributes:
        last_number: number of the last batch.
        last_put: when the last batch or heartbeat was added, by `time.monotonic`.
        has_pending_heartbeat: whether a heartbeat has no answer.
    """

    def __init__(self) -> None:
        self.last_number = 0
        self.last_put = 0.0
        self.has_pending_heartbeat = False


class BatchQueue:
    """Batches without an answer.

    The lock covers all attributes where they are written, and the private ones where they are read.
    The uploader's thread and the two threads of a stream take it, and none of them waits for the
    network with it. Threads that log never take it, because an interrupt could leave it held: they
    may read `is_full` and `last_answered`, and call `snapshot`. At the end of a program, when the
    uploader's thread cannot be started, the main thread takes batches in place of a stream.

    Attributes:
        lock: the lock; a thread that has it may take it again.
        is_full: whether calls that log have to wait; from `LIMIT_BYTES` on, until a quarter of
            them is free again.
        last_answered: number of the last batch that is answered.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.is_full = False
        self.last_answered = 0
        self._last_number = 0
        self._bytes = 0  # memory that the batches take
        self._writer = uuid.uuid4().hex
        self._runs: defaultdict[str, _RunBatches] = defaultdict(_RunBatches)
        self._unsent = threading.Condition(self.lock)
        self._batches: deque[Batch] = deque()
        self._stream = 0  # number of the stream that may send; another for none
        self._sent = 0  # how many of the batches are on this stream
        self._sent_bytes = 0
        self._stream_answered = 0  # how many requests of this stream are answered

    # On the uploader's thread.

    def put(
        self, run_id: str, message: bytes, points: int, params_and_tags: int, lines: int
    ) -> bool:
        """Add a batch of a run; return whether the queue has become full by it."""
        with self.lock:
            number = self._last_number + 1
            if params_and_tags:
                # The id orders tags (P3). Messages of Protobuf that are joined are merged.
                write = WriteId(writer=self._writer, sequence=number)
                message += LogBatchRequest(write=write).SerializeToString()
            self._append(Batch(run_id, message, points, params_and_tags, lines, number))
            self._last_number = number
            self._runs[run_id].last_number = number
            was_full, self.is_full = self.is_full, self.is_full or self._bytes >= LIMIT_BYTES
            return self.is_full and not was_full

    def put_heartbeat(self, run_id: str) -> None:
        """Add a request that says nothing but that a run is alive.

        No call waits for its answer, so it has no number of its own.
        """
        with self.lock:
            self._runs[run_id].has_pending_heartbeat = True
            message = LogBatchRequest(run_id=run_id).SerializeToString()
            self._append(Batch(run_id, message, 0, 0, 0, self._last_number))

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

    def is_answered(self, run_id: str | None = None) -> bool:
        """Return whether all batches of a run, or of all, are answered; heartbeats do not count."""
        with self.lock:
            return self.last_number(run_id) <= self.last_answered

    def has_unanswered(self, run_id: str) -> bool:
        """Return whether a batch or a heartbeat of a run waits for its answer."""
        with self.lock:
            run = self._runs.get(run_id)
            return run is not None and (
                run.has_pending_heartbeat or run.last_number > self.last_answered
            )

    def remove_run(self, run_id: str) -> None:
        """Remove the state of a run whose batches are all answered."""
        with self.lock:
            self._runs.pop(run_id, None)

    def has_pending(self) -> bool:
        """Return whether a batch or a heartbeat has no answer."""
        return bool(self._batches)

    def snapshot(self) -> list[Batch]:
        """Return the batches without an answer; any thread may call this, without the lock."""
        return list(self._batches.copy())

    # On the uploader's thread and on those of a stream.

    def start_stream(self) -> int:
        """Return the number of a new stream, on which nothing is sent yet."""
        with self.lock:
            self._stream += 1
            self._sent = self._sent_bytes = self._stream_answered = 0
            return self._stream

    def end_stream(self, stream: int) -> None:
        """Send nothing more on a stream; called again after an interrupt, it does what is left."""
        with self.lock:
            if stream == self._stream:
                self._stream += 1
            self._unsent.notify_all()

    def next_message(self, stream: int) -> bytes | None:
        """Return the message to send next, waiting for one; None when the stream has ended."""
        with self.lock:
            while stream == self._stream:
                has_room = not self._sent or self._sent_bytes < WINDOW_BYTES
                if has_room and self._sent < len(self._batches):
                    message = self._batches[self._sent].message
                    self._sent += 1
                    self._sent_bytes += len(message)
                    return message
                self._unsent.wait()
            return None

    def answer(self, stream: int, answered: int) -> Batch | None:
        """Drop the batches that an answer covers; return the last of them.

        Return None if the answer belongs to a stream that was replaced by another.

        Args:
            stream: number of the stream.
            answered: how many of its requests are answered.

        Raises:
            Internal: the answer covers what was not sent.
        """
        with self.lock:
            if stream != self._stream:
                return None
            count = answered - self._stream_answered
            if not 0 < count <= self._sent:
                raise Internal(
                    f"the server answered {answered} requests of a stream, "
                    f"of which {self._stream_answered + self._sent} were sent"
                )
            self._stream_answered = answered
            self._sent -= count
            for _ in range(count):
                batch = self._batches.popleft()
                self._bytes -= len(batch.message) + _BATCH_OVERHEAD
                self._sent_bytes -= len(batch.message)
                self.last_answered = batch.number
                if batch.is_heartbeat and batch.run_id in self._runs:
                    self._runs[batch.run_id].has_pending_heartbeat = False
            if self._bytes < LIMIT_BYTES * 3 // 4:
                self.is_full = False
            if self._sent < len(self._batches):  # there is room in the window for them
                self._unsent.notify()
            return batch

    def _append(self, batch: Batch) -> None:
        self._batches.append(batch)
        self._bytes += len(batch.message) + _BATCH_OVERHEAD
        self._runs[batch.run_id].last_put = time.monotonic()
        self._unsent.notify()
