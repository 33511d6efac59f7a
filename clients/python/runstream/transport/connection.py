"""Calls to the servers of a tracking URI, each with a deadline, over channels that they share."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeGuard, TypeVar

import grpc

from runstream.contract.messages import ensure_write_id
from runstream.errors import DeadlineExceeded, RunstreamError, Unavailable, strip_traceback
from runstream.transport.call_limit import call_limit, retry_limit
from runstream.transport.call_threads import GRACE_SECONDS, CallThreads
from runstream.transport.channel import Stubs
from runstream.transport.connection_problem import REASONS as CANNOT_CONNECT
from runstream.transport.pending_read import CHANNEL_CLOSED, PendingRead, no_answer_error
from runstream.transport.shared_channel import SharedChannel
from runstream.transport.status import error_of_call
from runstream.v1.server_service_pb2 import GetServerInfoRequest, GetServerInfoResponse

Request = TypeVar("Request")
Response = TypeVar("Response")

#: Seconds until a call that has no answer fails.
CALL_SECONDS = 60.0

#: Seconds for which a unary call is repeated, while the server cannot be reached.
RETRY_SECONDS = 30.0

# The texts of gRPC when nothing accepts the connection, and a hint that is added to them.
_NOT_CONNECTED = (
    *("failed to connect to all addresses", "connections to all backends failing"),
    "connection refused",
)
_NOT_CONNECTED_HINT = (
    ": is a server running there? `runstream server` starts one, "
    "RUNSTREAM_TRACKING_URI says where it is (grpcs:// if it speaks TLS)"
)
_NOT_TRUSTED_HINT = (
    ": is a server running there, whose certificate is for this name, and trusted? RUNSTREAM_CA "
    "names the file of its authority"
)

# Seconds of the first and of the longest pause before a call is repeated.
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0


class Connection:
    """The calls of a process to the servers of one tracking URI.

    Each call goes to the next server. One that does not answer is left out for a while, and what it
    was asked goes to another. Any thread may make calls. The threads of `CallThreads` enter gRPC in
    place of the main thread. The connection itself needs no lock: `SharedChannel` has one.

    Attributes:
        away_until: until when nothing optional is asked, by `time.monotonic`, because no server
            answered just now; an answer sets it back.
    """

    def __init__(self, channel: SharedChannel) -> None:
        self._channel = channel
        self._threads = CallThreads()
        self._deadline = math.inf
        self._was_reached = False  # whether a server has ever answered
        self.away_until = 0.0

    @property
    def uri(self) -> str:
        """Tracking URI of the servers."""
        return self._channel.uri

    def set_deadline(self, deadline: float) -> None:
        """Let unary calls fail at this time at the latest, by `time.monotonic`."""
        self._deadline = deadline

    def end_threads(self) -> None:
        """End the threads that make calls; the next call starts one again."""
        self._threads.end()

    def reset_after_fork(self) -> None:
        """Start without threads in a forked child."""
        self._threads.reset_after_fork()

    def call(
        self,
        rpc: Callable[[Stubs], grpc.UnaryUnaryMultiCallable[Request, Response]],
        request: Request,
        *,
        timeout: float | None = None,
    ) -> Response:
        """Return the answer of a unary RPC, which is sent again when its answer was lost.

        Args:
            rpc: picks the RPC from the stubs.
            request: its request; a write gets an id, so that it can be sent again.
            timeout: seconds that it may take; `CALL_SECONDS`, if left out.

        Raises:
            RunstreamError: what the server answered; Unavailable if it did not, DeadlineExceeded
                if that took longer.
        """
        ensure_write_id(request)
        timeout = CALL_SECONDS if timeout is None else timeout
        deadline = min(time.monotonic() + timeout, self._deadline, call_limit())
        attempt = partial(self._attempt, rpc, request, deadline)
        pauses = _retry_pauses(deadline)
        while True:
            left = max(0.0, deadline - time.monotonic())
            try:
                answer = self._threads.run(attempt, left + GRACE_SECONDS)
            except TimeoutError:
                answer = no_answer_error(timeout)
            if not isinstance(answer, RunstreamError):
                self._was_reached = True
                self.away_until = 0.0
                return answer
            answer = self._explain_first(answer)
            # Raised here, where no exception of gRPC becomes its context and keeps gRPC alive.
            pause = next(pauses, None) if _may_work_later(answer) else None
            if pause is None or time.monotonic() + answer.retry_delay > deadline:
                raise self._with_server_name(answer)
            self._pause(pause, answer.retry_delay)

    def explain(self, error: RunstreamError) -> RunstreamError:
        """Return why no connection comes about, if that is known, in place of what gRPC says."""
        if error.reason == error.code.name and error.message.startswith(_NOT_CONNECTED):
            return self._channel.find_problem() or error
        return error

    def locate_server(self) -> tuple[str, GetServerInfoResponse]:
        """Return the address of a server that answers, and what it says of itself; as `call`."""
        address = ""

        def rpc(stubs: Stubs) -> Any:
            nonlocal address
            address = stubs.address
            return stubs.server.GetServerInfo

        answer: GetServerInfoResponse = self.call(rpc, GetServerInfoRequest())
        return address, answer

    @contextmanager
    def prefetch(
        self,
        rpc: Callable[[Stubs], grpc.UnaryUnaryMultiCallable[Request, Response]],
        request: Request,
    ) -> Iterator[Callable[[], Response]]:
        """Send the request of a unary RPC that only reads, before its answer is needed.

        Yields a function that returns the answer, and raises as `call`.
        """
        read: PendingRead[Response] = self._start_read(
            lambda stubs: rpc(stubs).future(request, timeout=CALL_SECONDS),
            lambda call: call.result(),
        )

        def wait_for_answer() -> Response:
            answer = read.next(CALL_SECONDS)
            if answer is None or isinstance(answer, Unavailable):
                self._channel.avoid_server(read.address)
                return self.call(rpc, request)
            if isinstance(answer, RunstreamError):
                raise answer
            return answer

        try:
            yield wait_for_answer
        finally:
            read.cancel()

    def read_stream(
        self,
        rpc: Callable[[Stubs], grpc.UnaryStreamMultiCallable[Request, Response]],
        request: Request,
        answer_timeout: float | None = CALL_SECONDS,
    ) -> Generator[Response, None, None]:
        """Yield the answers of a streaming RPC; a fork meanwhile ends it as Unavailable.

        Args:
            rpc: picks the RPC from the stubs.
            request: its request.
            answer_timeout: seconds that each answer may take; None if all but the first one may
                take for ever.
        """
        pauses = _retry_pauses()
        while True:
            read: PendingRead[Response] = self._start_read(
                lambda stubs: rpc(stubs)(request), lambda call: next(call, None)
            )
            try:
                answer = read.next(CALL_SECONDS)
                if isinstance(answer, RunstreamError):
                    answer = self._explain_first(answer)
                else:
                    self._was_reached = True
                if not _may_work_later(answer) or (pause := next(pauses, None)) is None:
                    while answer is not None:
                        if isinstance(answer, RunstreamError):
                            if isinstance(answer, Unavailable):
                                self._channel.avoid_server(read.address)
                            raise self._with_server_name(answer)
                        yield answer
                        answer = read.next(answer_timeout)
                    return
            finally:
                read.cancel()
            if isinstance(answer, Unavailable):
                self._channel.avoid_server(read.address)
            self._pause(pause, answer.retry_delay)

    def send_stream(
        self,
        rpc: Callable[[Stubs], grpc.StreamUnaryMultiCallable[Request, Response]],
        requests: Iterator[Request],
    ) -> Response:
        """Return the answer of an RPC that sends a stream.

        It may take as long as it does, unless calls of this context have a limit.

        Raises:
            RunstreamError: what the server answered; Unavailable if it did not, or on a fork.
        """
        limit = call_limit()
        deadline = None if limit == math.inf else limit
        attempt = partial(self._attempt, rpc, requests, deadline)
        answer = self._threads.run(attempt, None)
        if isinstance(answer, RunstreamError):
            raise self._with_server_name(answer)
        return answer

    def _attempt(
        self,
        rpc: Callable[[Stubs], Callable[..., Response]],
        request: object,
        deadline: float | None,
    ) -> Response | RunstreamError:
        with self._channel.use() as stubs:
            left = None if deadline is None else max(0.001, deadline - time.monotonic())
            try:
                return rpc(stubs)(request, timeout=left)
            except RunstreamError as error:  # there is no token to call with
                return strip_traceback(error)
            except grpc.RpcError as error:
                answer = error_of_call(error)
            except ValueError:  # gRPC raises this for a channel that was closed
                if self._channel.is_open(stubs):
                    raise
            if not self._channel.is_open(stubs):
                return Unavailable(CHANNEL_CLOSED)
            if isinstance(answer, Unavailable):
                self._channel.avoid_server(stubs.address)
            return answer

    def _pause(self, seconds: float, retry_delay: float) -> None:
        """Wait before the next attempt, unless there is another server for it.

        Args:
            seconds: how long.
            retry_delay: how long the server told to wait at least, whatever others there are.
        """
        if retry_delay or not self._channel.has_available_server():
            time.sleep(max(seconds, retry_delay))

    def _start_read(
        self, start: Callable[[Stubs], Any], take_next: Callable[[Any], Response | None]
    ) -> PendingRead[Response]:
        def start_call() -> PendingRead[Response]:
            with self._channel.use() as stubs:
                read = PendingRead(stubs.address, start(stubs), take_next, self._threads)
                self._channel.add_read(read)
                return read

        try:
            return self._threads.run(start_call, CALL_SECONDS)
        except TimeoutError:
            raise no_answer_error(CALL_SECONDS) from None

    def _explain_first(self, error: RunstreamError) -> RunstreamError:
        """Explain an error of the first connection: a server that has answered may come back."""
        if self._was_reached or self._channel.has_available_server():
            return error
        return self.explain(error)

    def _with_server_name(self, error: RunstreamError) -> RunstreamError:
        """Explain an error that is gRPC's own, or add the name of the servers to it."""
        error = self.explain(error)
        if isinstance(error, (Unavailable, DeadlineExceeded)) and error.reason == error.code.name:
            if self.uri.rpartition("//")[2] not in error.message:
                error.message = f"{error.message} ({self._channel.server_name})"
            if error.message.startswith(_NOT_CONNECTED) and self.uri.startswith("grpc"):
                is_secure = self.uri.startswith("grpcs:")
                error.message += _NOT_TRUSTED_HINT if is_secure else _NOT_CONNECTED_HINT
            error.args = (error.message,)
        return error


def _may_work_later(answer: Any) -> TypeGuard[RunstreamError]:
    """Return whether an answer is an error after which the same call may work."""
    if isinstance(answer, Unavailable):
        return answer.reason not in CANNOT_CONNECT
    return isinstance(answer, RunstreamError) and answer.retry_delay > 0


def _retry_pauses(deadline: float = math.inf) -> Iterator[float]:
    """Yield the seconds before each further attempt, until there is no time for one."""
    give_up = min(deadline, retry_limit(), time.monotonic() + RETRY_SECONDS)
    pause = _FIRST_PAUSE
    while time.monotonic() + pause < give_up:
        yield pause
        pause = min(_LONGEST_PAUSE, 2 * pause)
