"""A thread that does the work of a queue, and is started when there is some."""

from __future__ import annotations

import threading
from collections.abc import Callable

from runstream.transport.thread_start import start_thread


class WorkerThread:
    """A daemon thread, started again where it has ended or a fork has left it behind.

    Any thread may call `ensure`. Two that come first at the same time may start two threads, of
    which one at a time does the work: the other waits for its end.
    """

    def __init__(
        self, name: str, work: Callable[[], object], before_start: Callable[[], object]
    ) -> None:
        """Start no thread yet.

        Args:
            name: of the thread.
            work: what it does.
            before_start: called before it starts.
        """
        self._name = name
        self._work = work
        self._before_start = before_start
        self._thread: threading.Thread | None = None  # the one that was started last
        self._order = threading.Lock()  # held by the thread that works, never by a caller
        self._worker: threading.Thread | None = None  # that thread

    def ensure(self) -> bool:
        """Start the thread if there is none; return False if it cannot be started."""
        thread = self._thread
        if thread is not None and thread.is_alive():
            return True
        self._before_start()
        thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread = thread  # before it starts, so that an interrupt does not forget it
        if start_thread(thread) is not None:
            self._thread = None
            return False
        return True

    def is_current(self) -> bool:
        """Return whether the thread that does the work asks."""
        return threading.current_thread() is self._worker

    def _run(self) -> None:
        with self._order:
            self._worker = threading.current_thread()
            self._work()
            if self._thread is self._worker:
                self._thread = None
            self._work()  # what a call added that saw this thread, and so started none
