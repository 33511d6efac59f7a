"""Sends an outbox to the server: one thread that opens one stream after the other.

    asleep ──something is logged──> awake ──a fifth of a second without anything──> asleep
           ──a heartbeat is due───>
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
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
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
from runstream.outbox.outbox import Outbox
from runstream.transport.connection import FORKING
from runstream.transport.status import error_of_batch, error_of_call
from runstream.v1.logging_service_pb2 import LogBatchResponse

log = logging.getLogger("runstream")

#: Opens a stream of serialized LogBatchRequests; may wait for a server that is starting.
OpenStream = Callable[[Iterator[bytes]], Iterable[LogBatchResponse]]

#: Reason of the Unavailable that stands for a program at its end, where no thread can be started.
NO_THREADS = "NO_THREADS"

#: Seconds between two looks for points: long enough for batches that are worth sending, and far
#: below the 100 ms after which a point must be on its way.
TICK = 0.02

_TICKS_TO_SLEEP = 10

# Seconds of the first and of the longest pause before the next attempt to open a stream.
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0


class Uploader:
    """Sends what is in an outbox.

    Attributes:
        outbox: the outbox.
    """

    def __init__(
        self,
        server: Callable[[], str],
        open_stream: OpenStream,
        at_start: Callable[[], None] = lambda: None,
    ) -> None:
        """Make an uploader, whose thread starts when something is asked of it.

        Args:
            server: returns the name of the server, for people.
            open_stream: opens a stream to it.
            at_start: called before a thread is started, so also in a forked child.
        """
        self._server = server
        self._open_stream = open_stream
        self._at_start = at_start
        self.outbox = Outbox(self.start)
        self._reset()

    def _reset(self) -> None:
        # Who takes the token is the uploader's thread. An interrupt can make `start` forget that
        # it started one, so there may be several that try.
        self._token = deque([None])
        self._running = False  # set by the thread that has the token
        self._stopping = False
        self._stream: Stream | None = None
        self._parked = False
        self._held = False
        self._outage = False
        self._failures = 0
        self._next_attempt = 0.0

    def start(self) -> bool:
        """Start the uploader's thread if there is none; return whether there is one."""
        if self._running:
            return True
        self._at_start()
        return self._starts(
            threading.Thread(target=self._run, name="runstream-uploader", daemon=True)
        )

    def hold(self) -> None:
        """Open a stream, if there is none, because the server may end itself without one."""
        self._held = True
        self.outbox.post(None)

    def park(self) -> None:
        """Open no stream before `unpark`."""
        self._parked = True

    def abandon(self) -> None:
        """Expect the stream to end, because its channel is being closed."""
        stream = self._stream
        if stream is not None:
            stream.abandoned = True
            self.outbox.queue.end_stream(stream.number)

    def wait_for_end(self, timeout: float) -> None:
        """Wait for the end of an abandoned stream."""
        stream = self._stream
        if stream is not None:
            stream.ended.wait(timeout)

    def unpark(self) -> None:
        """Go on where `park` stopped."""
        self._parked = False
        self._next_attempt = 0.0
        self.outbox.posted.put(None)

    def stop(self) -> None:
        """End the thread once nothing waits in the outbox."""
        self._stopping = True
        self.outbox.posted.put(None)

    def collect(self) -> None:
        """Make batches of what waits in buffers where no thread can be started for that."""
        with suppress(IndexError):  # there is a thread, which does it
            self._token.pop()
            try:
                self.outbox.do_posted(0)
                self.outbox.collect()
            finally:
                self._token.append(None)

    def reset(self) -> None:
        """Start anew in a forked child."""
        self.outbox.reset()
        self._reset()

    def _run(self) -> None:
        token = self._token
        while True:
            try:
                token.pop()
            except IndexError:  # there is another thread
                return
            self._running = True
            try:
                self._run_loop()
            except BaseException as error:
                self._fail(error)  # and keep the token: no other thread could go on
                return
            self._running = False
            token.append(None)
            # Who asked for something before this found a thread, and started none.
            if self.outbox.posted.empty():
                return

    def _fail(self, error: BaseException) -> None:
        # Nobody must log what is not sent, or wait for answers that cannot come any more.
        while True:
            try:
                self.outbox.fail(error)
                log.critical("uploading to %s failed for good", self._server(), exc_info=error)
            except MemoryError:
                time.sleep(TICK)
                continue
            return

    def _run_loop(self) -> None:
        """Send until `stop` and the end of all work."""
        outbox, posted = self.outbox, self.outbox.posted
        quiet = 0
        pause: float | None = 0.0
        while outbox.posted is posted:  # it has another one after `reset`
            outbox.do_posted(pause)
            found = outbox.collect()
            until_heartbeat = outbox.heartbeats.send()
            quiet = 0 if found or outbox.queue.pending() else quiet + 1
            self._reopen_stream()
            pause = TICK
            if quiet > _TICKS_TO_SLEEP and outbox.sleep():
                if self._stopping and not outbox.heartbeats:
                    self._stopping = False
                    return
                pause = until_heartbeat

    def _reopen_stream(self) -> None:
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
            and (self._held or self.outbox.queue.pending())
            and not self._parked
            and time.monotonic() >= self._next_attempt
        ):
            stream = Stream(self.outbox, self._open_stream)
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
            log.info("%s answers again", self._server())

    def _broken(self, error: RunstreamError) -> None:
        if not self.outbox.queue.pending():
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
                self._server(),
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

    def __init__(self, outbox: Outbox, open_stream: OpenStream) -> None:
        self._outbox = outbox
        self._open_stream = open_stream
        self.number = outbox.queue.begin_stream()
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
        except Exception as error:
            log.exception("the stream failed")
            self.error = Internal(f"the stream failed: {error!r}")
        finally:
            self._outbox.queue.end_stream(self.number)
            self.ended.set()
            self._outbox.posted.put(None)

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
        while (message := self._outbox.queue.next_message(self.number)) is not None:
            yield message


def _for_good(error: RunstreamError) -> bool:
    """Return whether trying again cannot help unless somebody changes something."""
    lasting = (InvalidArgument, PermissionDenied, ResourceExhausted, Unauthenticated)
    return isinstance(error, lasting) or error.reason == "UNIMPLEMENTED"
