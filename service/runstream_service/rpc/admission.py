"""How much of what callers send is in memory at once.

A message is received when its turn comes; until then the flow control of HTTP/2 keeps it with its
caller. A large one is unpacked, which takes many times its size, when few others are in work.
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

#: Bytes of a message that is large.
LARGE = 64 * 1024

#: Large messages that are unpacked and worked on at once.
LARGE_AT_ONCE = 4

#: Single messages that are received at once, of calls that write and of others.
WRITES_AT_ONCE, READS_AT_ONCE = 8, 64

#: Bytes of the request of a call that only reads.
READ_REQUEST_BYTES = 256 * 1024

#: Messages that may take longer to come than `PATIENCE`, and for how long, in seconds.
SLOW_AT_ONCE, PATIENCE, RECEIVE_SECONDS = 32, 1.0, 30.0


class Admission:
    """Takes messages in.

    Attributes:
        large: has room for so many more large messages.
        slow: how many messages are slow to come.
    """

    def __init__(self) -> None:
        self.large = asyncio.Semaphore(LARGE_AT_ONCE)
        self.slow = 0
        self._writes = asyncio.Semaphore(WRITES_AT_ONCE)
        self._reads = asyncio.Semaphore(READS_AT_ONCE)

    def one(self, context: Any, *, reads: bool) -> Message:
        """Return the one message of a call, to be received as an `async with` block begins."""
        return Message(self, self._reads if reads else self._writes, context, reads)

    def all(self, requests: AsyncIterator[bytes], decode: Callable[[bytes], Any]) -> Requests:
        """Return the messages of a stream, to be received one after the other."""
        return Requests(aiter(requests), decode, self.large)


class Message:
    """The one message of a call; it is in work until the block ends.

    The task of the call itself receives it, while a timer watches. A second task for that would
    take as long as all else that a small call has done here.
    """

    def __init__(
        self, admission: Admission, turns: asyncio.Semaphore, context: Any, reads: bool
    ) -> None:
        self._admission, self._turns, self._context = admission, turns, context
        self._reads = reads
        self._has_turn = self._is_slow = self._is_large = False
        self._error: RunstreamError | None = None

    async def __aenter__(self) -> bytes:
        """Receive it.

        Raises:
            InvalidArgument: there is no message.
            ResourceExhausted: it is too large.
            Unavailable: too many others are slow to come.
            DeadlineExceeded: it does not come.
        """
        await self._take_turn()
        try:
            message = await self._receive()
            if self._is_slow:
                await self._take_turn()
            if self._reads and len(message) > READ_REQUEST_BYTES:
                raise _too_large(len(message))
            if len(message) > LARGE:
                await self._admission.large.acquire()
                self._is_large = True
            return message
        finally:
            self._give_turn()
            if self._is_slow:
                self._admission.slow -= 1

    async def __aexit__(self, *_: object) -> None:
        if self._is_large:
            self._admission.large.release()

    async def _take_turn(self) -> None:
        await self._turns.acquire()
        self._has_turn = True

    def _give_turn(self) -> None:
        if self._has_turn:
            self._has_turn = False
            self._turns.release()

    async def _receive(self) -> bytes:
        """Return the message; while it is slow, others have the turn."""
        loop = asyncio.get_running_loop()
        call: Any = asyncio.current_task()  # which there is in a coroutine
        self._timer = loop.call_later(PATIENCE, self._let_others_in, call)
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

    def _let_others_in(self, call: asyncio.Task[Any]) -> None:
        self._give_turn()
        if self._admission.slow >= SLOW_AT_ONCE:
            self._end(call, _too_many_are_slow())
            return
        self._is_slow = True
        self._admission.slow += 1
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(RECEIVE_SECONDS, self._end, call, _too_slow())

    def _end(self, call: asyncio.Task[Any], error: RunstreamError) -> None:
        self._error = error
        call.cancel()


class Requests:
    """The messages of a stream; each is in work until `done`, or until the next is asked for."""

    def __init__(
        self,
        messages: AsyncIterator[bytes],
        decode: Callable[[bytes], Any],
        large: asyncio.Semaphore,
    ) -> None:
        self._messages, self._decode, self._large = messages, decode, large
        self._holds = False

    async def __aenter__(self) -> Requests:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.done()

    def __aiter__(self) -> Requests:
        return self

    async def __anext__(self) -> Any:
        self.done()
        message = await anext(self._messages)
        if len(message) > LARGE:
            await self._large.acquire()
            self._holds = True
        return self._decode(message)

    def done(self) -> None:
        """Let go of the message that came last."""
        if self._holds:
            self._holds = False
            self._large.release()


def _too_many_are_slow() -> Unavailable:
    return Unavailable(
        f"{SLOW_AT_ONCE} messages are slow to come already; call again later",
        reason="SERVER_BUSY",
        limit=SLOW_AT_ONCE,
    )


def _too_slow() -> DeadlineExceeded:
    return DeadlineExceeded(
        f"the message did not come within {RECEIVE_SECONDS:g} seconds",
        reason="MESSAGE_SLOW",
        limit=f"{RECEIVE_SECONDS:g} seconds",
    )


def _too_large(size: int) -> ResourceExhausted:
    return ResourceExhausted(
        f"the request has {size} bytes, the limit of a call that reads is {READ_REQUEST_BYTES}: "
        "name fewer things at once",
        reason="REQUEST_TOO_LARGE",
        value=size,
        limit=READ_REQUEST_BYTES,
    )
