"""Bounds the calls of health and reflection, which are answered without asking who calls.

Every open call counts among those that a server has at once, so a stranger who kept thousands of
these open would leave none to anybody else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc.aio

from runstream.errors import ResourceExhausted
from runstream_service.request_id import HEADER, request_id
from runstream_service.rpc.abort import abort, error_for_caller
from runstream_service.rpc.admission import READ_REQUEST_BYTES, Admission, too_large_error

#: Streams of health and reflection that are open at once; and calls with a single answer.
STREAMS, CHECKS = 200, 1_000

# Seconds after which a request is slow. Requests come with their calls, as they are small, and a
# probe that asks for the health waits no longer for those whose requests do not come.
_SLOW_AFTER_SECONDS = 0.1


class PublicCalls:
    """Wraps handlers so that their calls are bounded, and their errors have a status."""

    def __init__(self) -> None:
        self._admission = Admission(_SLOW_AFTER_SECONDS)
        self._streams = _Places(STREAMS)
        self._checks = _Places(CHECKS, ends_oldest=True)

    def wrap(self, handler: Any, method: str) -> Any:
        """Return a handler that does the same for a bounded number of calls."""
        # For gRPC all requests are streams, so that calls count before their request is there.
        if handler.unary_unary:
            return grpc.stream_unary_rpc_method_handler(
                self._bound(self._checks, self._answer_unary(handler), method),
                None,
                handler.response_serializer,
            )
        respond = (
            self._answer_unary(handler) if handler.unary_stream else self._answer_stream(handler)
        )
        return grpc.stream_stream_rpc_method_handler(
            self._bound(self._streams, respond, method), None, handler.response_serializer
        )

    def _bound(self, places: _Places, respond: Callable[..., Any], method: str) -> Any:
        async def answer(_: Any, context: Any) -> Any:
            try:
                places.take()
                return await respond(context)
            except Exception as failure:  # every error of a handler ends here
                given = dict(context.invocation_metadata() or ())
                id_ = request_id(given.get(HEADER))
                error = error_for_caller(failure, method, id_)
            return await abort(error, context, id_)

        return answer

    def _answer_unary(self, handler: Any) -> Callable[..., Any]:
        """Return a function that receives a single request; the servicer may write answers."""
        call, decode = handler.unary_unary or handler.unary_stream, handler.request_deserializer

        async def respond(context: Any) -> Any:
            async with self._admission.receive_unary(context, is_read=True) as message:
                request = decode(message)
            return await call(request, context)

        return respond

    def _answer_stream(self, handler: Any) -> Callable[..., Any]:
        """Return a function that receives requests and writes the answer of each."""
        call, decode = handler.stream_stream, handler.request_deserializer

        async def requests(context: Any) -> AsyncIterator[Any]:
            while (message := await context.read()) is not grpc.aio.EOF:
                if len(message) > READ_REQUEST_BYTES:
                    raise too_large_error(len(message))
                yield decode(message)

        async def respond(context: Any) -> None:
            async for answer in call(requests(context), context):
                await context.write(answer)

        return respond


class _Places:
    """So many calls are open at once; each has its place until it has ended."""

    def __init__(self, count: int, *, ends_oldest: bool = False) -> None:
        self._count, self._ends_oldest = count, ends_oldest
        self._calls: dict[asyncio.Task[Any], None] = {}  # the oldest first

    def take(self) -> None:
        """Give a place to the call of this task; if all are taken, maybe that of the oldest.

        Raises:
            ResourceExhausted: there is no place.
        """
        if len(self._calls) >= self._count:
            if not self._ends_oldest:
                raise _too_many_streams_error(self._count)
            # A check takes milliseconds, so the oldest one is of a caller who holds it open.
            oldest = next(iter(self._calls))
            oldest.cancel()
            self._release(oldest)
        call: Any = asyncio.current_task()  # never None in a coroutine
        self._calls[call] = None
        call.add_done_callback(self._release)

    def _release(self, call: asyncio.Task[Any]) -> None:
        self._calls.pop(call, None)


def _too_many_streams_error(count: int) -> ResourceExhausted:
    return ResourceExhausted(
        f"{count} streams of health or reflection are open at this server; call again later",
        reason="PUBLIC_STREAMS_TOO_MANY",
        limit=count,
    )
