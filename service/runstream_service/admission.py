"""How much of what callers send is in memory at once.

A message is received when its turn comes; until then the flow control of HTTP/2 keeps it with its
caller. A large one is unpacked, which takes many times its size, when few others are in work.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from runstream.errors import DeadlineExceeded, InvalidArgument, ResourceExhausted, Unavailable

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
    """Takes messages in."""

    def __init__(self) -> None:
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)
        self._writes = asyncio.Semaphore(WRITES_AT_ONCE)
        self._reads = asyncio.Semaphore(READS_AT_ONCE)
        self._slow = 0

    @asynccontextmanager
    async def one(self, requests: AsyncIterator[bytes], *, reads: bool) -> AsyncIterator[bytes]:
        """Receive the one message of a call; it is in work until the block ends.

        Raises:
            InvalidArgument: there is no message.
            ResourceExhausted: it is too large.
            Unavailable: too many others are slow to come.
            DeadlineExceeded: it does not come.
        """
        turns = self._reads if reads else self._writes
        await turns.acquire()
        try:
            receiving = asyncio.ensure_future(anext(aiter(requests), None))
            receiving.add_done_callback(_note_error)
            try:
                await asyncio.wait((receiving,), timeout=PATIENCE)
                if not receiving.done():
                    turns.release()
                    try:
                        await self._wait(receiving)
                    finally:
                        await turns.acquire()
            finally:
                receiving.cancel()
            message = receiving.result()
            if message is None:
                raise InvalidArgument("the call has no message", reason="MESSAGE_MISSING")
            is_large = len(message) > LARGE
            if reads and len(message) > READ_REQUEST_BYTES:
                raise _too_large(len(message))
            if is_large:
                await self._large.acquire()
        finally:
            turns.release()
        try:
            yield message
        finally:
            if is_large:
                self._large.release()

    def all(self, requests: AsyncIterator[bytes], decode: Callable[[bytes], Any]) -> Requests:
        """Return the messages of a stream, to be received one after the other."""
        return Requests(aiter(requests), decode, self._large)

    async def _wait(self, receiving: asyncio.Future[bytes | None]) -> None:
        if self._slow >= SLOW_AT_ONCE:
            raise Unavailable(
                f"{SLOW_AT_ONCE} messages are slow to come already; call again later",
                reason="SERVER_BUSY",
                limit=SLOW_AT_ONCE,
            )
        self._slow += 1
        try:
            await asyncio.wait((receiving,), timeout=RECEIVE_SECONDS)
        finally:
            self._slow -= 1
        if not receiving.done():
            raise DeadlineExceeded(
                f"the message did not come within {RECEIVE_SECONDS:g} seconds",
                reason="MESSAGE_SLOW",
                limit=f"{RECEIVE_SECONDS:g} seconds",
            )


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


def _note_error(receiving: asyncio.Future[bytes | None]) -> None:
    # Of a caller who has gone; asyncio would log an error that is never looked at.
    if not receiving.cancelled():
        receiving.exception()


def _too_large(size: int) -> ResourceExhausted:
    return ResourceExhausted(
        f"the request has {size} bytes, the limit of a call that reads is {READ_REQUEST_BYTES}: "
        "name fewer things at once",
        reason="REQUEST_TOO_LARGE",
        value=size,
        limit=READ_REQUEST_BYTES,
    )
