"""Runs that are copied side by side: each has a lane, in which its steps are done in their order.

The source is read on one thread, which gives the steps. What they wait for, the answers of the
server, is waited for on the threads of the lanes. Steps that are not done are bounded, and so is
the memory that they hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from queue import SimpleQueue
from threading import BoundedSemaphore

#: Runs that are copied at the same time.
LANES = 8

# Steps of all lanes that are not done; a step may hold a part of the points of a run.
_MAX_STEPS = 8


class Lane:
    """The steps of one run.

    Attributes:
        resources: what the steps use; closed after the last one.
    """

    def __init__(self, room: BoundedSemaphore) -> None:
        self.resources = ExitStack()
        self._room = room
        self._steps: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._stopped = False

    def give(self, step: Callable[[], object]) -> None:
        """Have a step done after those before it; waits while too many are not done."""
        self._room.acquire()
        self._steps.put(step)

    def end(self) -> None:
        """Say that there are no more steps."""
        self._steps.put(None)

    def stop(self) -> None:
        """Pass over the steps that are left."""
        self._stopped = True

    def work(self) -> None:
        """Do the steps until there are no more; raises the error of a step, after the last one."""
        error: BaseException | None = None
        with self.resources:
            while step := self._steps.get():
                try:
                    if not self._stopped:
                        step()
                except BaseException as raised:
                    error = raised
                    self._stopped = True
                finally:
                    self._room.release()
        if error is not None:
            raise error


class Lanes:
    """The threads of lanes; `with` waits until all is done, and raises an error of a step."""

    def __init__(self) -> None:
        self._room = BoundedSemaphore(_MAX_STEPS)
        self._threads = ThreadPoolExecutor(LANES, thread_name_prefix="runstream-import")
        self._open: set[Future[None]] = set()

    @contextmanager
    def open(self) -> Iterator[Lane]:
        """Wait for a free lane, and provide it; its steps go on after the block."""
        self._wait(LANES - 1)
        lane = Lane(self._room)
        self._open.add(self._threads.submit(lane.work))
        try:
            yield lane
        except BaseException:
            lane.stop()
            raise
        finally:
            lane.end()

    def __enter__(self) -> Lanes:
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        try:
            if error is None:
                self._wait(0)
        finally:
            self._threads.shutdown(wait=False)

    def _wait(self, count: int) -> None:
        """Wait until at most so many lanes are at work."""
        while len(self._open) > count:
            done, self._open = wait(self._open, return_when=FIRST_COMPLETED)
            for lane in done:
                lane.result()
