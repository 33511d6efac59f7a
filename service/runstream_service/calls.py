"""What is done with every call: counting it, and answering its error (X1 of docs/behaviour.md)."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from runstream.errors import DOMAIN, Internal, InvalidArgument, RunstreamError

log = logging.getLogger(__name__)

# Of the text of an error; those of ours that hold what a caller sent may be longer.
_MESSAGE_BYTES = 1_000


class Calls(grpc.aio.ServerInterceptor):
    """Every call of ours passes through here: it is counted, and its error becomes a status.

    An error of `runstream.errors` is answered as its status with one `google.rpc.ErrorInfo`. Any
    other exception is a fault of ours: it is logged whole and answered as INTERNAL without its
    text, which could hold what is none of the caller's business.
    """

    def __init__(self) -> None:
        self._open = 0
        self._last = time.monotonic()

    def idle_seconds(self) -> float:
        """Return for how long there has been no call; 0 while a call or a stream is open."""
        return 0.0 if self._open else time.monotonic() - self._last

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        # An RpcMethodHandler is typed for the threaded server, whose methods are not coroutines.
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or not method.startswith("/runstream."):
            return handler  # health and reflection answer for themselves
        decode, encode = handler.request_deserializer, handler.response_serializer
        # A single request is decoded by us: gRPC would answer one that cannot be as UNKNOWN.
        if handler.unary_unary:
            answer = self._one(handler.unary_unary, decode, method)
            return grpc.unary_unary_rpc_method_handler(answer, None, encode)
        if handler.stream_unary:
            answer = self._one(handler.stream_unary, _as_it_is, method)
            return grpc.stream_unary_rpc_method_handler(answer, decode, encode)
        if handler.unary_stream:
            answers = self._many(handler.unary_stream, decode, method)
            return grpc.unary_stream_rpc_method_handler(answers, None, encode)
        answers = self._many(handler.stream_stream, _as_it_is, method)
        return grpc.stream_stream_rpc_method_handler(answers, decode, encode)

    def _one(
        self, call: Callable[..., Awaitable[Any]], decode: Callable[[Any], Any], method: str
    ) -> Callable[..., Any]:
        async def answer(request: Any, context: Any) -> Any:
            with self._counted():
                try:
                    return await call(decode(request), context)
                except Exception as error:  # this is where all of them end
                    return await _abort(error, context, method)

        return answer

    def _many(
        self, call: Callable[..., AsyncIterator[Any]], decode: Callable[[Any], Any], method: str
    ) -> Callable[..., Any]:
        async def answers(request: Any, context: Any) -> AsyncIterator[Any]:
            with self._counted():
                try:
                    async for answer in call(decode(request), context):
                        yield answer
                except Exception as error:  # this is where all of them end
                    await _abort(error, context, method)

        return answers

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1
            self._last = time.monotonic()


def _as_it_is(request: Any) -> Any:
    return request


async def _abort(error: Exception, context: Any, method: str) -> None:
    if isinstance(error, grpc.aio.BaseError):
        raise error
    if isinstance(error, DecodeError):
        error = InvalidArgument("the message is not of the contract", reason="MESSAGE_MALFORMED")
    elif not isinstance(error, RunstreamError):
        log.error("%s failed", method, exc_info=error)
        error = Internal("internal error; the log of the server has the particulars")
    info = AnyMessage()
    info.Pack(ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=error.metadata))
    # gRPC accepts 8 KiB of headers, and the text is there twice, once with every letter that is
    # not ASCII as nine bytes.
    message = error.message.encode()[:_MESSAGE_BYTES].decode(errors="ignore")
    status = Status(code=error.code.value[0], message=message, details=[info])
    answer = rpc_status.to_status(status)
    await context.abort(answer.code, answer.details, answer.trailing_metadata)
