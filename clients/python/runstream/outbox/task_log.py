"""The log of the tasks of this process, and the room for what they upload."""

from __future__ import annotations

import errno
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TypeVar

from runstream.contract.counts import format_seconds
from runstream.errors import DeadlineExceeded
from runstream.outbox.collector import Collector
from runstream.outbox.delivery_state import DeliveryState
from runstream.outbox.outgoing_batches import OutgoingBatches
from runstream.outbox.task_queue import TaskQueue
from runstream.outbox.task_worker import PendingTask, TaskWorker
from runstream.spool.task_files import TaskFiles
from runstream.transport.call_limit import call_limit
from runstream.v1.spool_pb2 import SpoolTask

log = logging.getLogger("runstream")

Result = TypeVar("Result")

#: Seconds that a call waits at most for room, and after which a warning says so.
ROOM_SECONDS = 600.0
PATIENCE_SECONDS = 5.0

# Seconds between two looks of a call whether the uploader's thread is there.
_ANSWER_POLL = 1.0

# Seconds between two attempts to find room.
_ROOM_POLL = 0.5


class NoSpoolError(Exception):
    """Nothing can be kept to be done later."""


class TaskLog:
    """The tasks on disk, or in a temporary folder where there is no spool.

    Threads that log call `reserve` and `append`. They take no lock, and ask the uploader's thread,
    which alone opens the files and writes to the log.

    Attributes:
        offline_files: the contents of a program without a server, by run or model and by path.
    """

    def __init__(
        self,
        batches: OutgoingBatches,
        tasks: TaskQueue,
        collector: Collector,
        state: DeliveryState,
        worker: TaskWorker,
    ) -> None:
        """Open no file yet.

        Args:
            batches: those that are delivered before a task is done, and whose queue has the files.
            tasks: what the uploader's thread is asked to do.
            collector: makes batches of what was logged.
            state: whether the uploader works.
            worker: does the tasks.
        """
        self._batches = batches
        self._tasks = tasks
        self._collector = collector
        self._state = state
        self._worker = worker
        self._files: TaskFiles | None = None
        self.offline_files: dict[tuple[str, str], Path] = {}

    # On threads that log.

    def reserve(self, size: int, waits: bool) -> TaskFiles:
        """Return where contents of this size can be written.

        Args:
            size: bytes of the contents.
            waits: whether to wait for room while the spool has its limit.

        Raises:
            NoSpoolError: nothing can be written.
            DeadlineExceeded: there was no room for `ROOM_SECONDS`.
            RunstreamError: the uploader failed.
        """
        start, has_warned = time.monotonic(), False
        while True:
            try:
                files = self._open()
                files.reserve(size)
            except OSError as error:
                waited = time.monotonic() - start
                will_change = bool(self._worker.pending) or not self._batches.is_answered()
                if not (waits and error.errno == errno.EDQUOT and will_change):
                    raise NoSpoolError(str(error)) from error
                if waited >= min(ROOM_SECONDS, call_limit() - start):
                    raise DeadlineExceeded(
                        f"no room for {format_seconds(waited)}: {error}; "
                        "what this call logged is not queued",
                        reason="OUTBOX_FULL",
                    ) from None
                if waited >= PATIENCE_SECONDS and not has_warned:
                    has_warned = True
                    log.warning("a call that logs files waits for room: %s", error)
                time.sleep(_ROOM_POLL)
            else:
                return files

    def _open(self) -> TaskFiles:
        files = self._files
        if files is None or files.is_closed or not files.folder.exists():
            files = self._files = self._ask_uploader(self._open_tasks)
        return files

    def append(self, owner: str, files: TaskFiles, tasks: Sequence[SpoolTask]) -> None:
        """Append the tasks of a run or a model behind what was logged before, and have them done.

        Raises:
            NoSpoolError: nothing can be written.
            DeadlineExceeded: the disk hangs, which may have taken them.
            RunstreamError: the uploader failed.
        """
        self._ask_uploader(lambda: self._append_tasks(owner, files, tasks))
        self._worker.ensure_thread()

    def _ask_uploader(self, function: Callable[[], Result]) -> Result:
        """Return what a function returns that the uploader's thread calls.

        Raises:
            NoSpoolError: it raised an OSError, or was not called, because the disk hangs.
            DeadlineExceeded: it hangs in the function, which may do its work once the disk answers.
        """
        waiting = deque([function])
        reply: SimpleQueue[tuple[Result | None, Exception | None]] = SimpleQueue()

        def answer() -> None:  # an error would end the uploader's thread
            try:
                if waiting:
                    reply.put((waiting.pop()(), None))
            except Exception as error:
                reply.put((None, error))

        if not self._tasks.post(answer):
            raise NoSpoolError("there are no threads at the end of a program")
        while True:
            self._state.raise_failure(self._collector.backlog)
            with suppress(Empty):
                result, error = reply.get(timeout=_ANSWER_POLL)
                if isinstance(error, OSError):
                    raise NoSpoolError(str(error)) from error
                if error is not None:
                    raise error
                return result  # type: ignore[return-value]
            self._tasks.ensure_thread()
            if self._batches.disk_watch.is_hanging:
                problem = f"the disk of {self._batches.queue.place} does not answer"
                with suppress(IndexError):
                    waiting.pop()
                    raise NoSpoolError(problem)
                raise DeadlineExceeded(problem, reason="SPOOL_HANGS")

    # On the uploader's thread.

    def _open_tasks(self) -> TaskFiles:
        with self._batches.disk_watch, self._batches.lock:
            return self._batches.queue.open_tasks()

    def _append_tasks(self, owner: str, files: TaskFiles, tasks: Sequence[SpoolTask]) -> None:
        self._collector.collect()  # what was logged before is delivered before
        after = self._batches.last_number(None)
        for task in tasks:
            with self._batches.disk_watch:
                place = files.append(task)
            if files.delivers:
                self._worker.add(PendingTask(owner, task, after, files, place))
            elif task.HasField("upload"):
                self.offline_files[owner, task.upload.path] = files.folder / task.upload.file
