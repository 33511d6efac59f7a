"""The threads that read, each query on a connection of its own (WAL: no waiting for the writer).

There are two pools, so that a quick query, such as one for a single run, does not wait for searches
through all runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from runstream.errors import Unavailable
from runstream_service.engine.reading import Reading
from runstream_service.engine.served_files import ServedFiles

T = TypeVar("T")

#: Seconds that a read may take, with the time for which it waits for a thread.
READ_SECONDS = 30.0

#: The same for the queries of a purge.
MAINTENANCE_SECONDS = 600.0

#: Reads that may wait for a thread of one pool.
WAITING = 2_000

#: Threads for quick queries, and for those that may take long.
QUICK_THREADS = 2
THREADS = 3


class Readers:
    """Two small pools of reading threads."""

    def __init__(self, files: ServedFiles) -> None:
        self._quick = _Pool(QUICK_THREADS, "quick-reader", files)
        self._long = _Pool(THREADS, "reader", files)

    async def quick(self, query: Callable[..., T], *args: Any) -> T:
        """Do what `run` does, for a query that never takes more than a few milliseconds."""
        return await self._quick.run(Reading(READ_SECONDS, query, *args))

    async def run(self, query: Callable[..., T], *args: Any, seconds: float = READ_SECONDS) -> T:
        """Return what the query returns, called with `args` in one consistent snapshot.

        It is stopped if the caller is cancelled.

        Raises:
            ResourceExhausted: it takes longer than `seconds`.
            Unavailable: the storage failed, the server stops, or too many queries wait.
        """
        return await self._long.run(Reading(seconds, query, *args))

    async def close(self) -> None:
        """Stop the queries under way and end the threads."""
        await asyncio.gather(self._quick.close(), self._long.close())


class _Pool:
    def __init__(self, threads: int, name: str, files: ServedFiles) -> None:
        self._files = files
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._most = threads + WAITING
        self._readings: set[Reading[Any]] = set()

    async def run(self, reading: Reading[T]) -> T:
        if len(self._readings) >= self._most:
            raise Unavailable(
                f"{WAITING} reads are waiting already; come again later",
                reason="SERVER_BUSY",
                limit=WAITING,
            )
        loop = asyncio.get_running_loop()
        self._readings.add(reading)
        try:
            return await loop.run_in_executor(self._threads, self._read, reading)
        except asyncio.CancelledError:
            reading.stop(Unavailable("the caller has gone", reason="CALLER_GONE"))
            raise
        finally:
            self._readings.discard(reading)

    def _read(self, reading: Reading[T]) -> T:
        try:
            return reading.run()
        finally:
            self._files.check()

    async def close(self) -> None:
        for reading in self._readings:
            reading.stop(
                Unavailable("the server is stopping; go on later", reason="SERVER_STOPPING")
            )
        await asyncio.to_thread(self._threads.shutdown)
