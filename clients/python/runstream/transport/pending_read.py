"""An RPC under way whose answers are taken one after the other."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Generic, TypeVar

import grpc

from runstream.contract.counts import format_seconds
from runstream.errors import DeadlineExceeded, RunstreamError, Unavailable
from runstream.transport.call_threads import GRACE_SECONDS, CallThreads
from runstream.transport.status import error_of_call

Response = TypeVar("Response")

#: Text of the error of a call whose channel was closed during the call.
CHANNEL_CLOSED = "the channel was closed, because the process forked or a client was closed"


class PendingRead(Generic[Response]):
    """An RPC under way whose answers, one or a stream, are taken later.

    One thread takes the answers. Any thread may call `detach`; no lock is needed, because it
    writes one attribute.

    Attributes:
        address: the server that was called.
        call: the call of gRPC; None once the channel was closed, so that nothing keeps gRPC alive.
    """

    def __init__(
        self,
        address: str,
        call: Any,
        take_next: Callable[[Any], Response | None],
        threads: CallThreads,
    ) -> None:
        """Read from a call.

        Args:
            address: the server that was called.
            call: the call of gRPC.
            take_next: returns the next answer of the call, None at its end.
            threads: the threads that enter gRPC.
        """
        self.address = address
        self.call = call
        self._take_next = take_next
        self._threads = threads

    def next(self, timeout: float | None) -> Response | RunstreamError | None:
        """Return the next answer, None at the end, or the error that ended the call.

        The error is returned and not raised, so that no exception of gRPC becomes its context and
        keeps gRPC alive.

        Args:
            timeout: seconds that the answer may take; None if it may take for ever.
        """
        try:
            return self._threads.run(self._next, timeout, may_run_here=timeout is None)
        except TimeoutError:
            return no_answer_error(timeout or 0.0)

    def cancel(self) -> None:
        """End the call, if it has not ended."""
        with suppress(TimeoutError):
            self._threads.run(self._cancel, GRACE_SECONDS)

    def detach(self) -> None:
        """Drop the call, because its channel is being closed."""
        self.call = None

    def _next(self) -> Response | RunstreamError | None:
        call = self.call
        if call is None:
            return Unavailable(CHANNEL_CLOSED)
        try:
            return self._take_next(call)
        except grpc.RpcError as error:
            return error_of_call(error) if self.call is not None else Unavailable(CHANNEL_CLOSED)

    def _cancel(self) -> None:
        call = self.call
        if call is not None:
            call.cancel()


def no_answer_error(seconds: float) -> DeadlineExceeded:
    """Return the error of a call that got no answer in time."""
    return DeadlineExceeded(
        f"the server gave no answer for {format_seconds(seconds)}", reason="NO_ANSWER"
    )
