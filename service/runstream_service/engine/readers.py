"""The threads that read, each query on a connection of its own.

There are three lanes, so that nobody waits for somebody else's slow query
(docs/decisions/0027-kinds-of-reads.md): what is found by its key, what a page shows, and what
may take long. A page that takes longer than it should is moved to the last one.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import copy_context
from functools import partial
from typing import Any, TypeVar

from runstream.errors import DeadlineExceeded, RunstreamError, Unavailable, server_stopping_error
from runstream_service.engine.engine import Engine
from runstream_service.engine.lanes import Lane
from runstream_service.engine.reading import Reading
from runstream_service.engine.served_files import ServedFiles

T = TypeVar("T")

#: Seconds that a read may take, with the time for which it waits; `--query-timeout` in its place.
QUERY_SECONDS = 30.0

#: The same for the queries of a purge.
MAINTENANCE_SECONDS = 600.0

#: Seconds after which a read becomes one of the long ones.
PAGE_SECONDS = 0.1

#: Reads under way, by lane.
QUICK_THREADS = 2
PAGE_THREADS = 2
LONG_THREADS = 2

#: Computations of each kind under way: what they have read is in memory until they end.
COMPUTATIONS = 4

# Seconds between two looks at the reads under way.
_LOOK_SECONDS = 0.05

# Seconds that an interrupted read is given to end, before its caller gets an answer without it.
_GRACE_SECONDS = 2.0

_OPTION = "--query-timeout"


class _Moved(RunstreamError):
    """The read has to begin again in the lane of those that take long."""


class _Turn:
    """A read that has a place in a lane.

    Attributes:
        reading: the read.
        lane: the lane in which it has a place.
        can_restart: whether it may be ended and begin again in another lane.
        began: when, by the clock of the event loop.
        answer: what its caller waits for.
        is_stopped: whether it was told to end.
    """

    def __init__(self, reading: Reading[Any], lane: Lane, can_restart: bool) -> None:
        loop = asyncio.get_running_loop()
        self.reading, self.lane, self.can_restart = reading, lane, can_restart
        self.began = loop.time()
        self.answer: asyncio.Future[Any] = loop.create_future()
        self.is_stopped = False

    def stop(self, error: RunstreamError) -> None:
        self.is_stopped = True
        self.reading.stop(error)


class Readers:
    """A pool of threads, with a share for each kind of reads.

    Attributes:
        interrupted: how many reads were ended before they were done, by `too_long`, `caller_gone`
            and `moved`.
    """

    def __init__(self, engine: Engine, files: ServedFiles, seconds: float = QUERY_SECONDS) -> None:
        """Prepare, on the event loop; threads start when they are needed.

        Args:
            engine: the database.
            files: its files.
            seconds: that a read may take.
        """
        self._engine, self._files, self._seconds = engine, files, seconds
        self._loop = asyncio.get_running_loop()
        self._quick = Lane("quick", QUICK_THREADS)
        self._page = Lane("page", PAGE_THREADS)
        self._long = Lane("long", LONG_THREADS)
        kinds = ("grouping", "importance")
        self._computations = {kind: Lane(kind, COMPUTATIONS) for kind in kinds}
        self._threads = ThreadPoolExecutor(
            QUICK_THREADS + PAGE_THREADS + LONG_THREADS, thread_name_prefix="reader"
        )
        self._turns: set[_Turn] = set()
        self._look_timer: asyncio.TimerHandle | None = None
        self._is_closing = False
        self.interrupted: Counter[str] = Counter(too_long=0, caller_gone=0, moved=0)

    async def quick(self, query: Callable[..., T], *args: Any) -> T:
        """Do what `page` does, for what is found by its key in a few milliseconds."""
        return await self._run(self._quick, self._reading(query, *args), can_restart=True)

    async def page(self, query: Callable[..., T], *args: Any, can_restart: bool = True) -> T:
        """Return what the query returns, called with `args` in one consistent snapshot.

        It is stopped if the caller is cancelled. If it takes longer than `PAGE_SECONDS`, it is
        moved to the long reads, for which it may be stopped and called again.

        Args:
            query: the query.
            args: its arguments.
            can_restart: whether it may be called again after it was stopped.

        Raises:
            DeadlineExceeded: it takes longer than it may.
            Unavailable: the storage failed, the server stops, or too many queries wait.
        """
        return await self._run(self._page, self._reading(query, *args), can_restart)

    async def long(self, query: Callable[..., T], *args: Any, seconds: float | None = None) -> T:
        """Do what `page` does, for what may take long.

        Args:
            query: the query.
            args: its arguments.
            seconds: how long it may take, if not as long as any other.
        """
        reading = self._reading(query, *args)
        if seconds is not None:
            reading = Reading(self._engine, seconds, "", query, *args)
        return await self._run(self._long, reading, can_restart=False)

    @asynccontextmanager
    async def computation(self, kind: str) -> AsyncIterator[None]:
        """Wait until fewer than `COMPUTATIONS` are under way, and count as one meanwhile.

        Args:
            kind: `grouping` of histories or `importance` of params; each has its own places.

        Raises:
            DeadlineExceeded: that takes as long as a read may.
            Unavailable: the server stops, or too many wait.
        """
        if self._is_closing:
            raise server_stopping_error()
        self._look_later()
        lane = self._computations[kind]
        if not lane.take():
            await lane.wait(self._reading(lambda: None))
        try:
            yield
        finally:
            lane.leave()

    def lanes(self) -> tuple[Lane, ...]:
        """Return the lanes."""
        return (self._quick, self._page, self._long, *self._computations.values())

    async def close(self) -> None:
        """Stop the queries under way and end the threads."""
        self._is_closing = True
        for lane in self.lanes():
            lane.end_all(server_stopping_error())
        for turn in self._turns:
            turn.stop(server_stopping_error())
        await asyncio.to_thread(self._threads.shutdown)

    def _reading(self, query: Callable[..., T], *args: Any) -> Reading[T]:
        return Reading(self._engine, self._seconds, _OPTION, query, *args)

    async def _run(self, lane: Lane, reading: Reading[T], can_restart: bool) -> T:
        try:
            return await self._take_turn(lane, reading, can_restart)
        except _Moved:
            reading.reset()
            return await self._take_turn(self._long, reading, can_restart=False)

    async def _take_turn(self, lane: Lane, reading: Reading[T], can_restart: bool) -> T:
        if self._is_closing:
            raise server_stopping_error()
        self._look_later()
        if not lane.take():
            await lane.wait(reading)
        turn = _Turn(reading, lane, can_restart)
        self._turns.add(turn)
        # In the context of the caller, so that what is logged has the id of its trace.
        work = self._threads.submit(copy_context().run, self._read, reading)
        end: Any = self._loop.call_soon_threadsafe
        work.add_done_callback(partial(end, self._end_turn, turn))
        try:
            result: T = await turn.answer
        except asyncio.CancelledError:
            self.interrupted["caller_gone"] += 1
            turn.stop(Unavailable("the caller has gone", reason="CALLER_GONE"))
            raise
        return result

    def _read(self, reading: Reading[T]) -> T:
        try:
            return reading.run()
        finally:
            self._files.check()

    def _end_turn(self, turn: _Turn, work: Future[Any]) -> None:
        self._turns.discard(turn)
        turn.lane.leave()
        turn.lane.waits.observe(turn.reading.waited or 0.0)
        error = work.exception()
        if isinstance(error, DeadlineExceeded):
            self.interrupted["too_long"] += 1
        if turn.answer.done():
            return
        if error is None:
            turn.answer.set_result(work.result())
        else:
            turn.answer.set_exception(error)

    def _look_later(self) -> None:
        if self._look_timer is None:
            self._look_timer = self._loop.call_later(_LOOK_SECONDS, self._look)

    def _look(self) -> None:
        """End what takes too long, and move what holds up pages; again as long as reads run."""
        self._look_timer = None
        for turn in self._turns:
            if turn.reading.seconds_left() < 0:
                self._end_late(turn)
            elif turn.lane is not self._long and self._loop.time() - turn.began > PAGE_SECONDS:
                self._move(turn)
        for lane in self.lanes():
            lane.end_late()
        if self._turns or any(lane.has_waiting() for lane in self.lanes()):
            self._look_later()

    def _end_late(self, turn: _Turn) -> None:
        error = turn.reading.too_long_error()
        if not turn.is_stopped:
            turn.stop(error)
        elif turn.reading.seconds_left() < -_GRACE_SECONDS and not turn.answer.done():
            turn.answer.set_exception(error)  # the thread may wait for a network that is frozen

    def _move(self, turn: _Turn) -> None:
        """Free the place of a read: it goes on in the lane of the long ones, or begins again."""
        if turn.is_stopped:
            return
        if self._long.take():
            turn.lane.leave()
            turn.lane = self._long
        elif turn.can_restart and turn.lane.has_waiting():
            self.interrupted["moved"] += 1
            turn.stop(_Moved(""))
