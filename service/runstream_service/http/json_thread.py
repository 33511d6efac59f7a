"""The thread on which large JSON is read and written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Result = TypeVar("Result")

# What is larger takes some milliseconds, which all others would have to wait.
_LARGE = 64 * 1024


class JsonThread:
    """Does one piece of work at a time.

    One may take much memory, and several threads that compute keep the event loop waiting.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="json")

    async def run(self, size: int, work: Callable[..., Result], *arguments: Any) -> Result:
        """Return what the work returns, done on the thread if it is on very many bytes."""
        if size <= _LARGE:
            return work(*arguments)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, work, *arguments)
