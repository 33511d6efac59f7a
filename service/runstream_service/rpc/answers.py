"""Bounds how many bytes of answers are in memory because their callers do not read them.

gRPC keeps an answer until HTTP/2 may send it. A caller that does not read delays that for ever.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, NamedTuple

from runstream.errors import Unavailable

#: Bytes of answers that are on their way to all callers together.
SENDING_BYTES = 128 * 1024 * 1024

#: Seconds after which an answer that is not sent yet may be dropped to make room for others.
SLOW_AFTER_SECONDS = 10.0

#: An answer of at most so many bytes is not counted: if every open call has one, that is 40 MiB.
SMALL_BYTES = 4 * 1024


class _Answer(NamedTuple):
    size: int
    since: float


class Answers:
    """The answers that are on their way; each call has at most one."""

    def __init__(self) -> None:
        self._size = 0
        self._by_call: dict[asyncio.Task[Any], _Answer] = {}  # the oldest first

    def add(self, answer: bytes) -> bytes:
        """Count the answer of this call until `remove`, or until the call ends, and return it.

        Raises:
            Unavailable: there is no room.
        """
        if len(answer) > SMALL_BYTES:
            if self._size + len(answer) > SENDING_BYTES:
                self._drop_oldest(self._size + len(answer) - SENDING_BYTES)
            call = _current_call()
            call.add_done_callback(self._remove)
            self._by_call[call] = _Answer(len(answer), time.monotonic())
            self._size += len(answer)
        return answer

    def remove(self, answer: bytes) -> None:
        """Stop counting the answer of this call, because it was sent."""
        if len(answer) > SMALL_BYTES:
            call = _current_call()
            call.remove_done_callback(self._remove)
            self._remove(call)

    def _remove(self, call: asyncio.Task[Any]) -> None:
        answer = self._by_call.pop(call, None)
        if answer is not None:
            self._size -= answer.size

    def _drop_oldest(self, size: int) -> None:
        """End the calls that have kept answers of `size` bytes waiting for too long."""
        too_old = time.monotonic() - SLOW_AFTER_SECONDS
        for call, answer in list(self._by_call.items()):
            if size <= 0 or answer.since > too_old:
                break
            call.cancel()
            self._remove(call)
            size -= answer.size
        if size > 0:
            raise _too_many_bytes_error()


def _current_call() -> asyncio.Task[Any]:
    call = asyncio.current_task()
    if call is None:
        raise LookupError("answers are counted by the task of their call")
    return call


def _too_many_bytes_error() -> Unavailable:
    return Unavailable(
        f"{SENDING_BYTES} bytes of answers are on their way to callers that are slow to take them; "
        "call again later",
        reason="SERVER_BUSY",
        limit=SENDING_BYTES,
    )
