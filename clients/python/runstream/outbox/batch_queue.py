"""Batches on their way to the server, in the order of sending.

One stream at a time takes them. They stay until they are answered, so that the next stream sends
again what the one before left without an answer.

The lock covers all that is here, and `last`, `sent` and `heartbeat_waits` of the buffers. Those
who hold it are the uploader's thread and the two of a stream, and none of them waits for the
network with it. Threads that log never take it: an interrupt could leave it locked.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import deque
from typing import TYPE_CHECKING

from runstream.errors import Internal
from runstream.outbox.batch import Batch
from runstream.v1.logging_service_pb2 import LogBatchRequest
from runstream.v1.write_pb2 import WriteId

if TYPE_CHECKING:
    from runstream.outbox.buffer import RunBuffer

#: Bytes on the stream without an answer after which no more is sent.
WINDOW_BYTES = 8 * 1024 * 1024

# What a batch takes besides its message.
_BATCH_OVERHEAD = 200


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
        self._unsent = threading.Condition(self.lock)
        self._batches: deque[Batch] = deque()
        self._stream = 0  # number of the stream that may send; another for none
        self._sent = 0  # how many of the batches are on this stream
        self._sent_bytes = 0
        self._stream_answered = 0

    def put(self, buffer: RunBuffer, message: bytes, points: int, settings: int) -> None:
        """Add a batch."""
        with self.lock:
            if settings:
                # What orders tags (P3). Messages of Protobuf that are joined are merged.
                write = WriteId(writer=self._writer, sequence=self.last + 1)
                message += LogBatchRequest(write=write).SerializeToString()
            self._append(Batch(buffer, message, points, settings, self.last + 1))
            self.last += 1
            buffer.last = self.last

    def put_heartbeat(self, buffer: RunBuffer) -> None:
        """Add a request that says nothing but that a run is alive.

        Nobody waits for its answer, so it has no number of its own.
        """
        with self.lock:
            buffer.heartbeat_waits = True
            message = LogBatchRequest(run_id=buffer.run_id).SerializeToString()
            self._append(Batch(buffer, message, 0, 0, self.last))

    def is_answered(self, buffer: RunBuffer) -> bool:
        """Return whether all batches of a buffer are answered."""
        with self.lock:
            return buffer.last <= self.last_answered

    def pending(self) -> bool:
        """Return whether a batch, or a heartbeat, waits for its answer."""
        return bool(self._batches)

    def snapshot(self) -> list[Batch]:
        """Return what waits for its answer, without the lock."""
        return list(self._batches.copy())

    # For the stream.

    def begin_stream(self) -> int:
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
                if batch.is_heartbeat:
                    batch.buffer.heartbeat_waits = False
            self._unsent.notify()
            return batch

    def _append(self, batch: Batch) -> None:
        self._batches.append(batch)
        self.bytes += len(batch.message) + _BATCH_OVERHEAD
        batch.buffer.sent = time.monotonic()
        self._unsent.notify()
