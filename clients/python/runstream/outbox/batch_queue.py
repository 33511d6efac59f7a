"""Batches on their way to the server, in the order of sending.

One stream at a time takes them. They stay until they are answered, so that the next stream sends
again what the one before left without an answer.

The lock covers all that is here. Those who hold it are the uploader's thread and the two of a
stream, and none of them waits for the network with it. Threads that log never take it: an interrupt
could leave it locked.
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

#: Bytes on the stream without an answer after which no more is sent.
WINDOW_BYTES = 8 * 1024 * 1024

# What a batch takes besides its message.
_BATCH_OVERHEAD = 200


class _RunBatches:
    """The batches of one run.

    Attributes:
        last: number of the last one.
        sent: when the last batch or heartbeat was added, by `time.monotonic`.
        heartbeat_waits: whether a heartbeat has no answer.
    """

    def __init__(self) -> None:
        self.last = 0
        self.sent = 0.0
        self.heartbeat_waits = False


class BatchQueue:
    """Batches without an answer.

    Attributes:
        lock: see above; a thread that has it may take it again.
        bytes: how much memory the batches take.
        last: number of the last batch.
        last_answered: number of the last batch that is answered.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.bytes = 0
        self.last = 0
        self.last_answered = 0
        self._writer = uuid.uuid4().hex
        self._runs: defaultdict[str, _RunBatches] = defaultdict(_RunBatches)
        self._unsent = threading.Condition(self.lock)
        self._batches: deque[Batch] = deque()
        self._stream = 0  # number of the stream that may send; another for none
        self._sent = 0  # how many of the batches are on this stream
        self._sent_bytes = 0
        self._stream_answered = 0

    def put(self, run_id: str, message: bytes, points: int, settings: int) -> None:
        """Add a batch of a run."""
        with self.lock:
            if settings:
                # What orders tags (P3). Messages of Protobuf that are joined are merged.
                write = WriteId(writer=self._writer, sequence=self.last + 1)
                message += LogBatchRequest(write=write).SerializeToString()
            self._append(Batch(run_id, message, points, settings, self.last + 1))
            self.last += 1
            self._runs[run_id].last = self.last

    def put_heartbeat(self, run_id: str) -> None:
        """Add a request that says nothing but that a run is alive.

        Nobody waits for its answer, so it has no number of its own.
        """
        with self.lock:
            self._runs[run_id].heartbeat_waits = True
            message = LogBatchRequest(run_id=run_id).SerializeToString()
            self._append(Batch(run_id, message, 0, 0, self.last))

    def last_of(self, run_id: str) -> int:
        """Return the number of the last batch of a run; 0 if there was none since `forget_run`."""
        with self.lock:
            return self._runs[run_id].last if run_id in self._runs else 0

    def last_sent(self, run_id: str) -> float:
        """Return when a batch or heartbeat of a run was added last, by `time.monotonic`."""
        with self.lock:
            return self._runs[run_id].sent if run_id in self._runs else 0.0

    def is_answered(self, run_id: str) -> bool:
        """Return whether all batches of a run are answered; heartbeats do not count."""
        return self.last_of(run_id) <= self.last_answered

    def has_unanswered(self, run_id: str) -> bool:
        """Return whether a batch or a heartbeat of a run waits for its answer."""
        with self.lock:
            run = self._runs.get(run_id)
            return run is not None and (run.heartbeat_waits or run.last > self.last_answered)

    def forget_run(self, run_id: str) -> None:
        """Forget a run whose batches are all answered."""
        with self.lock:
            self._runs.pop(run_id, None)

    def has_pending(self) -> bool:
        """Return whether a batch, or a heartbeat, waits for its answer."""
        return bool(self._batches)

    def snapshot(self) -> list[Batch]:
        """Return what waits for its answer, without the lock."""
        return list(self._batches.copy())

    # For the stream.

    def start_stream(self) -> int:
        """Return the number of a new stream, on which nothing is sent yet."""
        with self.lock:
            self._stream += 1
            self._sent = self._sent_bytes = self._stream_answered = 0
            return self._stream

    def end_stream(self, stream: int) -> None:
        """Send nothing more on a stream."""
        with self.lock:
            if stream == self._stream:
                self._stream += 1
                self._unsent.notify_all()

    def next_message(self, stream: int) -> bytes | None:
        """Return what to send next, waiting for it; None when the stream has ended."""
        with self.lock:
            while stream == self._stream:
                room = not self._sent or self._sent_bytes < WINDOW_BYTES
                if room and self._sent < len(self._batches):
                    message = self._batches[self._sent].message
                    self._sent += 1
                    self._sent_bytes += len(message)
                    return message
                self._unsent.wait()
            return None

    def answer(self, stream: int, answered: int) -> Batch | None:
        """Drop the batches that an answer covers; return the last of them.

        Return None if the answer is that of a stream of the past.

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
                self.bytes -= len(batch.message) + _BATCH_OVERHEAD
                self._sent_bytes -= len(batch.message)
                self.last_answered = batch.number
                if batch.is_heartbeat and batch.run_id in self._runs:
                    self._runs[batch.run_id].heartbeat_waits = False
            self._unsent.notify()
            return batch

    def _append(self, batch: Batch) -> None:
        self._batches.append(batch)
        self.bytes += len(batch.message) + _BATCH_OVERHEAD
        self._runs[batch.run_id].sent = time.monotonic()
        self._unsent.notify()
