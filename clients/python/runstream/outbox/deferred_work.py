"""Work for a server that a call left for later: uploads, and calls that nobody waits for.

Autologging must not hold a training up for the round trips of its model, its figures and the end of
its run. They are functions here, which one thread calls one after the other. Whoever reads or ends
a run waits for the work of that run first, and so does the end of the program.

Calls take no lock: each change is one step in C, and a call that waits puts a function into the
queue that wakes it.
"""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable, Collection
from contextlib import suppress
from queue import Empty, SimpleQueue

from runstream.contract.counts import count, format_seconds
from runstream.errors import DeadlineExceeded
from runstream.outbox.batch import Backlog
from runstream.outbox.worker_thread import WorkerThread
from runstream.transport.call_limit import call_limit

#: Pieces of work that may wait; a call that leaves more waits for the others.
LIMIT = 1_000

#: Seconds that it waits at most.
ROOM_SECONDS = 600.0

# The thread waits for so many seconds without new work, because the next training may have begun,
# which needs the interpreter, too. How long work is put off at most is for the owner to say.
_QUIET_SECONDS = 0.05
_TICK_SECONDS = 0.005

# Seconds between two looks of a call that waits whether the thread is still there.
_POLL_SECONDS = 1.0

#: Reason of the error of work that was not done in time; it is in memory alone.
WORK_NOT_DONE = "WORK_NOT_DONE"


class DeferredWork:
    """The work that waits for one server; any thread may call every method."""

    def __init__(self, before_start: Callable[[], object], max_delay: float) -> None:
        """Start without a thread.

        Args:
            before_start: called before the thread starts.
            max_delay: seconds for which work is put off at most while more comes.
        """
        self._max_delay = max_delay
        self._before_start = before_start
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """Start empty in a forked child: what waits here is the parent's to do."""
        self._tasks: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._numbers = itertools.count()
        self._last_deferred = 0.0
        self._waiting: deque[None] = deque()  # an item for each call that waits
        self._pending: dict[int, Collection[str]] = {}  # whose work waits or is under way
        self._thread = WorkerThread("runstream-deferred", self._run_loop, self._before_start)

    def defer(self, owners: Collection[str], function: Callable[[], object]) -> None:
        """Call a function later, which must not raise.

        Args:
            owners: the runs and models that it does something for.
            function: the function.

        Raises:
            DeadlineExceeded: too much waits, and did not get less in time.
        """
        if len(self._pending) >= LIMIT:
            self.wait(None, ROOM_SECONDS)
        number = next(self._numbers)
        now = self._last_deferred = time.monotonic()

        def run() -> None:
            self._wait_for_quiet(now + self._max_delay)
            try:
                function()
            finally:
                self._pending.pop(number, None)

        self._pending[number] = owners
        self._tasks.put(run)
        self._thread.ensure()

    def wait(self, owner: str | None, seconds: float) -> None:
        """Wait until the work that was left before, for one owner or for all, is done.

        A function of the work itself does not wait.

        Args:
            owner: a run or a model; all, if None.
            seconds: how long to wait.

        Raises:
            DeadlineExceeded: it is not done in this time.
        """
        if self._thread.is_current() or not self._has_work(owner):
            return
        self._waiting.append(None)
        try:
            self._wait(owner, seconds)
        finally:
            self._waiting.pop()

    def unsaved(self) -> dict[str, Backlog]:
        """Return how much is not done, which is lost with the process, by run or model."""
        counts: dict[str, Backlog] = {}
        for owners in list(self._pending.values()):
            owner = next(iter(owners), "")
            counts[owner] = counts.get(owner, Backlog()) + Backlog(files=1)
        return counts

    def _wait(self, owner: str | None, seconds: float) -> None:
        reply: SimpleQueue[None] = SimpleQueue()
        self._tasks.put(lambda: reply.put(None))
        seconds = max(0.0, min(seconds, call_limit() - time.monotonic()))
        end = time.monotonic() + seconds
        while self._has_work(owner):
            if not self._thread.ensure():
                self._run_pending()  # at the end of a program no thread can be started
                return
            with suppress(Empty):
                reply.get(timeout=max(0.0, min(end - time.monotonic(), _POLL_SECONDS)))
                return
            if time.monotonic() >= end:
                raise DeadlineExceeded(
                    f"not done after {format_seconds(seconds)}: "
                    + count(len(self._pending), "upload that was", "uploads that were")
                    + " left for later",
                    reason=WORK_NOT_DONE,
                )

    def _has_work(self, owner: str | None) -> bool:
        if owner is None:
            return bool(self._pending)
        return any(owner in owners for owners in list(self._pending.values()))

    def _run_loop(self) -> None:
        while True:
            self._tasks.get()()

    def _wait_for_quiet(self, latest: float) -> None:
        while not self._waiting:
            now = time.monotonic()
            if now >= latest or now - self._last_deferred >= _QUIET_SECONDS:
                return
            time.sleep(_TICK_SECONDS)

    def _run_pending(self) -> None:
        with suppress(Empty):
            while True:
                self._tasks.get_nowait()()
