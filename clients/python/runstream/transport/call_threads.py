"""Threads that enter gRPC in place of the main thread.

Signal handlers run in the main thread, between any two steps of it. An exception that one raises
inside of gRPC, as Ctrl-C does, can leave a lock of gRPC's held for ever, or a call whose end nobody
notices. So the main thread lets another one call, and waits for it with a deadline. An interrupt
ends the wait; the call itself ends by its own deadline, and its answer is dropped.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

Result = TypeVar("Result")

# Seconds after which a thread is started for a call that none has taken.
_LOOK = 0.5


class _Job:
    """A call, and its result.

    Attributes:
        work: the call, until somebody takes it.
        reply: gets its result, and the error that it raised instead.
    """

    def __init__(self, work: Callable[[], Any]) -> None:
        self.work = deque([work])
        self.reply: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()


class CallThreads:
    """As many threads as there are calls at the same time."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self._idle: deque[None] = deque()  # an item for each thread that waits for a job

    def reset(self) -> None:
        """Begin anew in a forked child, where these threads are not."""
        self._jobs = SimpleQueue()
        self._idle = deque()

    def do(
        self, work: Callable[[], Result], timeout: float | None, anywhere: bool = True
    ) -> Result:
        """Return what a function returns, which is called on one of these threads.

        Args:
            work: the function.
            timeout: seconds after which to wait no longer; None for no end.
            anywhere: whether a thread other than the main one may call it by itself, because it
                keeps its deadline.

        Raises:
            TimeoutError: it did not return in time.
        """
        here = anywhere and threading.current_thread() is not threading.main_thread()
        if here or sys.is_finalizing():
            return work()
        job = _Job(work)
        self._jobs.put(job)
        end = time.monotonic() + timeout if timeout is not None else None
        try:
            self._idle.pop()
        except IndexError:
            self._start(job)
        while True:
            left = _LOOK if end is None else min(_LOOK, max(0.0, end - time.monotonic()))
            with suppress(Empty):
                result, error = job.reply.get(timeout=left)
                if error is not None:
                    raise error
                return result  # type: ignore[no-any-return]
            if end is not None and time.monotonic() >= end:
                raise TimeoutError
            if job.work:
                self._start(job)

    def _start(self, job: _Job) -> None:
        thread = threading.Thread(target=self._run, args=(self._jobs,), name="runstream-calls")
        thread.daemon = True
        try:
            thread.start()
        except RuntimeError:  # there are no more threads, as at the end of a program
            _do(job)

    def _run(self, jobs: SimpleQueue[_Job]) -> None:
        while True:
            job: _Job | None = jobs.get()
            if job is not None:
                _do(job)
            job = None  # what it holds of gRPC would keep that running over a fork
            self._idle.append(None)


def _do(job: _Job) -> None:
    try:
        work = job.work.pop()
    except IndexError:  # somebody else has taken it
        return
    try:
        job.reply.put((work(), None))
    except BaseException as error:
        job.reply.put((None, error))
