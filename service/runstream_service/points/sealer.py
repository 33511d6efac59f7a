"""The thread that seals tails while others are logged to (points/sealing.py)."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Any, Protocol

from runstream.errors import RunstreamError
from runstream_service.engine.database import transaction
from runstream_service.engine.tables import database
from runstream_service.points import sealing
from runstream_service.points.append import PointAppender
from runstream_service.points.backlog import SEAL_ROWS, Backlog
from runstream_service.points.sealing import Seal

log = logging.getLogger(__name__)

# Times that a tail is planned anew at once, if what it touches has changed meanwhile.
_ATTEMPTS = 3

# Bytes that a seal counts in the queue of the writer: a step of a million points, compressed.
_COMMAND_BYTES = 1024 * 1024


class CommandQueue(Protocol):
    """The writer, as far as the sealer knows it."""

    def submit(
        self, command: Callable[..., bool], /, *args: Any, size: int
    ) -> asyncio.Future[bool]: ...


class Sealer:
    """Seals what the backlog has, one run at a time, on a thread of its own."""

    def __init__(self, backlog: Backlog, appender: PointAppender, writer: CommandQueue) -> None:
        """Start the thread.

        Args:
            backlog: says which runs.
            appender: is told that rows were deleted.
            writer: runs the commands that replace rows by chunks.
        """
        self._loop = asyncio.get_running_loop()
        self._backlog = backlog
        self._appender = appender
        self._writer = writer
        self._thread = threading.Thread(target=self._work, name="sealer")
        self._thread.start()

    async def close(self) -> None:
        """End the thread after its step; what is not sealed stays in the tails."""
        self._backlog.close()
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        with database.connection_context():
            self._backlog.load()
            while (taken := self._backlog.take()) is not None:
                run, is_idle = taken
                try:
                    self._seal(run, sealing.MIN_IDLE_POINTS if is_idle else sealing.MIN_POINTS)
                except CancelledError:
                    return
                except (
                    RunstreamError
                ) as error:  # damage, or a full disk: later ones are tried again
                    log.warning("the points of run %d were not sealed: %s", run, error)
                except Exception:
                    log.exception("the points of run %d were not sealed", run)

    def _seal(self, run: int, min_points: int) -> None:
        for _ in range(_ATTEMPTS):
            with transaction():
                seal = sealing.plan(run, min_points)
            self._backlog.set_series(run, seal.series)
            if seal.changes_nothing:
                return
            applied = asyncio.run_coroutine_threadsafe(self._submit(seal), self._loop).result()
            if applied:
                if not seal.is_all:
                    self._backlog.add(run, 0, SEAL_ROWS)
                return
        self._backlog.add(run, 0, SEAL_ROWS)  # others had their turn then

    async def _submit(self, seal: Seal) -> bool:
        return await self._writer.submit(self._apply, seal, size=_COMMAND_BYTES)

    def _apply(self, seal: Seal) -> bool:
        self._appender.forget_tail(seal.run)
        return sealing.apply(seal)
