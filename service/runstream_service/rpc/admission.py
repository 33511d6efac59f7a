"""Bounds how much of what callers send is in memory at once.

A request is received when its turn comes; until then the flow control of HTTP/2 keeps it with its
caller. A large request takes many times its size when it is decoded, so only a few large requests
are decoded and worked on at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc.aio

from runstream.errors import (
    DeadlineExceeded,
    InvalidArgument,
    ResourceExhausted,
    RunstreamError,
    Unavailable,
)
from runstream_service.access.limits import CallerUse

#: A message of more bytes is large.
LARGE_BYTES = 64 * 1024

#: Large messages that are decoded and worked on at once.
LARGE_AT_ONCE = 4

#: Unary requests that are received at once: of calls that write, and of calls that only read.
WRITES_AT_ONCE, READS_AT_ONCE = 8, 64

#: Bytes of the request of a call that only reads.
READ_REQUEST_BYTES = 256 * 1024

#: A request that takes longer than `SLOW_AFTER_SECONDS` to arrive is slow. So many requests may be
#: slow at once, and each may take `RECEIVE_SECONDS` longer.
SLOW_AT_ONCE, SLOW_AFTER_SECONDS, RECEIVE_SECONDS = 32, 1.0, 30.0


class Admission:
    """The turns in which requests are received.

    Attributes:
        large_slots: a large message holds one of these while it is in work.
        slow_after: seconds after which a request is slow.
        slow_count: how many requests are slow to arrive.
    """

    def __init__(self, slow_after: float = SLOW_AFTER_SECONDS) -> None:
        self.slow_after = slow_after
        self.large_slots = asyncio.Semaphore(LARGE_AT_ONCE)
        self.slow_count = 0
        self._write_turns = asyncio.Semaphore(WRITES_AT_ONCE)
        self._read_turns = asyncio.Semaphore(READS_AT_ONCE)

    def receive_unary(self, context: Any, *, is_read: bool) -> UnaryRequest:
        """Return the request of a call; an `async with` block receives it."""
        return UnaryRequest(
            self, self._read_turns if is_read else self._write_turns, context, is_read
        )

    def receive_stream(
        self, requests: AsyncIterator[bytes], decode: Callable[[bytes], Any], use: CallerUse
    ) -> RequestStream:
        """Return the requests of a stream, which are received one after the other."""
        return RequestStream(aiter(requests), decode, self.large_slots, use)


class UnaryRequest:
    """The single request of a call; it is in work until the `async with` block ends.

    The task of the call itself receives the request, and a timer interrupts that task. To wait in
    a second task would double the time that the interceptor takes for a small call.
    """

    def __init__(
        self, admission: Admission, turns: asyncio.Semaphore, context: Any, is_read: bool
    ) -> None:
        self._admission, self._turns, self._context = admission, turns, context
        self._is_read = is_read
        self._has_turn = self._is_slow = self._is_large = False
        self._error: RunstreamError | None = None

    async def __aenter__(self) -> bytes:
        """Receive the request and return its bytes.

        Raises:
            InvalidArgument: the call has no request.
            ResourceExhausted: the request is too large.
            Unavailable: the request is slow to arrive, and too many others are, too.
            DeadlineExceeded: the request does not arrive in time.
        """
        await self._acquire_turn()
        try:
            message = await self._receive()
            if self._is_slow:
                await self._acquire_turn()
            if self._is_read and len(message) > READ_REQUEST_BYTES:
                raise too_large_error(len(message))
            if len(message) > LARGE_BYTES:
                await self._admission.large_slots.acquire()
                self._is_large = True
            return message
        finally:
            self._release_turn()
            if self._is_slow:
                self._admission.slow_count -= 1

    async def __aexit__(self, *_: object) -> None:
        if self._is_large:
            self._admission.large_slots.release()

    async def _acquire_turn(self) -> None:
        await self._turns.acquire()
        self._has_turn = True

    def _release_turn(self) -> None:
        if self._has_turn:
            self._has_turn = False
            self._turns.release()

    async def _receive(self) -> bytes:
        """Return the request; while it is slow, another call has the turn."""
        loop = asyncio.get_running_loop()
        call: Any = asyncio.current_task()  # never None in a coroutine
        self._timer = loop.call_later(self._admission.slow_after, self._become_slow, call)
        try:
            message = await self._context.read()
        except asyncio.CancelledError:
            if self._error is None:
                raise
            raise self._error from None
        finally:
            self._timer.cancel()
        if message is grpc.aio.EOF:
            raise InvalidArgument("the call has no message", reason="MESSAGE_MISSING")
        return message  # type: ignore[no-any-return]

    def _become_slow(self, call: asyncio.Task[Any]) -> None:
        """Release the turn and wait on as a slow request, or end the call if too many are slow."""
        self._release_turn()
        if self._admission.slow_count >= SLOW_AT_ONCE:
            self._cancel(call, _too_many_slow_error())
            return
        self._is_slow = True
        self._admission.slow_count += 1
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(RECEIVE_SECONDS, self._cancel, call, _too_slow_error())

    def _cancel(self, call: asyncio.Task[Any], error: RunstreamError) -> None:
        self._error = error
        call.cancel()


class RequestStream:
    """The requests of a stream; each is in work until `release` or until the next one is read."""

    def __init__(
        self,
        messages: AsyncIterator[bytes],
        decode: Callable[[bytes], Any],
        large_slots: asyncio.Semaphore,
        use: CallerUse,
    ) -> None:
        self._messages, self._decode, self._large_slots = messages, decode, large_slots
        self._use = use
        self._has_large_slot = False
        self._waiting: asyncio.Task[Any] | None = None
        self._error: RunstreamError | None = None

    async def __aenter__(self) -> RequestStream:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.release()

    def __aiter__(self) -> RequestStream:
        return self

    async def __anext__(self) -> Any:
        self.release()
        message = await self._receive()
        self._use.add_bytes(len(message))
        if len(message) > LARGE_BYTES:
            await self._large_slots.acquire()
            self._has_large_slot = True
        return self._decode(message)

    async def _receive(self) -> bytes:
        if self._error is not None:
            raise self._error
        self._waiting = asyncio.current_task()
        try:
            if (seconds := self._use.pause()) > 0:  # flow control makes the caller wait
                await asyncio.sleep(seconds)
            return await anext(self._messages)
        except asyncio.CancelledError:
            if self._error is None:
                raise
            raise self._error from None
        finally:
            self._waiting = None

    def stop(self, error: RunstreamError) -> None:
        """Give this error to whoever waits for the next request, or will."""
        self._error = error
        if self._waiting is not None:
            self._waiting.cancel()

    def release(self) -> None:
        """Release the slot of the request that was received last, if it was large."""
        if self._has_large_slot:
            self._has_large_slot = False
            self._large_slots.release()


def _too_many_slow_error() -> Unavailable:
    return Unavailable(
        f"{SLOW_AT_ONCE} messages are slow to come already; call again later",
        reason="SERVER_BUSY",
        limit=SLOW_AT_ONCE,
    )


def _too_slow_error() -> DeadlineExceeded:
    return DeadlineExceeded(
        f"the message did not come within {RECEIVE_SECONDS:g} seconds",
        reason="MESSAGE_SLOW",
        limit=f"{RECEIVE_SECONDS:g} seconds",
    )


def too_large_error(size: int) -> ResourceExhausted:
    return ResourceExhausted(
        f"the request has {size} bytes, the limit of a call that reads is {READ_REQUEST_BYTES}: "
        "name fewer things at once",
        reason="REQUEST_TOO_LARGE",
        value=size,
        limit=READ_REQUEST_BYTES,
    )
