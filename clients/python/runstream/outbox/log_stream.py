"""One LogBatch stream, from its opening to its end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import grpc

from runstream.errors import Internal, RunstreamError, Unavailable
from runstream.outbox.outbox import Outbox
from runstream.transport.status import error_of_batch, error_of_call
from runstream.v1.logging_service_pb2 import LogBatchResponse

log = logging.getLogger("runstream")

#: Opens a stream of serialized LogBatchRequests; may wait for a server that is starting.
OpenStream = Callable[[Iterator[bytes]], Iterable[LogBatchResponse]]

#: Returns why no connection comes about in place of an error of gRPC; may wait for the network.
Explain = Callable[[RunstreamError], RunstreamError]


class LogStream:
    """One LogBatch stream.

    It has two threads of its own: `thread` opens the stream and reads its answers, and one that
    gRPC makes takes batches out of the outbox. The uploader's thread makes the stream and asks for
    its state; any thread may call `abandon`. The attributes need no lock: `thread` writes each of
    them in one step, but for `is_abandoned`.

    Attributes:
        thread: opens the stream and reads its answers, once it is started.
        is_abandoned: whether the client itself ends the stream.
        has_answered: whether an answer has come.
        ended: set after the end of the stream.
        error: why the stream ended.
    """

    def __init__(self, outbox: Outbox, open_stream: OpenStream, explain: Explain) -> None:
        self._outbox = outbox
        self._open_stream = open_stream
        self._explain = explain
        self._number = outbox.window.start_stream()
        self.is_abandoned = False
        self.has_answered = False
        self.ended = threading.Event()
        self.error: RunstreamError = Unavailable("the server ended the stream")
        self.thread = threading.Thread(target=self._run, name="runstream-stream", daemon=True)

    def abandon(self) -> None:
        """Send nothing more, and expect the end of the stream, because its channel is closed."""
        self.is_abandoned = True
        self._outbox.window.end_stream(self._number)

    def _run(self) -> None:
        try:
            self._read_until_end()
            if not (self.has_answered or self.is_abandoned):
                self.error = self._explain(self.error)
        finally:
            self.ended.set()
            self._outbox.tasks.wake_if_running()

    def _read_until_end(self) -> None:
        try:
            self._read_answers()
        except grpc.RpcError as error:
            self.error = error_of_call(error)
        except RunstreamError as error:
            self.error = error
        except Exception as error:
            log.exception("the stream failed")
            self.error = Internal(f"the stream failed: {error!r}")
        finally:
            self._outbox.window.end_stream(self._number)

    def _read_answers(self) -> None:
        # Nothing but this frame holds the call, so that gRPC can shut down after its end.
        answers: Any = self._open_stream(self._messages())
        try:
            for answer in answers:
                refusal = error_of_batch(answer.error) if answer.HasField("error") else None
                number, count, runs = self._number, answer.answered, answer.run_infos
                if refusal and self._outbox.answers.must_send_again(number, count, refusal, runs):
                    self.has_answered = True
                    self.abandon()  # the next stream begins with the batch that was refused
                    return
                self._outbox.answers.record(number, count, refusal, runs)
                self.has_answered = True
        finally:
            answers.cancel()

    def _messages(self) -> Iterator[bytes]:
        while (message := self._outbox.window.next_message(self._number)) is not None:
            yield message
