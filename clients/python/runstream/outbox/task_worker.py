"""The thread that does what was left for the background: uploads, and calls about models."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

from runstream.errors import DataLoss, Internal, RunstreamError
from runstream.outbox.collector import Collector
from runstream.outbox.delivery_errors import may_work_later, task_error
from runstream.outbox.kept_refusals import KeptRefusals
from runstream.outbox.outgoing_batches import OutgoingBatches
from runstream.outbox.refusals import Refusals
from runstream.outbox.worker_thread import WorkerThread
from runstream.spool.log_files import Place
from runstream.spool.task_files import TaskFiles
from runstream.transport.thread_start import start_thread
from runstream.v1.spool_pb2 import SpoolTask

log = logging.getLogger("runstream")

#: Does a task at the server; takes the folder of the contents, and what is called with the bytes
#: that were sent.
DoTask: TypeAlias = Callable[[SpoolTask, Path, Callable[[int], object]], object]

#: Uploads that are under way at the same time.
PARALLEL_UPLOADS = 4

#: Attempts at a task in which the server fails, and is not away, after which it counts as refused.
MAX_FAILURES = 5

# Seconds before the next attempt, the first time and at most.
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0

# Seconds between two looks whether batches are answered, the first time and at most.
_FIRST_POLL = 0.002
_LONGEST_POLL = 0.05


class PendingTask(NamedTuple):
    """A task that is not done.

    Attributes:
        owner: the run or the model.
        task: what to do.
        after: number of the last batch that was there before it.
        files: where its content is.
        place: the place behind it in the log of tasks.
    """

    owner: str
    task: SpoolTask
    after: int
    files: TaskFiles
    place: Place | None


class TaskWorker:
    """Does tasks in their order, each after the batches that were there before it.

    Any thread may read the attributes and call `ensure_thread`. The uploader's thread adds tasks,
    and the thread that does them removes them; each change is one step.

    Attributes:
        pending: the tasks that are not done, the oldest first.
        last_progress: when something was sent or done, by `time.monotonic`.
        error: why the task that is tried cannot be done now; None if it can.
        has_warned_of_absence: whether the user knows that the server is away; until it is back.
    """

    def __init__(
        self,
        batches: OutgoingBatches,
        collector: Collector,
        refusals: Refusals,
        kept_refusals: KeptRefusals,
        do_task: DoTask,
        before_start: Callable[[], object],
    ) -> None:
        """Start without tasks and without a thread.

        Args:
            batches: those that are delivered before a task is done.
            collector: has the buffers of the runs.
            refusals: takes what the server refuses.
            kept_refusals: keeps it on disk.
            do_task: does a task.
            before_start: called before the thread starts.
        """
        self._batches = batches
        self._collector = collector
        self._refusals = refusals
        self._kept_refusals = kept_refusals
        self._do_task = do_task
        self._thread = WorkerThread("runstream-tasks", self._run_pending, before_start)
        self.pending: deque[PendingTask] = deque()
        self.last_progress = 0.0
        self.error: RunstreamError | None = None
        self.has_warned_of_absence = False

    def is_current_thread(self) -> bool:
        """Return whether the thread that does the tasks asks."""
        return self._thread.is_current()

    def add(self, task: PendingTask) -> None:
        """Add a task at the end."""
        self.pending.append(task)

    def ensure_thread(self) -> bool:
        """Start the thread if there is none and something to do; return False if it cannot be."""
        return not self.pending or self._thread.ensure()

    def _run_pending(self) -> None:
        while self.pending:
            group = self._next_group()
            self._wait_for_batches(group[-1].after)
            for pending, error in zip(group, self._do_all(group), strict=True):
                self._finish(pending, error)

    def _next_group(self) -> list[PendingTask]:
        """Return the next task, or the next uploads, whose order does not matter."""
        group = [self.pending[0]]
        places = {_place(group[0])}
        for index in range(1, min(PARALLEL_UPLOADS, len(self.pending))):
            pending = self.pending[index]
            if None in places or (place := _place(pending)) is None or place in places:
                break
            places.add(place)
            group.append(pending)
        return group

    def _do_all(self, group: Sequence[PendingTask]) -> list[RunstreamError | None]:
        errors: list[RunstreamError | None] = [None] * len(group)

        def do(index: int) -> None:
            errors[index] = self._do(group[index])

        threads = [
            threading.Thread(target=do, args=(index,), name="runstream-upload", daemon=True)
            for index in range(1, len(group))
        ]
        for index, thread in enumerate(threads, start=1):
            if start_thread(thread) is not None:
                do(index)
        do(0)
        for thread in threads:
            if thread.ident is not None:
                thread.join()
        return errors

    def _finish(self, pending: PendingTask, error: RunstreamError | None) -> None:
        if error is not None:
            what = f"the upload of {pending.task.upload.path}"
            if not pending.task.HasField("upload"):
                what = pending.task.WhichOneof("task") or "a task"
            refused = task_error(pending.owner, what, error)
            log.error("%s", refused)
            self._refusals.add(pending.owner, refused)
            self._collector.close_buffer(pending.owner)
        pending.files.acknowledge(
            pending.task, pending.place, keeps_content=self._keep(pending, error)
        )
        self.pending.popleft()
        self._record_progress()

    def _keep(self, pending: PendingTask, error: RunstreamError | None) -> bool:
        """Keep a task that was refused; return whether its content has to stay for it."""
        if error is None or not pending.files.is_saved or pending.files.is_closed:
            return False
        return self._kept_refusals.keep(pending.owner, error, pending.task)

    def _wait_for_batches(self, number: int) -> None:
        pause = _FIRST_POLL
        while self._batches.last_answered < number and not self._batches.is_answered():
            time.sleep(pause)
            pause = min(_LONGEST_POLL, 2 * pause)

    def _do(self, pending: PendingTask) -> RunstreamError | None:
        """Do a task, however long the server is away; return why it was refused."""
        pause, failures = _FIRST_PAUSE, 0
        while True:
            try:
                self._do_task(pending.task, pending.files.folder, self._record_progress)
            except RunstreamError as error:
                failures += isinstance(error, Internal)
                if not may_work_later(error) or failures == MAX_FAILURES:
                    return error
                self.error = error
                time.sleep(max(pause, error.retry_delay))
                pause = min(_LONGEST_PAUSE, 2 * pause)
            except Exception as error:
                log.debug("a task failed", exc_info=True)
                return DataLoss(f"its content cannot be read: {error}", reason="FILE_MISSING")
            else:
                return None

    def _record_progress(self, _: int = 0) -> None:
        self.last_progress = time.monotonic()
        self.error = None
        self.has_warned_of_absence = False


def _place(pending: PendingTask) -> tuple[str, str] | None:
    """Return where a task uploads to; None if it does something else."""
    return (pending.owner, pending.task.upload.path) if pending.task.HasField("upload") else None
