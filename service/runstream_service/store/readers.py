"""The threads that read, each query on a connection of its own (WAL: no waiting for the writer)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from runstream_service.store.database import storage_failure, transaction
from runstream_service.store.models import database

T = TypeVar("T")


class Readers:
    """A small pool of reading threads."""

    THREADS = 4

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(self.THREADS, thread_name_prefix="reader")

    async def run(self, query: Callable[..., T], *args: Any) -> T:
        """Return what the query returns, called with `args` in one consistent snapshot.

        Raises:
            Unavailable: the storage failed.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(_read, query, *args))

    async def close(self) -> None:
        """Wait for the queries under way and end the threads."""
        await asyncio.to_thread(self._threads.shutdown)


def _read(query: Callable[..., T], *args: Any) -> T:
    try:
        with database.connection_context(), transaction():
            return query(*args)
    except Exception as error:
        raise storage_failure(error) or error from error
