"""Notices a disk that hangs, such as a file system of the network whose server is gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType

from runstream.transport.thread_start import start_thread

#: Seconds after which a disk that does not answer is taken to hang.
HANG_SECONDS = 5.0

# Seconds between two looks. They are counted, so that a process that was stopped, or waits for the
# processor, takes no disk for one that hangs.
_TICK = 0.25


class DiskWatch:
    """Watches the use of the disk by one thread, which is a block: `with watch: ...`.

    A thread of its own looks on, because the one that uses the disk waits for it. It looks at most
    four times a second, and not at all while the disk is not used.

    Attributes:
        is_hanging: whether the disk has not answered for `HANG_SECONDS`.
        on_wait: called at each look at which the disk has not answered since the one before. It
            takes whether the disk was just found to hang, and must neither wait nor raise.
    """

    def __init__(self) -> None:
        """Watch nothing yet."""
        self.is_hanging = False
        self.on_wait: Callable[[bool], object] = lambda _: None
        self._uses = 0
        self._use = 0  # number of the use that goes on; 0 if none does
        self._is_used = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> None:
        self._uses += 1
        self._use = self._uses
        if not self._is_used.is_set():
            self._is_used.set()
            if self._thread is None:
                self._start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._use = 0
        self.is_hanging = False

    def stop(self) -> None:
        """End the thread; the next use starts another one. Called by the thread that uses it."""
        self._thread = None
        self._is_used.set()

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name="runstream-disk", daemon=True)
        self._thread = thread
        if start_thread(thread) is not None:
            self._thread = None

    def _run(self) -> None:
        while True:
            self._is_used.wait()
            time.sleep(_TICK)
            if self._thread is not threading.current_thread():
                return
            self._is_used.clear()  # before the look, so that no use is missed
            self._look_on()

    def _look_on(self) -> None:
        """Look until the use that goes on is over."""
        use, looks = self._use, 0
        while use and use == self._use:
            time.sleep(_TICK)
            if use == self._use:
                looks += 1
                was_hanging, self.is_hanging = self.is_hanging, looks * _TICK >= HANG_SECONDS
                self.on_wait(self.is_hanging and not was_hanging)
        self.is_hanging = False
