"""What is on the stream: the batches that were sent on it, and the heartbeats between them."""

from __future__ import annotations

from collections import deque

from runstream.errors import Internal
from runstream.outbox.batch import Batch
from runstream.outbox.outgoing_batches import OutgoingBatches
from runstream.v1.logging_service_pb2 import LogBatchRequest

#: Bytes on the stream without an answer after which no more is sent.
WINDOW_BYTES = 8 * 1024 * 1024


class StreamWindow:
    """The requests of one stream at a time that have no answer.

    The next stream sends again the batches that the stream before left without an answer.
    Heartbeats have a lane of their own: one that waits is sent before the next batch, there is at
    most one of each run, and none of them is a batch for which a call waits.

    The lock of the batches covers all attributes. The uploader's thread and the two threads of a
    stream call the methods. At the end of a program, when the uploader's thread cannot be started,
    the main thread takes messages in place of a stream.

    Attributes:
        is_connected: whether the stream has taken a message for which there was a connection.
    """

    def __init__(self, batches: OutgoingBatches) -> None:
        self.is_connected = False
        self._batches = batches
        self._stream = 0  # number of the stream that may send; another for none
        self._sent: deque[Batch | str] = deque()  # on this stream: batches, and runs of heartbeats
        self._sent_batches = 0
        self._sent_bytes = 0
        self._answered = 0  # how many requests of this stream are answered
        self._heartbeats: dict[str, None] = {}  # runs of which one waits, in order
        self._sent_heartbeats: dict[str, None] = {}  # runs of which one is on this stream

    # On the uploader's thread.

    def put_heartbeat(self, run_id: str) -> None:
        """Send a request that says nothing but that a run is alive, if none is on its way."""
        with self._batches.lock:
            self._batches.record_heartbeat(run_id)
            if run_id not in self._sent_heartbeats:
                self._heartbeats[run_id] = None
            self._batches.unsent.notify()

    def drop_heartbeat(self, run_id: str) -> None:
        """Do not send the heartbeat of a run, because the run has ended."""
        with self._batches.lock:
            self._heartbeats.pop(run_id, None)

    def has_unanswered(self, run_id: str) -> bool:
        """Return whether a batch or a heartbeat of a run waits for its answer."""
        with self._batches.lock:
            return (
                run_id in self._heartbeats
                or run_id in self._sent_heartbeats
                or not self._batches.is_answered(run_id)
            )

    def has_pending(self) -> bool:
        """Return whether a batch or a heartbeat has no answer."""
        return bool(self._batches.queue.size or self._heartbeats or self._sent_heartbeats)

    # On the uploader's thread and on those of a stream.

    def start_stream(self) -> int:
        """Return the number of a new stream, on which nothing is sent yet."""
        with self._batches.lock:
            self._stream += 1
            self._sent.clear()
            self._sent_batches = self._sent_bytes = self._answered = 0
            self._heartbeats = self._sent_heartbeats | self._heartbeats
            self._sent_heartbeats = {}
            self.is_connected = False
            return self._stream

    def end_stream(self, stream: int) -> None:
        """Send nothing more on a stream; called again after an interrupt, it does what is left."""
        with self._batches.lock:
            if stream == self._stream:
                self._stream += 1
                self.is_connected = False
            self._batches.unsent.notify_all()

    def next_message(self, stream: int) -> bytes | None:
        """Return the message to send next, waiting for one; None when the stream has ended."""
        with self._batches.lock:
            # gRPC asks for another message once the one before has got a connection.
            if stream == self._stream and self._sent:
                self.is_connected = True
            while stream == self._stream:
                message = self._take_heartbeat() or self._take_batch()
                if message is not None:
                    return message
                self._batches.unsent.wait()
            return None

    def find_last(self, stream: int, answered: int) -> Batch | str | None:
        """Return what `answer` would return, and drop nothing."""
        with self._batches.lock:
            index = answered - self._answered - 1
            is_there = stream == self._stream and 0 <= index < len(self._sent)
            return self._sent[index] if is_there else None

    def has_unanswered_before(self, stream: int, answered: int) -> bool:
        """Return whether an answer covers more than its last request."""
        with self._batches.lock:
            return stream == self._stream and answered - 1 > self._answered

    def answer(self, stream: int, answered: int) -> Batch | str | None:
        """Drop the requests that an answer covers.

        Return the last of them: a batch, or the run of a heartbeat. Return None if the answer
        belongs to a stream that was replaced by another.

        Args:
            stream: number of the stream.
            answered: how many of its requests are answered.

        Raises:
            Internal: the answer covers what was not sent.
        """
        with self._batches.lock:
            if stream != self._stream:
                return None
            count = answered - self._answered
            if not 0 < count <= len(self._sent):
                raise Internal(
                    f"the server answered {answered} requests of a stream, "
                    f"of which {self._answered + len(self._sent)} were sent"
                )
            self._answered = answered
            self.is_connected = True
            requests = [self._sent.popleft() for _ in range(count)]
            batches = 0
            for request in requests:
                if isinstance(request, str):
                    self._sent_heartbeats.pop(request, None)
                else:
                    batches += 1
                    self._sent_bytes -= len(request.message)
            self._sent_batches -= batches
            if batches:
                self._batches.acknowledge(batches)
                self._batches.unsent.notify()  # there is room in the window
            return requests[-1]

    def _take_heartbeat(self) -> bytes | None:
        run_id = next(iter(self._heartbeats), None)
        if run_id is None:
            return None
        self._sent.append(run_id)
        self._sent_heartbeats[run_id] = None
        del self._heartbeats[run_id]
        return LogBatchRequest(run_id=run_id).SerializeToString()

    def _take_batch(self) -> bytes | None:
        if self._sent_batches and self._sent_bytes >= WINDOW_BYTES:
            return None
        batch = self._batches.peek(self._sent_batches)
        if batch is None:
            return None
        self._sent.append(batch)
        self._sent_batches += 1
        self._sent_bytes += len(batch.message)
        return batch.message
