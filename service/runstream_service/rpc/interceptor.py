"""Admits and counts every call, and turns its error into a status (X1 of docs/behaviour.md)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc

from runstream.contract import wire_columns
from runstream.errors import RunstreamError, server_stopping_error
from runstream_service.access.audit import READ_PREFIXES, AuditLog, subject_of
from runstream_service.access.authentication import Authentication
from runstream_service.access.caller import Caller
from runstream_service.access.limits import CallerLimits, CallerUse
from runstream_service.rpc.abort import abort, error_for_caller
from runstream_service.rpc.admission import Admission, RequestStream
from runstream_service.rpc.answers import Answers
from runstream_service.rpc.call_context import GrpcContext
from runstream_service.rpc.call_counts import CallCounts, MethodCounts
from runstream_service.rpc.open_calls import OpenCall, OpenCalls
from runstream_service.rpc.public_calls import PublicCalls

# Read requests with tables of points. Answers may be twins, too, so each serializes itself.
_DECODERS: dict[str, Callable[[bytes], Any]] = {
    "/runstream.v1.LoggingService/LogBatch": lambda message: message,  # it decodes by itself
    "/runstream.v1.LoggingService/Log": wire_columns.decode_log_request,
}

# Streams that are open for as long as a program runs.
_STAY_OPEN = frozenset({"LogBatch", "Watch"})


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Wraps the handlers of all RPCs of the contract, and those of health and reflection.

    An error of `runstream.errors` is answered as its status with one `google.rpc.ErrorInfo` and one
    `RequestInfo`. Any other exception is a fault of the server: it is logged whole and answered as
    INTERNAL without its text, which the caller may not be allowed to see.

    Attributes:
        counts: the calls over gRPC, and those over HTTP.
    """

    def __init__(
        self, authentication: Authentication, limits: CallerLimits, audit: AuditLog
    ) -> None:
        self._authentication, self._limits = authentication, limits
        self._admission = Admission()
        self._answers = Answers()
        self._public_calls = PublicCalls()
        self._handlers: dict[str, Any] = {}  # by method
        self.counts = CallCounts()
        self._open_calls = OpenCalls(audit)
        self._is_stopping = self._is_grace_over = False

    def idle_seconds(self) -> float:
        """Return the seconds since the last call or stream ended; 0 while one is open."""
        return self._open_calls.idle_seconds()

    async def stop(self, grace: float) -> None:
        """Answer new calls, and those that are still open after `grace`, with UNAVAILABLE.

        gRPC itself would end both as CANCELLED, which tells clients that nobody wants an answer.

        Args:
            grace: seconds in which the open calls may end by themselves.
        """
        self._is_stopping = True
        await self._open_calls.wait_for_end(grace)
        self._is_grace_over = True
        self._open_calls.cancel()
        # A call whose caller does not read its answers stays open.
        await self._open_calls.wait_for_end(1)

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        # An RpcMethodHandler is typed for the threaded server, whose methods are not coroutines.
        method = handler_call_details.method
        if method not in self._handlers:
            handler = await continuation(handler_call_details)
            if handler is None:
                return None
            # Health and reflection answer callers without a token, too.
            is_public = not method.startswith("/runstream.")
            wrap = self._public_calls.wrap if is_public else self._wrap
            self._handlers[method] = wrap(handler, method)
        return self._handlers[method]

    def _wrap(self, handler: Any, method: str) -> Any:
        """Return a handler of an RPC that admits and counts its calls and answers their errors."""
        # For gRPC all requests are streams, so that they are received and decoded when there is
        # room. gRPC gets answers as bytes: it keeps no message while a caller does not read.
        if handler.unary_unary or handler.stream_unary:
            return grpc.stream_unary_rpc_method_handler(
                self._wrap_unary_response(handler, method), None, None
            )
        return grpc.stream_stream_rpc_method_handler(
            self._wrap_stream_response(handler, method), None, None
        )

    def _wrap_unary_response(self, handler: Any, method: str) -> Callable[..., Any]:
        respond = (
            self._respond_to_unary(handler, method)
            if handler.unary_unary
            else self._respond_to_stream(handler)
        )

        counts = self._counts_of(method)

        async def answer(requests: Any, context: Any) -> Any:
            with OpenCall(self._open_calls, counts, context, method) as open_call:
                try:
                    self._refuse_if_stopping()
                    # `abort` says why no variable holds the answer.
                    caller = open_call.caller = await self._authenticate(open_call)
                    with self._limits.admit(caller) as use:
                        return self._answers.add(
                            (await respond(requests, open_call, caller, use)).SerializeToString()
                        )
                except asyncio.CancelledError:
                    if not self._is_grace_over:
                        raise
                    error: RunstreamError = server_stopping_error()
                except Exception as failure:  # every error of a handler ends here
                    error = error_for_caller(failure, method, open_call.request_id)
                open_call.code = error.code.name
                return await abort(error, context, open_call.request_id)

        return answer

    def _respond_to_unary(self, handler: Any, method: str) -> Callable[..., Awaitable[Any]]:
        """Return a function that receives the single request of a call and returns its answer."""
        call, decode, is_read = handler.unary_unary, _decoder(handler, method), _is_read(method)

        async def respond(_: Any, open_call: OpenCall, caller: Caller, use: CallerUse) -> Any:
            context = open_call.context
            async with self._admission.receive_unary(context, is_read=is_read) as message:
                use.add_bytes(len(message))
                request = decode(message)
                if not is_read and caller.name:
                    open_call.subject = subject_of(request)
                return await call(request, GrpcContext(open_call, caller))

        return respond

    def _respond_to_stream(self, handler: Any) -> Callable[..., Awaitable[Any]]:
        """Return a function that receives a stream of requests and returns their one answer."""
        call, decode = handler.stream_unary, handler.request_deserializer

        async def respond(
            requests: Any, open_call: OpenCall, caller: Caller, use: CallerUse
        ) -> Any:
            with self._authentication.ends.of(caller) as end:
                async with self._admission.receive_stream(requests, decode, use) as received:
                    end.stop = received.stop
                    return await call(
                        received,
                        GrpcContext(open_call, caller),
                    )

        return respond

    def _wrap_stream_response(self, handler: Any, method: str) -> Callable[..., Any]:
        call = handler.unary_stream or handler.stream_stream
        receive = self._request_receiver(handler, method)
        counts = self._counts_of(method)
        stays_open = method.rpartition("/")[2] in _STAY_OPEN
        admit: Any = self._limits.admit_stream if stays_open else self._limits.admit

        async def answers(requests: Any, context: Any) -> AsyncIterator[Any]:
            with OpenCall(self._open_calls, counts, context, method) as open_call:
                try:
                    self._refuse_if_stopping()
                    caller = open_call.caller = await self._authenticate(open_call)
                    with (
                        admit(caller) as use,
                        self._authentication.ends.of(caller) as open_call.end,
                    ):
                        async with receive(requests, context, use) as request:
                            if isinstance(request, RequestStream):
                                open_call.end.stop = request.stop
                            call_context = GrpcContext(open_call, caller)
                            async for answer in call(request, call_context):
                                message: Any = self._answers.add(_serialize(answer))
                                yield message
                                self._answers.remove(message)
                except asyncio.CancelledError:
                    error = self._cancellation_error(open_call)
                except Exception as failure:  # every error of a handler ends here
                    error = error_for_caller(failure, method, open_call.request_id)
                else:
                    return
                open_call.code = error.code.name
                request = answer = message = None  # `abort` says why
                await abort(error, context, open_call.request_id)

        return answers

    def _request_receiver(self, handler: Any, method: str) -> Callable[..., Any]:
        """Return a function that receives what a call with a stream of answers asks for."""
        decode, is_read = _decoder(handler, method), _is_read(method)

        @asynccontextmanager
        async def receive_unary(_: Any, context: Any, use: CallerUse) -> AsyncIterator[Any]:
            async with self._admission.receive_unary(context, is_read=is_read) as message:
                use.add_bytes(len(message))
                request = decode(message)
            yield request  # outside the block: answers may take as long as the caller likes

        def receive_stream(requests: Any, _: Any, use: CallerUse) -> RequestStream:
            return self._admission.receive_stream(requests, decode, use)

        return receive_unary if handler.unary_stream else receive_stream

    async def _authenticate(self, call: OpenCall) -> Caller:
        """Return who calls; raises Unauthenticated."""
        context = call.context
        headers = context.invocation_metadata() or ()
        common_name = None
        if self._authentication.certificates:
            names = context.auth_context().get("x509_common_name")
            # gRPC takes no connection without a certificate, which may be without a name.
            common_name = names[0].decode(errors="replace") if names else ""
        return await self._authentication.authenticate(headers, call.peer, common_name)

    def _cancellation_error(self, call: OpenCall) -> RunstreamError:
        """Return why the server cancels a call; raises again if its caller does."""
        if call.end is not None and call.end.error is not None:
            return call.end.error
        if not self._is_grace_over:
            raise
        return server_stopping_error()

    def _refuse_if_stopping(self) -> None:
        if self._is_stopping:
            raise server_stopping_error()

    def _counts_of(self, method: str) -> MethodCounts:
        return self.counts["grpc", method.rpartition(".")[2]]


def _serialize(answer: Any) -> bytes:
    """Return the bytes of an answer; a servicer may have made them already."""
    return answer if isinstance(answer, bytes) else answer.SerializeToString()


def _decoder(handler: Any, method: str) -> Callable[[bytes], Any]:
    decode: Callable[[bytes], Any] = _DECODERS.get(method, handler.request_deserializer)
    return decode


def _is_read(method: str) -> bool:
    return method.rpartition("/")[2].startswith(READ_PREFIXES)
