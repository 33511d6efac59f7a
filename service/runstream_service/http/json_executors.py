"""The threads on which large JSON is read and written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Result = TypeVar("Result")

# Bytes that are read or written in the event loop; more would hold it up for milliseconds.
_INLINE_BYTES = 64 * 1024
# Bytes of a usual request; larger ones may take seconds, and have a thread of their own.
_USUAL_BYTES = 1024 * 1024


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
        thread = self._usual if size <= _USUAL_BYTES else self._large
        return await asyncio.get_running_loop().run_in_executor(thread, function, *arguments)

    async def write(self, size: int, function: Callable[..., Result], *arguments: Any) -> Result:
        """Return what `function` returns, which writes `size` bytes of an answer."""
        if size <= _INLINE_BYTES:
            return function(*arguments)
        return await asyncio.get_running_loop().run_in_executor(self._answers, function, *arguments)
