"""The connection of a process to one server: its channel, and calls with deadlines."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, TypeVar
from weakref import WeakSet

import grpc

from runstream.contract.messages import name_write
from runstream.errors import DeadlineExceeded, RunstreamError, Unavailable
from runstream.transport import embedded, proxies
from runstream.transport.call_threads import CallThreads
from runstream.transport.channel import CLOSED, Reading, Services, close_channel, open_channel
from runstream.transport.status import error_of_call
from runstream.transport.tracking_uri import Target
from runstream.v1.logging_service_pb2 import LogBatchResponse

Request = TypeVar("Request")
Response = TypeVar("Response")

#: Reason of the Unavailable that a stream ends by which is opened while the process forks.
FORKING = "FORKING"

#: Seconds until a call that has no answer fails.
DEADLINE = 60.0

#: Seconds for which a call that may be repeated is, while the server cannot be reached.
PATIENCE = 30.0

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0


# Seconds after the deadline of a call in which gRPC must have noticed it.
_LATE = 2.0

# Seconds that calls under way get to end before a fork.
_BEFORE_FORK = 1.0

#: Seconds that gRPC then gets to end what it cancels.
LEAVE = 2.0


class Connection:
    """A channel to a server, which is opened when it is needed.

    Attributes:
        uri: tracking URI of the server.
        server: name of the server, for people, with the proxy that leads to it.
        give_up_at: when calls fail at the latest, by `time.monotonic`; set at the program's end.
    """

    def __init__(
        self, target: Target, on_open: Callable[[], None], on_close: Callable[[], None]
    ) -> None:
        """Make a connection without a channel.

        Args:
            target: the server.
            on_open: called when a channel was opened, with the lock of the connection.
            on_close: called before a channel is closed, with the same lock.
        """
        self.uri = self.server = target.uri
        self.give_up_at = math.inf
        self._target = target
        self._on_open = on_open
        self._on_close = on_close
        self._threads = CallThreads()
        self._reset()

    def _reset(self) -> None:
        # Covers the attributes below. It is held while a channel is opened, which may have to
        # wait for a server to start.
        self._changed = threading.Condition()
        self._services: Services | None = None
        self._readings: WeakSet[Reading[Any]] = WeakSet()
        self._address: str | None = None
        self._doubtful = False  # the server of a file did not answer: look for it again
        self._parked = False
        self._calls = 0  # under way

    def call(
        self,
        rpc: Callable[[Services], grpc.UnaryUnaryMultiCallable[Request, Response]],
        request: Request,
        *,
        again: bool = True,
        within: float = DEADLINE,
    ) -> Response:
        """Return the answer of a unary RPC.

        Args:
            rpc: picks the RPC from the services.
            request: its request; a write gets a name, so that it can be sent again.
            again: whether it may be sent again when its answer was lost. If not, it waits for
                the server and is sent once.
            within: seconds that it may take.

        Raises:
            RunstreamError: what the server answered; Unavailable if it did not, DeadlineExceeded
                if that took longer.
        """
        name_write(request)
        end = min(time.monotonic() + within, self.give_up_at)
        attempt = partial(self._attempt, rpc, request, wait=not again, end=end)
        pauses = _pauses(end) if again else iter(())
        while True:
            try:
                answer = self._threads.do(attempt, max(0.0, end - time.monotonic()) + _LATE)
            except TimeoutError:
                answer = _no_answer(within)
            if not isinstance(answer, RunstreamError):
                return answer
            # Raised here, where no exception of gRPC becomes its context and keeps gRPC alive.
            pause = next(pauses, None) if isinstance(answer, Unavailable) else None
            if pause is None:
                raise self._explained(answer)
            time.sleep(pause)

    @contextmanager
    def ahead(
        self,
        rpc: Callable[[Services], grpc.UnaryUnaryMultiCallable[Request, Response]],
        request: Request,
    ) -> Iterator[Callable[[], Response]]:
        """Send the request of a unary RPC that may be repeated, before its answer is needed.

        Yields a function that returns the answer, and raises as `call`.
        """
        reading: Reading[Response] = self._begin_reading(
            lambda to: rpc(to).future(request, timeout=DEADLINE), lambda call: call.result()
        )

        def answer() -> Response:
            first = self._next(reading, DEADLINE)
            if first is None or isinstance(first, Unavailable):
                return self.call(rpc, request)
            if isinstance(first, RunstreamError):
                raise first
            return first

        try:
            yield answer
        finally:
            self._cancel(reading)

    def stream(
        self,
        rpc: Callable[[Services], grpc.UnaryStreamMultiCallable[Request, Response]],
        request: Request,
        patience: float | None = DEADLINE,
    ) -> Generator[Response, None, None]:
        """Yield the answers of a streaming RPC; a fork on the way ends it as Unavailable.

        Args:
            rpc: picks the RPC from the services.
            request: its request.
            patience: seconds that an answer may take; None if there may be none for long, but for
                the first one.
        """
        pauses = _pauses()
        while True:
            reading: Reading[Response] = self._begin_reading(
                lambda to: rpc(to)(request), lambda call: next(call, None)
            )
            try:
                answer = self._next(reading, DEADLINE)
                if not isinstance(answer, Unavailable) or (pause := next(pauses, None)) is None:
                    while answer is not None:
                        if isinstance(answer, RunstreamError):
                            raise self._explained(answer)
                        yield answer
                        answer = self._next(reading, patience)
                    return
            finally:
                self._cancel(reading)
            self._doubtful = True
            time.sleep(pause)

    def upload(
        self,
        rpc: Callable[[Services], grpc.StreamUnaryMultiCallable[Request, Response]],
        requests: Iterator[Request],
    ) -> Response:
        """Return the answer of an RPC that sends a stream; it may take as long as it does.

        Raises:
            RunstreamError: what the server answered; Unavailable if it did not, or on a fork.
        """
        attempt = partial(self._attempt, rpc, requests, wait=False, end=None)
        answer = self._threads.do(attempt, None)
        if isinstance(answer, RunstreamError):
            raise self._explained(answer)
        return answer

    def open_stream(self, messages: Iterator[bytes]) -> Iterable[LogBatchResponse]:
        """Open a LogBatch stream of serialized requests, waiting for a server that is starting.

        Raises:
            Unavailable: the server cannot be started; or the process forks, reason `FORKING`.
        """
        with self._changed:
            if self._parked:
                raise Unavailable("the process is forking", reason=FORKING)
            self._doubtful = True  # there is no stream, maybe because there is no server
            return self._open_channel().log_batch(messages)  # type: ignore[no-any-return]

    def close(self) -> None:
        """Close the channel; the next use opens one again."""
        with self._changed:
            self._close_channel()

    def close_if_idle(self) -> bool:
        """Close the channel, unless a call is under way; return whether it is closed."""
        with self._changed:
            if not self._calls:
                self._close_channel()
            return not self._calls

    def park(self) -> bool:
        """Let go of gRPC before a fork, and use it no more before `unpark`.

        Return whether it was in use.
        """
        with self._changed:
            self._parked = True
            self._changed.wait_for(lambda: not self._calls, _BEFORE_FORK)
            in_use = self._services is not None
            self._close_channel()  # cancels what is left
            self._changed.wait_for(lambda: not self._calls, LEAVE)
        return in_use

    def unpark(self) -> None:
        """Go on after a fork, in the parent."""
        with self._changed:
            self._parked = False
            self._changed.notify_all()

    def reset_after_fork(self) -> None:
        """Start without a channel in a forked child."""
        self._reset()
        self._threads.reset()

    def _attempt(
        self,
        rpc: Callable[[Services], Callable[..., Response]],
        request: object,
        wait: bool,
        end: float | None,
    ) -> Response | RunstreamError:
        with self._in_use() as services:
            left = None if end is None else max(0.001, end - time.monotonic())
            try:
                return rpc(services)(request, timeout=left, wait_for_ready=wait)
            except grpc.RpcError as error:
                answer = error_of_call(error)
            except ValueError:
                if services is self._services:
                    raise
            if services is not self._services:
                return Unavailable(CLOSED)
            if isinstance(answer, Unavailable):
                self._doubtful = True
            return answer

    def _explained(self, error: RunstreamError) -> RunstreamError:
        """Add what was tried to an error that is gRPC's own, and not the server's."""
        if isinstance(error, (Unavailable, DeadlineExceeded)) and error.reason == error.code.name:
            error.message = f"{error.message} ({self.server})"
            error.args = (error.message,)
        return error

    def _begin_reading(
        self, begin: Callable[[Services], Any], take: Callable[[Any], Response | None]
    ) -> Reading[Response]:
        def begun() -> Reading[Response]:
            with self._in_use() as services:
                reading = Reading(begin(services), take)
                self._readings.add(reading)
                return reading

        try:
            return self._threads.do(begun, DEADLINE)
        except TimeoutError:
            raise _no_answer() from None

    def _next(
        self, reading: Reading[Response], patience: float | None
    ) -> Response | RunstreamError | None:
        try:
            return self._threads.do(reading.next, patience, anywhere=patience is None)
        except TimeoutError:
            return _no_answer()

    def _cancel(self, reading: Reading[Any]) -> None:
        with suppress(TimeoutError):
            self._threads.do(reading.cancel, _LATE)

    @contextmanager
    def _in_use(self) -> Iterator[Services]:
        with self._changed:
            self._changed.wait_for(lambda: not self._parked)
            services = self._open_channel()
            self._calls += 1
        try:
            yield services
        finally:
            with self._changed:
                self._calls -= 1
                self._changed.notify_all()

    def _open_channel(self) -> Services:
        if self._services is not None and not (self._doubtful and self._target.database):
            return self._services
        address = self._target.grpc_target or embedded.ensure_server(str(self._target.database))
        self._doubtful = False
        if self._services is None or address != self._address:
            self._close_channel()
            self._address = address
            self._services = Services(open_channel(address, self._target.secure))
            self.server = self.uri + proxies.route(proxies.grpc_proxy(address))
            self._on_open()
        return self._services

    def _close_channel(self) -> None:
        services = self._services
        if services is not None:
            # Before the calls end, so that those who wait for them learn that this is why.
            self._services = None
            for reading in list(self._readings):
                reading.call = None
            self._on_close()
            close_channel(services.channel)


def _no_answer(seconds: float = DEADLINE) -> DeadlineExceeded:
    return DeadlineExceeded(f"the server gave no answer for {seconds:g} s", reason="NO_ANSWER")


def _pauses(end: float = math.inf) -> Iterator[float]:
    give_up = min(end, time.monotonic() + PATIENCE)
    pause = _FIRST_PAUSE
    while time.monotonic() + pause < give_up:
        yield pause
        pause = min(_LONGEST_PAUSE, 2 * pause)
