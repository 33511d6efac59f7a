"""The threads on which large JSON is read and written."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Result = TypeVar("Result")

# Bytes that are read or written in the event loop; more would hold it up for milliseconds.
_INLINE_BYTES = 64 * 1024
# Bytes of a usual request; larger ones may take seconds, and have a thread of their own.
_USUAL_BYTES = 1024 * 1024
# Seconds after a large one in which nothing large is read. A call changes threads some times, and
# could meet another text, during which no thread runs, each time.
_REST_SECONDS = 0.02


class JsonExecutors:
    """One thread each for usual requests, for very large ones, and for answers.

    One request may take much memory while it is read, and several threads that compute would keep
    the event loop waiting.
    """

    def __init__(self) -> None:
        self._usual = ThreadPoolExecutor(1, thread_name_prefix="json")
        self._large = ThreadPoolExecutor(1, thread_name_prefix="large-json")
        self._answers = ThreadPoolExecutor(1, thread_name_prefix="json-answers")

    async def read(self, size: int, function: Callable[..., Result], *arguments: Any) -> Result:
        """Return what `function` returns, which reads `size` bytes of a request."""
        if size <= _INLINE_BYTES:
            return function(*arguments)
        loop = asyncio.get_running_loop()
        if size <= _USUAL_BYTES:
            return await loop.run_in_executor(self._usual, function, *arguments)
        return await loop.run_in_executor(self._large, _run_and_rest, function, *arguments)

    async def write(self, size: int, function: Callable[..., Result], *arguments: Any) -> Result:
        """Return what `function` returns, which writes `size` bytes of an answer."""
        if size <= _INLINE_BYTES:
            return function(*arguments)
        return await asyncio.get_running_loop().run_in_executor(self._answers, function, *arguments)


def _run_and_rest(function: Callable[..., Result], *arguments: Any) -> Result:
    try:
        return function(*arguments)
    finally:
        time.sleep(_REST_SECONDS)
