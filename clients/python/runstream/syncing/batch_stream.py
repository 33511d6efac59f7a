"""One LogBatch stream that sends the batches of a folder from its files."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

import grpc

from runstream.errors import DeadlineExceeded, Internal, RunstreamError, Unavailable
from runstream.rules import MESSAGE_BYTES
from runstream.spool.log_files import Place
from runstream.spool.log_reader import LogReader
from runstream.transport.status import error_of_call
from runstream.v1.logging_service_pb2 import BatchError

log = logging.getLogger("runstream")

#: Bytes on the stream without an answer after which no more is sent.
WINDOW_BYTES = 8 * 1024 * 1024

#: Seconds without an answer, while one is due, after which a stream is given up.
ANSWER_SECONDS = 60.0

# Seconds between two looks of the waiting thread.
_POLL_SECONDS = 0.5

# Code of a batch that is too long for the server.
_TOO_LARGE = grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]


class Server(Protocol):
    """What a delivery needs of the session of a server."""

    def open_delivery_stream(self, messages: Iterator[bytes]) -> tuple[str, Any]:
        """Open a LogBatch stream; return the address of the server, and the call."""

    def avoid_server(self, address: str) -> None:
        """Take another server for the next calls, because this one did not answer."""


class Answered(NamedTuple):
    """A batch that the server has answered.

    Attributes:
        message: the batch.
        end: the place behind it.
        error: why it was refused; None if it is on disk.
    """

    message: bytes
    end: Place
    error: BatchError | None


class Pace(Protocol):
    """Says when the next batch may be sent."""

    def seconds_until(self, size: int) -> float:
        """Return how long to wait before a batch of this size; 0 to send it, which counts it."""


class BatchStream:
    """A stream from its opening to its end, which its owner waits for in `run`.

    A thread of its own opens it and reads the answers, and one that gRPC makes reads the files. The
    condition covers the private attributes that both use.

    Attributes:
        error: why it ended before all was answered; None if all was.
        has_answered: whether an answer has come.
        end: the place to which the files were read.
    """

    def __init__(
        self,
        server: Server,
        reader: LogReader,
        may_grow: bool,
        on_answer: Callable[[Answered], object],
        pace: Pace | None = None,
        *,
        is_one_by_one: bool = False,
    ) -> None:
        """Make a stream that is not open yet.

        Args:
            server: where it leads.
            reader: reads the files, for this stream alone.
            may_grow: whether the writer of the files may be alive.
            on_answer: called for each batch in order, with the condition.
            pace: says when batches may be sent; at once, if left out.
            is_one_by_one: whether a batch is sent only when the one before it is answered.
        """
        self._window = 0 if is_one_by_one else WINDOW_BYTES
        self._server = server
        self._reader = reader
        self._may_grow = may_grow
        self._on_answer = on_answer
        self._pace = pace
        self._changed = threading.Condition()
        self._unanswered: deque[tuple[bytes, Place]] = deque()
        self._bytes = 0
        self._answered = 0
        self._is_over = False
        self._is_read = False
        self._must_stop = False
        self._last_answer = time.monotonic()
        self._call: Any = None
        self._read_error: BaseException | None = None
        self.error: RunstreamError | None = None
        self.has_answered = False
        self.end = reader.place

    @property
    def sole_unanswered(self) -> tuple[bytes, Place] | None:
        """The batch that has no answer and the place behind it, if it is one alone."""
        return self._unanswered[0] if len(self._unanswered) == 1 else None

    def run(self, must_stop: Callable[[], bool]) -> None:
        """Send what is there, and wait until all of it is answered or the stream broke.

        Args:
            must_stop: asked now and then; once it says so, no more is sent.

        Raises:
            OSError: a file cannot be read or written.
        """
        thread = threading.Thread(target=self._run, name="runstream-delivery", daemon=True)
        thread.start()
        while thread.is_alive():
            thread.join(_POLL_SECONDS)
            if must_stop():
                self._stop()
            self._give_up_if_silent()
        if self._read_error is not None:
            raise self._read_error

    def _stop(self) -> None:
        with self._changed:
            self._must_stop = True
            self._changed.notify_all()

    def _give_up_if_silent(self) -> None:
        with self._changed:
            is_silent = time.monotonic() > self._last_answer + ANSWER_SECONDS
            if self._unanswered and is_silent and self._call is not None:
                self._call.cancel()
                self.error = DeadlineExceeded(f"no answer came within {ANSWER_SECONDS:g} s")

    def _run(self) -> None:
        address = ""
        try:
            address, self._call = self._server.open_delivery_stream(self._messages())
            self._read_answers(self._call)
        except grpc.RpcError as error:
            self.error = self.error or error_of_call(error)
        except RunstreamError as error:
            self.error = error
        except Exception as error:
            log.debug("a delivery failed", exc_info=True)
            self._read_error = self._read_error or error
        finally:
            if self._call is not None:
                self._call.cancel()
                self._call = None  # nothing may keep gRPC alive over a fork
            with self._changed:
                self._is_over = True
                self._changed.notify_all()
            self._reader.close()
        if isinstance(self.error, Unavailable) and address:
            self._server.avoid_server(address)

    def _read_answers(self, answers: Any) -> None:
        for answer in answers:
            with self._changed:
                count = answer.answered - self._answered
                if not 0 < count <= len(self._unanswered):
                    raise Internal(f"the server answered {answer.answered} requests of a stream")
                self._answered = answer.answered
                done = [self._unanswered.popleft() for _ in range(count)]
                self._bytes -= sum(len(message) for message, _ in done)
                self._last_answer = time.monotonic()
                self.has_answered = True
                last = answer.error if answer.HasField("error") else None
                for number, (message, end) in enumerate(done, start=1):
                    self._on_answer(Answered(message, end, last if number == count else None))
                self._changed.notify_all()
        # A stream that ends well says nothing of batches that were not even asked for.
        if self._unanswered or not (self._is_read or self._must_stop):
            self.error = Unavailable("the server ended the stream before all was answered")

    def _messages(self) -> Iterator[bytes]:
        # An error on gRPC's thread would be logged and lost.
        try:
            while (message := self._next_message()) is not None:
                yield message
        except Exception as error:
            if not self._is_over:  # then the files are closed
                self._read_error = error

    def _next_message(self) -> bytes | None:
        """Return the next batch once there is room for it; None if no more is to be sent."""
        frame = self._reader.next(self._may_grow)
        while frame is not None and len(frame.payload) > MESSAGE_BYTES:
            self._refuse_large(frame.payload, frame.end)
            frame = self._reader.next(self._may_grow)
        with self._changed:
            if frame is None:
                self.end = self._reader.place
                self._is_read = True
                return None
            size = len(frame.payload)
            while not (self._is_over or self._must_stop):
                pause = self._pace.seconds_until(size) if self._pace else 0.0
                has_room = not self._bytes or self._bytes + size <= self._window
                if has_room and not pause:
                    if not self._unanswered:
                        self._last_answer = time.monotonic()  # from now on one is due
                    self._unanswered.append((frame.payload, frame.end))
                    self._bytes += size
                    self.end = frame.end
                    return frame.payload
                self._changed.wait(pause or None)
            return None

    def _refuse_large(self, message: bytes, end: Place) -> None:
        """Answer a batch that is too long in place of the server, once the others are answered."""
        error = BatchError(
            code=_TOO_LARGE,
            message=f"the batch has {len(message)} bytes, and {MESSAGE_BYTES} are the most",
            reason="BATCH_TOO_LARGE",
        )
        with self._changed:
            self._changed.wait_for(lambda: not self._unanswered or self._is_over)
            if not self._is_over:
                self._on_answer(Answered(message, end, error))
