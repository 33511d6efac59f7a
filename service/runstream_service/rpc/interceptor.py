"""What is done with every call: counting it, and answering its error (X1 of docs/behaviour.md)."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from runstream.errors import (
    DOMAIN,
    Internal,
    InvalidArgument,
    RunstreamError,
    detached,
    server_stopping,
)
from runstream_service.rpc.admission import Admission, Requests
from runstream_service.rpc.answers import Answers

log = logging.getLogger(__name__)

# What the names of methods begin with that only read.
_READS = ("Get", "Search", "List", "Count", "Read", "Watch", "Download")

# Of the text of an error and of its metadata. gRPC accepts 8 KiB of headers, and the text is there
# twice, once with every letter that is not ASCII as nine bytes.
_MESSAGE_BYTES, _METADATA_BYTES = 1_000, 1_500


class Calls(grpc.aio.ServerInterceptor):
    """Every call of ours passes through here: it is counted, and its error becomes a status.

    An error of `runstream.errors` is answered as its status with one `google.rpc.ErrorInfo`. Any
    other exception is a fault of ours: it is logged whole and answered as INTERNAL without its
    text, which could hold what is none of the caller's business.
    """

    def __init__(self) -> None:
        self._admission = Admission()
        self._answers = Answers()
        self._handlers: dict[str, Any] = {}  # by method
        self._open = 0
        self._last = time.monotonic()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._stopping = self._ended = False
        self._none_open = asyncio.Event()

    def idle_seconds(self) -> float:
        """Return for how long there has been no call; 0 while a call or a stream is open."""
        return 0.0 if self._open else time.monotonic() - self._last

    async def stop(self, grace: float) -> None:
        """Answer all calls that come from now on, and those still open after a time, UNAVAILABLE.

        gRPC itself would end both as CANCELLED, which tells clients that nobody wants an answer.

        Args:
            grace: seconds that the calls under way are given.
        """
        self._stopping = True
        await self._closed(grace)
        self._ended = True
        for task in self._tasks:
            task.cancel()
        await self._closed(1)  # but for those who do not read what they are sent

    async def _closed(self, seconds: float) -> None:
        """Wait until no call is open, at most so long."""
        if self._open:
            self._none_open.clear()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._none_open.wait(), seconds)

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        # An RpcMethodHandler is typed for the threaded server, whose methods are not coroutines.
        method = handler_call_details.method
        if method not in self._handlers:
            handler = await continuation(handler_call_details)
            if handler is None or not method.startswith("/runstream."):
                return handler  # health and reflection answer for themselves
            self._handlers[method] = self._handler(handler, method)
        return self._handlers[method]

    def _handler(self, handler: Any, method: str) -> Any:
        """Return the handler of one of our methods with all that is done here around it."""
        # To gRPC all requests are streams, so that we receive and decode them when there is room.
        # It gets answers as bytes, so that it keeps no message while their caller does not read.
        if handler.unary_unary or handler.stream_unary:
            return grpc.stream_unary_rpc_method_handler(self._one(handler, method), None, None)
        return grpc.stream_stream_rpc_method_handler(self._many(handler, method), None, None)

    def _one(self, handler: Any, method: str) -> Callable[..., Any]:
        respond = (
            self._to_message(handler, method) if handler.unary_unary else self._to_all(handler)
        )
        encode = handler.response_serializer

        async def answer(requests: Any, context: Any) -> Any:
            with self._counted():
                try:
                    self._refuse_if_stopping()
                    # No name for the message: see `_abort`.
                    return self._answers.add(encode(await respond(requests, context)))
                except asyncio.CancelledError:
                    if not self._ended:
                        raise
                    error: RunstreamError = server_stopping()
                except Exception as failure:  # this is where all of them end
                    error = _error(failure, method)
                return await _abort(error, context)

        return answer

    def _to_message(self, handler: Any, method: str) -> Callable[..., Awaitable[Any]]:
        """Return what receives the one message of a call, and returns the answer to it."""
        call, decode, reads = handler.unary_unary, handler.request_deserializer, _reads(method)

        async def respond(_: Any, context: Any) -> Any:
            async with self._admission.one(context, reads=reads) as message:
                return await call(decode(message), context)

        return respond

    def _to_all(self, handler: Any) -> Callable[..., Awaitable[Any]]:
        """Return what receives the messages of a call, and returns the answer to all of them."""
        call, decode = handler.stream_unary, handler.request_deserializer

        async def respond(requests: Any, context: Any) -> Any:
            async with self._admission.all(requests, decode) as received:
                return await call(received, context)

        return respond

    def _many(self, handler: Any, method: str) -> Callable[..., Any]:
        call, encode = handler.unary_stream or handler.stream_stream, handler.response_serializer
        received = self._received(handler, method)

        async def answers(requests: Any, context: Any) -> AsyncIterator[Any]:
            with self._counted():
                try:
                    self._refuse_if_stopping()
                    async with received(requests, context) as request:
                        async for answer in call(request, context):
                            message: Any = self._answers.add(encode(answer))
                            yield message
                            self._answers.remove(message)
                except asyncio.CancelledError:
                    if not self._ended:
                        raise
                    error: RunstreamError = server_stopping()
                except Exception as failure:  # this is where all of them end
                    error = _error(failure, method)
                else:
                    return
                request = answer = message = None  # see `_abort`
                await _abort(error, context)

        return answers

    def _received(self, handler: Any, method: str) -> Callable[..., Any]:
        """Return what receives the request of a call that has many answers."""
        decode, reads = handler.request_deserializer, _reads(method)

        @asynccontextmanager
        async def one(_: Any, context: Any) -> AsyncIterator[Any]:
            async with self._admission.one(context, reads=reads) as message:
                request = decode(message)
            yield request  # what follows may take as long as the caller likes

        def all_of(requests: Any, _: Any) -> Requests:
            return self._admission.all(requests, decode)

        return one if handler.unary_stream else all_of

    def _refuse_if_stopping(self) -> None:
        if self._stopping:
            raise server_stopping()

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self._open += 1
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        try:
            yield
        finally:
            self._open -= 1
            if not self._open:
                self._none_open.set()
            if task is not None:
                self._tasks.discard(task)
            self._last = time.monotonic()


def _reads(method: str) -> bool:
    return method.rpartition("/")[2].startswith(_READS)


def _error(failure: Exception, method: str) -> RunstreamError:
    """Return what to tell the caller of a failure; it holds nothing of the call."""
    if isinstance(failure, grpc.aio.BaseError):
        raise failure
    if isinstance(failure, DecodeError):
        return InvalidArgument("the message is not of the contract", reason="MESSAGE_MALFORMED")
    if not isinstance(failure, RunstreamError):
        log.error("%s failed", method, exc_info=failure)
        return Internal("internal error; the log of the server has the particulars")
    return detached(failure)


async def _abort(error: RunstreamError, context: Any) -> None:
    """End a call with an error.

    gRPC keeps what this raises in a circle with the call, so whatever the frames above hold would
    stay in memory until the next collection of garbage.
    """
    info = AnyMessage()
    metadata = _shortened(error.metadata)
    info.Pack(ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=metadata))
    message = error.message.encode(errors="replace")[:_MESSAGE_BYTES].decode(errors="ignore")
    status = Status(code=error.code.value[0], message=message, details=[info])
    answer = rpc_status.to_status(status)
    await context.abort(answer.code, answer.details, answer.trailing_metadata)


def _shortened(metadata: dict[str, str]) -> dict[str, str]:
    """Return the particulars so that all together fit in the headers of an answer."""
    each = _METADATA_BYTES // max(1, len(metadata))
    return {
        key: text.encode(errors="replace")[:each].decode(errors="ignore")
        for key, text in metadata.items()
    }
