"""The tasks that other threads give to the uploader's thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue


class TaskQueue:
    """Functions that the uploader's thread calls for other threads.

    Any thread may call every method but `run_pending`, which is the uploader's. No lock is needed:
    an item is added to the queue and taken from it by one step in C.

    Attributes:
        ensure_thread: starts the uploader's thread if there is none; returns whether there is one.
    """

    def __init__(self, ensure_thread: Callable[[], bool]) -> None:
        self.ensure_thread = ensure_thread
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._later: deque[Callable[[], None]] = deque()

    def post(self, task: Callable[[], None]) -> bool:
        """Ask the uploader's thread to call a function; return whether there is such a thread."""
        self._tasks.put(task)
        return self.ensure_thread()

    def post_later(self, task: Callable[[], None]) -> None:
        """Have the uploader's thread call a function in its next round, without waking it."""
        self._later.append(task)

    def has_later(self) -> bool:
        """Return whether a function waits for the next round."""
        return bool(self._later)

    def wake(self) -> None:
        """Let the uploader's thread look for work now, starting it if there is none."""
        self._tasks.put(None)
        self.ensure_thread()

    def wake_if_running(self) -> None:
        """Let the uploader's thread look for work now, if there is one."""
        self._tasks.put(None)

    def is_empty(self) -> bool:
        """Return whether the uploader's thread has taken all that was asked of it."""
        return self._tasks.empty()

    def run_pending(self, timeout: float | None) -> None:
        """Call the functions that were posted, waiting for the first up to `timeout` seconds."""
        with suppress(Empty):
            task = self._tasks.get(timeout=timeout)
            while True:
                if task is not None:
                    task()
                task = self._tasks.get_nowait()
        while self._later:
            self._later.popleft()()
