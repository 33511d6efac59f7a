"""The thread that seals tails while others are logged to (points/sealing.py)."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Any, Protocol

from runstream.errors import RunstreamError, Unavailable
from runstream_service.engine.engine import Engine
from runstream_service.points import sealing, tail
from runstream_service.points.append import PointAppender
from runstream_service.points.backlog import Backlog
from runstream_service.points.sealing import MIN_IDLE_POINTS, MIN_POINTS, Seal

log = logging.getLogger(__name__)

# Times that a tail is planned anew at once, if what it touches has changed meanwhile.
_ATTEMPTS = 3

# Bytes that a seal counts in the queue of the writer: a step of a million points, compressed.
_COMMAND_BYTES = 1024 * 1024


class CommandQueue(Protocol):
    """The writer, as far as the sealer knows it."""

    def submit(
        self, command: Callable[..., bool], /, *args: Any, run_id: str, size: int
    ) -> asyncio.Future[bool]: ...

    def notify_room(self) -> None: ...


class Sealer:
    """Seals what the backlog has, one run at a time, on a thread of its own.

    Attributes:
        chunks: how many chunks it made.
    """

    def __init__(
        self, engine: Engine, backlog: Backlog, appender: PointAppender, writer: CommandQueue
    ) -> None:
        """Start the thread.

        Args:
            engine: the database, of which the thread has a connection.
            backlog: says which runs.
            appender: is told that rows were deleted.
            writer: runs the commands that replace rows by chunks.
        """
        self._loop = asyncio.get_running_loop()
        self._engine = engine
        self._backlog = backlog
        self._appender = appender
        self._writer = writer
        self.chunks = 0
        self._has_storage_failed = False
        self._thread = threading.Thread(target=self._work, name="sealer")
        self._thread.start()

    async def close(self) -> None:
        """End the thread after its step; what is not sealed stays in the tails."""
        self._backlog.close()
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        if not self._engine.IS_SHARED:  # others may seal what is there (orphan_tails.py)
            self._load()
        while self._seal_next():
            pass

    def _load(self) -> None:
        try:
            self._backlog.load()
        except Exception as error:  # what waits is found when its runs are logged to again
            if self._engine.is_storage_fault(error):
                log.warning("what waits to be sealed was not read: %s", error)
            else:
                log.exception("what waits to be sealed was not read")

    def _seal_next(self) -> bool:
        """Wait for a tail and seal it; return False when the server stops."""
        try:
            taken = self._backlog.take()
            if taken is None:
                return False
            run, is_quiet = taken
            failed, series = True, 0
            try:
                series = self._seal(run, MIN_IDLE_POINTS if is_quiet else MIN_POINTS)
                failed = self._has_storage_failed = False
            finally:
                self._backlog.finish(run, series, failed=failed, is_quiet=is_quiet)
                self._loop.call_soon_threadsafe(self._writer.notify_room)
        except CancelledError:
            return False
        except Exception as error:  # later points are tried again
            if isinstance(error, Unavailable) or self._engine.is_storage_fault(error):
                self._wait_for_storage(error)
            elif isinstance(error, RunstreamError):  # damage
                log.warning("points were not sealed: %s", error)
            else:
                log.exception("points were not sealed")
        return True

    def _wait_for_storage(self, error: Exception) -> None:
        """Leave the database alone for a while; say why once, and not for each tail that waits."""
        if not self._has_storage_failed:
            self._has_storage_failed = True
            log.warning("points were not sealed: %s", str(error).partition("\n")[0])
        self._backlog.rest()

    def _seal(self, run: int, min_points: int) -> int:
        """Make chunks of a tail, as far as one step takes; return how many series it has."""
        for _ in range(_ATTEMPTS):
            with self._engine.read_transaction():
                seal = sealing.plan(run, min_points)
            if asyncio.run_coroutine_threadsafe(self._submit(seal), self._loop).result():
                self.chunks += sum(len(unit.encoded) for unit in seal.units)
                break
        return seal.series  # if too much changes all the time, others have their turn first

    async def _submit(self, seal: Seal) -> bool:
        return await self._writer.submit(self._apply, seal, run_id=seal.run_id, size=_COMMAND_BYTES)

    def _apply(self, seal: Seal) -> bool:
        self._appender.forget_tail(seal.run)
        if not sealing.apply(seal):
            return False
        points, rows = tail.count_fresh(seal.run)
        damage = seal.damage  # it waits for nothing
        self._backlog.recount(seal.run, max(0, points - damage.points), max(0, rows - damage.rows))
        return True
