"""The threads that touch files, so that the event loop never waits for a disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from runstream_service.engine.engine import storage_error

T = TypeVar("T")


class FileThreads:
    """A small pool of threads for short pieces of work on files.

    No transfer has a thread of its own: a slow client holds none.
    """

    THREADS = 4

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(self.THREADS, thread_name_prefix="files")

    def start(self, work: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        """Run `work` with `args`, which goes on whether or not somebody waits for it.

        The future raises Unavailable if the storage failed.
        """
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._threads, partial(_run, work, *args))
        future.add_done_callback(mark_retrieved)
        return future

    async def close(self) -> None:
        """Wait for the work under way and end the threads."""
        await asyncio.to_thread(self._threads.shutdown)


def _run(work: Callable[..., T], *args: Any) -> T:
    try:
        return work(*args)
    except OSError as error:
        raise storage_error(error) from error


def mark_retrieved(future: asyncio.Future[Any]) -> None:
    """Keep asyncio from logging the error of a future whose caller may be gone."""
    if not future.cancelled():
        future.exception()
