"""Lanes, in which reads of one kind wait for their turn; touched on the event loop alone."""

from __future__ import annotations

import asyncio
from typing import Any

from runstream.errors import RunstreamError, Unavailable
from runstream_service.engine.reading import Reading
from runstream_service.histogram import Histogram

#: Reads that may wait in one lane.
WAITING = 2_000


class Lane:
    """A number of places; reads that find none free get one in the order in which they came.

    Attributes:
        name: its name in metrics.
        running: reads that have a place.
        waits: how long reads waited for a place.
    """

    def __init__(self, name: str, places: int) -> None:
        self.name = name
        self.running = 0
        self.waits = Histogram()
        self._places = places
        self._waiting: dict[asyncio.Future[None], Reading[Any]] = {}

    def count(self) -> int:
        """Return how many reads run or wait."""
        return self.running + len(self._waiting)

    def has_waiting(self) -> bool:
        """Return whether a read waits."""
        return bool(self._waiting)

    def take(self) -> bool:
        """Take a place if one is free; return whether one was."""
        if self.running >= self._places:
            return False
        self.running += 1
        return True

    async def wait(self, reading: Reading[Any]) -> None:
        """Take a place when one is free.

        Raises:
            RunstreamError: too many reads wait, or the wait was ended.
        """
        if len(self._waiting) >= WAITING:
            raise Unavailable(
                f"{WAITING} reads are waiting already; come again later",
                reason="SERVER_BUSY",
                limit=WAITING,
            )
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[turn] = reading
        try:
            await turn
        except BaseException:
            if self._waiting.pop(turn, None) is None and _was_given_a_place(turn):
                self.leave()  # its caller went at the same moment
            raise

    def leave(self) -> None:
        """Give a place back, to the read that has waited longest."""
        while self._waiting:
            turn = next(iter(self._waiting))
            del self._waiting[turn]
            if not turn.done():
                turn.set_result(None)
                return
        self.running -= 1

    def end_late(self) -> None:
        """End the waits of those whose time is up."""
        for turn, reading in list(self._waiting.items()):
            if reading.is_over():
                self._end(turn, reading.too_long_error())

    def end_all(self, error: RunstreamError) -> None:
        """End all waits."""
        for turn in list(self._waiting):
            self._end(turn, error)

    def _end(self, turn: asyncio.Future[None], error: RunstreamError) -> None:
        del self._waiting[turn]
        if not turn.done():
            turn.set_exception(error)


def _was_given_a_place(turn: asyncio.Future[None]) -> bool:
    return turn.done() and not turn.cancelled() and turn.exception() is None
