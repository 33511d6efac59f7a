"""Threads that enter gRPC in place of the main thread.

Signal handlers run in the main thread, between any two of its bytecode instructions. A handler
that raises an exception while the main thread is inside of gRPC, as Ctrl-C does, can leave a lock
of gRPC held for ever, or a call whose end nobody notices. So the main thread lets another thread
make the call, and waits for it with a deadline. An interrupt ends the wait; the call itself ends
by its own deadline, and its answer is dropped.
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

from runstream.transport.thread_start import start_thread

Result = TypeVar("Result")

#: Seconds after the deadline of a call in which gRPC must have ended it.
GRACE_SECONDS = 2.0

# Seconds after which one more thread is started for a job that no thread has taken.
_PICKUP_SECONDS = 0.5


class _Job:
    """A function to call, and its result.

    Attributes:
        function: holds the function until a thread takes it.
        reply: gets the result, or the error that was raised.
    """

    def __init__(self, function: Callable[[], Any]) -> None:
        self.function = deque([function])
        self.reply: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()


class CallThreads:
    """As many threads as there are calls at the same time.

    Any thread may call `run`. There is no lock, which an interrupt could leave held: a queue hands
    the jobs over, and a deque counts the idle threads.
    """

    def __init__(self) -> None:
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._idle: deque[None] = deque()  # an item for each thread that waits for a job
        self._must_end = False

    def reset_after_fork(self) -> None:
        """Start without threads in a forked child, which has none of its parent's."""
        self._jobs = SimpleQueue()
        self._idle = deque()

    def end(self) -> None:
        """End the threads once they have nothing to do; the next call starts one again."""
        self._must_end = True  # for those that are about to be idle
        with suppress(IndexError):
            while True:
                self._idle.pop()
                self._jobs.put(None)

    def run(
        self, function: Callable[[], Result], timeout: float | None, may_run_here: bool = True
    ) -> Result:
        """Call a function on one of these threads, and return its result.

        Args:
            function: the function.
            timeout: seconds after which to wait no longer; None for no limit.
            may_run_here: whether a caller that is not the main thread calls the function itself,
                because the function keeps its own deadline.

        Raises:
            TimeoutError: it did not return in time.
        """
        runs_here = may_run_here and threading.current_thread() is not threading.main_thread()
        if runs_here or sys.is_finalizing():
            return function()
        self._must_end = False
        job = _Job(function)
        self._jobs.put(job)
        end = time.monotonic() + timeout if timeout is not None else None
        try:
            self._idle.pop()
        except IndexError:
            self._start_thread(job)
        while True:
            left = (
                _PICKUP_SECONDS
                if end is None
                else min(_PICKUP_SECONDS, max(0.0, end - time.monotonic()))
            )
            with suppress(Empty):
                result, error = job.reply.get(timeout=left)
                if error is not None:
                    raise error
                return result  # type: ignore[no-any-return]
            if end is not None and time.monotonic() >= end:
                raise TimeoutError
            if job.function:
                self._start_thread(job)

    def _start_thread(self, job: _Job) -> None:
        thread = threading.Thread(
            target=self._run_loop, args=(self._jobs, self._idle), name="runstream-calls"
        )
        thread.daemon = True
        if start_thread(thread) is not None:
            _run_job(job)

    def _run_loop(self, jobs: SimpleQueue[_Job | None], idle: deque[None]) -> None:
        while (job := jobs.get()) is not None:
            _run_job(job)
            job = None  # what the job holds of gRPC would keep gRPC running over a fork
            idle.append(None)
            if self._must_end:
                with suppress(IndexError):  # a call has put a job, or `end` a None, for this thread
                    idle.pop()
                    return


def _run_job(job: _Job) -> None:
    try:
        function = job.function.pop()
    except IndexError:  # another thread has taken it
        return
    try:
        job.reply.put((function(), None))
    except BaseException as error:
        job.reply.put((None, error))
