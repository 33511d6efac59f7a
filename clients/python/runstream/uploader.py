"""Sends an outbox to the server: one thread that minds one stream after the other.

    asleep ──something is logged──> awake ──a fifth of a second without anything──> asleep
           ──a sign of life is due─>
    awake: every `TICK`, points become batches; a stream is opened when batches wait and there
           is none, after a break with growing pauses

The stream has two threads of its own: one, made by gRPC, takes messages out of the outbox, and one
reads answers. The uploader's thread never waits for the network, so the outbox's limit holds at
all times.
"""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import grpc

from runstream.errors import (
    Internal,
    InvalidArgument,
    PermissionDenied,
    ResourceExhausted,
    RunstreamError,
    Unauthenticated,
    Unavailable,
)
from runstream.outbox import Outbox
from runstream.status import error_of_batch, error_of_call
from runstream.v1.logging_service_pb2 import LogBatchResponse

log = logging.getLogger("runstream")

#: Opens a stream of serialized LogBatchRequests; may wait for a server that is starting.
OpenStream = Callable[[Iterator[bytes]], Iterable[LogBatchResponse]]

#: Reason of the Unavailable that stands for a program at its end, where no thread can be started.
NO_THREADS = "NO_THREADS"

#: Reason of the Unavailable by which `OpenStream` declines while the process forks.
FORKING = "FORKING"

#: Seconds between two looks for points: long enough for batches that are worth sending, and far
#: below the 100 ms after which a point must be on its way.
TICK = 0.02

_TICKS_TO_SLEEP = 10

# Seconds of the first and of the longest pause before the next attempt to open a stream.
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0


class Uploader:
    """Minds the stream of an outbox."""

    def __init__(
        self, server: str, open_stream: OpenStream, at_start: Callable[[], None] = lambda: None
    ) -> None:
        """Make an uploader, which starts its thread when it is first woken.

        Args:
            server: name of the server, for people.
            open_stream: opens a stream to it.
            at_start: called when a thread is started, so also in a forked child.
        """
        self._server = server
        self._open_stream = open_stream
        self._at_start = at_start
        self.outbox = Outbox(self.wake)
        self._begin()

    def _begin(self) -> None:
        self._starting = threading.Lock()
        self._awake = threading.Event()
        self._thread: threading.Thread | None = None
        self._stream: Stream | None = None
        self._parked = False
        self._held = False
        self._outage = False
        self._failures = 0
        self._next_attempt = 0.0

    def wake(self) -> None:
        """Look after the outbox now."""
        with self._starting:
            if self._thread is None:
                self._at_start()
                self._thread = threading.Thread(
                    target=self._run, name="runstream-uploader", daemon=True
                )
                if not self._starts(self._thread):
                    self._thread = None
        self._awake.set()

    def hold(self) -> None:
        """Open a stream, if there is none, as a sign of life to a server that may end itself."""
        self._held = True
        self.wake()

    def park(self) -> None:
        """Open no stream before `unpark`."""
        self._parked = True

    def abandon(self) -> None:
        """Expect the stream to end, because its channel is being closed."""
        stream = self._stream
        if stream is not None:
            stream.abandoned = True
            self.outbox.end_stream(stream.number)

    def wait_for_end(self, timeout: float) -> None:
        """Wait for the end of an abandoned stream."""
        stream = self._stream
        if stream is not None:
            stream.ended.wait(timeout)

    def unpark(self) -> None:
        """Go on where `park` stopped."""
        self._parked = False
        self._next_attempt = 0.0
        self._awake.set()

    def stop(self) -> None:
        """End the thread once nothing waits in the outbox."""
        with self._starting:
            self._thread = None
        self._awake.set()

    def forget(self) -> None:
        """Begin anew in a forked child."""
        self.outbox.forget()
        self._begin()

    def _run(self) -> None:
        try:
            self._mind()
        except Exception as error:
            # Nobody must wait for answers that cannot come any more.
            log.exception("uploading to %s failed", self._server)
            self.outbox.trouble(Internal(f"uploading failed: {error!r}"), for_good=True)

    def _mind(self) -> None:
        quiet = 0
        me = threading.current_thread()
        while self._thread is me or (self._thread is None and not self.outbox.sleep()):
            found = self.outbox.collect()
            until_sign = self.outbox.give_signs() if self._thread is me else None
            quiet = 0 if found or self.outbox.pending() else quiet + 1
            self._tend()
            if quiet > _TICKS_TO_SLEEP and self.outbox.sleep():
                self._awake.wait(until_sign)
            else:
                self._awake.wait(TICK)
            self._awake.clear()

    def _tend(self) -> None:
        stream = self._stream
        if stream is not None and stream.answering:
            self._works()
        if stream is not None and stream.ended.is_set():
            self._stream = None
            self._held = False
            if not stream.abandoned and stream.error.reason != FORKING:
                self._broken(stream.error)
        if (
            self._stream is None
            and (self._held or self.outbox.pending())
            and not self._parked
            and time.monotonic() >= self._next_attempt
        ):
            stream = Stream(self.outbox, self._open_stream, self._awake)
            self._stream = stream
            if not self._starts(stream.thread):
                self._stream = None
                self._next_attempt = math.inf

    def _starts(self, thread: threading.Thread) -> bool:
        try:
            thread.start()
        except RuntimeError as error:  # Python 3.12 starts none once the program has ended
            self.outbox.trouble(Unavailable(str(error), reason=NO_THREADS), for_good=True)
            return False
        return True

    def _works(self) -> None:
        self._failures = 0
        if self._outage:
            self._outage = False
            self.outbox.trouble(None)
            log.info("%s answers again", self._server)

    def _broken(self, error: RunstreamError) -> None:
        if not self.outbox.pending():
            return
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0**self._failures)
        self._failures += 1
        # Many clients of one server must not come back at the same instant.
        self._next_attempt = time.monotonic() + pause * random.uniform(0.5, 1.0)  # noqa: S311
        self.outbox.trouble(error, _for_good(error))
        if not self._outage:
            self._outage = True
            log.warning(
                "%s does not answer (%s); what is logged meanwhile is sent when it is back",
                self._server,
                error,
            )


class Stream:
    """One LogBatch stream, from its opening to its end.

    Attributes:
        number: its number in the outbox.
        thread: opens it and reads its answers, once it is started.
        abandoned: whether its end is of our making.
        answering: whether an answer has come.
        ended: set after its end.
        error: why it ended.
    """

    def __init__(self, outbox: Outbox, open_stream: OpenStream, awake: threading.Event) -> None:
        self._outbox = outbox
        self._open_stream = open_stream
        self._awake = awake
        self.number = outbox.begin_stream()
        self.abandoned = False
        self.answering = False
        self.ended = threading.Event()
        self.error: RunstreamError = Unavailable("the server ended the stream")
        self.thread = threading.Thread(target=self._read, name="runstream-stream", daemon=True)

    def _read(self) -> None:
        try:
            self._read_answers()
        except grpc.RpcError as error:
            self.error = error_of_call(error)
        except RunstreamError as error:
            self.error = error
        finally:
            self._outbox.end_stream(self.number)
            self.ended.set()
            self._awake.set()

    def _read_answers(self) -> None:
        # Nothing but this frame holds the call, so that gRPC can shut down after its end.
        answers: Any = self._open_stream(self._messages())
        try:
            for answer in answers:
                refusal = error_of_batch(answer.error) if answer.HasField("error") else None
                self._outbox.answer(self.number, answer.answered, refusal)
                self.answering = True
        finally:
            answers.cancel()

    def _messages(self) -> Iterator[bytes]:
        while (message := self._outbox.next_message(self.number)) is not None:
            yield message


def _for_good(error: RunstreamError) -> bool:
    """Return whether trying again cannot help unless somebody changes something."""
    lasting = (InvalidArgument, PermissionDenied, ResourceExhausted, Unauthenticated)
    return isinstance(error, lasting) or error.reason == "UNIMPLEMENTED"
