"""Uploads, and calls about models, that are done in the background.

A call that leaves a task here has written its content into the spool, and returns once the task is
there, too; both survive the process. One thread does the tasks in their order, each after the
batches that were collected before it, and tries again while the server is away.

Calls take no lock: contents are files of their own, what the uploader's thread shall do is posted
to it, and a call that waits looks now and then.
"""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import NamedTuple, TypeVar

from runstream.errors import DeadlineExceeded
from runstream.files.content_copy import CopyTargetError
from runstream.outbox.batch import Backlog
from runstream.outbox.collector import Collector
from runstream.outbox.delivery_state import DeliveryState
from runstream.outbox.outgoing_batches import OutgoingBatches
from runstream.outbox.task_queue import TaskQueue
from runstream.outbox.task_worker import PendingTask, TaskWorker
from runstream.spool.task_files import TaskFiles
from runstream.transport.call_limit import call_limit
from runstream.v1.spool_pb2 import SpoolTask, SpoolUpload

log = logging.getLogger("runstream")

Result = TypeVar("Result")

#: Seconds that a call waits at most for room, and after which a warning says so.
ROOM_SECONDS = 600.0
PATIENCE_SECONDS = 5.0

# Seconds between two looks of something that waits, the first time and at most.
_FIRST_POLL = 0.002
_LONGEST_POLL = 0.05

# Seconds between two looks of a call whether the uploader's thread is there.
_ANSWER_POLL = 1.0

# Seconds between two attempts to find room.
_ROOM_POLL = 0.5


class Content(NamedTuple):
    """A file that is to be uploaded.

    Attributes:
        path: where among the artifacts.
        size: how large it is about.
        write: writes it to a new file, and returns its bytes.
    """

    path: str
    size: int
    write: Callable[[Path], int]


class BackgroundTasks:
    """The tasks of one server.

    Any thread may call the public methods. The uploader's thread appends to the log of tasks; the
    worker does them.
    """

    def __init__(
        self,
        batches: OutgoingBatches,
        tasks: TaskQueue,
        collector: Collector,
        state: DeliveryState,
        worker: TaskWorker,
    ) -> None:
        """Start without tasks.

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
        self._offline_files: dict[tuple[str, str], Path] = {}  # by owner and path
        self._has_warned = False

    # On threads that log.

    def add_files(self, owner: str, contents: Sequence[Content], *, waits: bool) -> bool:
        """Keep files, to be uploaded later; return False if they cannot be kept.

        Args:
            owner: the run or the model.
            contents: the files.
            waits: whether to wait for room while the spool has its limit.

        Raises:
            DeadlineExceeded: there was no room for `ROOM_SECONDS`.
            OSError, RunstreamError: a content cannot be read, or the uploader failed.
        """
        written: list[Path] = []
        try:
            files = self._reserve(sum(content.size for content in contents), waits)
            tasks = []
            for content in contents:
                target = files.new_path()
                written.append(target)
                size = content.write(target)
                upload = SpoolUpload(path=content.path, file=target.name, size=size)
                if owner.startswith("m-"):
                    upload.model_id = owner
                else:
                    upload.run_id = owner
                tasks.append(SpoolTask(upload=upload))
            kept, written = written, []  # from here on they may be those of tasks
            try:
                self._append(owner, files, tasks)
            except _NoSpoolError:
                written = kept
                raise
        except (_NoSpoolError, CopyTargetError) as error:
            self._warn(error)
            return False
        finally:
            for path in written:
                with suppress(OSError):
                    path.unlink()
        return True

    def add_task(self, owner: str, task: SpoolTask) -> bool:
        """Keep a call about a model, to be made later; return False if it cannot be kept."""
        try:
            self._append(owner, self._reserve(0, waits=False), [task])
        except _NoSpoolError as error:
            self._warn(error)
            return False
        return True

    def read_kept(self, owner: str, path: str) -> bytes | None:
        """Return the content that was kept last for a path; None if there is none."""
        kept = self._offline_files.get((owner, path))
        for each in self._worker.pending.copy():
            if each.owner == owner and each.task.upload.path == path:
                kept = each.files.folder / each.task.upload.file
        with suppress(FileNotFoundError):
            return None if kept is None else kept.read_bytes()
        return None

    def announce_absence(self) -> bool:
        """Return whether the user is to be told that the server is away: once, until it is back."""
        is_new, self._worker.has_warned_of_absence = not self._worker.has_warned_of_absence, True
        return is_new

    def has_pending(self, owner: str | None = None) -> bool:
        """Return whether tasks of a run or a model, or any tasks, are not done."""
        pending = self._worker.pending
        if owner is None:
            return bool(pending)
        return bool(pending) and any(owner == each.owner for each in pending.copy())

    def backlog(self) -> dict[str, Backlog]:
        """Return how many tasks are not done, by run or model."""
        return _count(self._worker.pending.copy())

    def unsaved(self) -> dict[str, Backlog]:
        """Return how many of them are lost with the process."""
        return _count(each for each in self._worker.pending.copy() if not each.files.is_saved)

    def folder(self) -> Path | None:
        """Return the folder of the spool that has tasks that are not done."""
        saved = (
            each.files.folder.parent for each in self._worker.pending.copy() if each.files.is_saved
        )
        return next(saved, None)

    def wait(self, owner: str | None, patience: float, limit: float) -> None:
        """Wait until the tasks that were left before, of one owner or of all, are done.

        Args:
            owner: a run or a model; all, if None.
            patience: seconds without progress after which to give up.
            limit: seconds after which to give up.

        Raises:
            DeadlineExceeded: they are not done in time; they stay where they are.
        """
        if not self.has_pending(owner) or self._worker.is_current_thread():
            return
        last = self._last_of(owner)
        start = since = time.monotonic()
        end, pause = min(start + limit, call_limit()), _FIRST_POLL
        while any(each is last for each in self._worker.pending.copy()):
            self._state.raise_failure(self._collector.backlog)
            has_thread = self._worker.ensure_thread()
            since = max(since, self._worker.last_progress)
            now = time.monotonic()
            if now >= min(end, since + patience) or not has_thread:
                raise self._late_error(owner, now - start)
            time.sleep(min(pause, max(0.0, end - now)))
            pause = min(_LONGEST_POLL, 2 * pause)

    def _last_of(self, owner: str | None) -> PendingTask | None:
        mine = [each for each in self._worker.pending.copy() if owner in (None, each.owner)]
        return mine[-1] if mine else None

    def _late_error(self, owner: str | None, seconds: float) -> DeadlineExceeded:
        backlogs = self.backlog()
        files = backlogs.get(owner, Backlog()) if owner else sum(backlogs.values(), Backlog())
        folder = self.folder()
        return DeadlineExceeded(
            f"{files.files} files and calls about models are not delivered after {seconds:.3g} s; "
            + (f"they are kept in {folder} until they are" if folder else "they stay queued")
            + (
                f" ({self._worker.error})"
                if self._worker.error is not None
                else self._state.describe_break()
            ),
            reason="FLUSH_TIMEOUT",
            files=str(files.files),
        )

    def _reserve(self, size: int, waits: bool) -> TaskFiles:
        """Return where contents of this size can be written."""
        start, has_warned = time.monotonic(), False
        while True:
            try:
                files = self._open()
                files.reserve(size)
            except OSError as error:
                waited = time.monotonic() - start
                will_change = self.has_pending() or not self._batches.is_answered()
                if not (waits and error.errno == errno.EDQUOT and will_change):
                    raise _NoSpoolError(str(error)) from error
                if waited >= min(ROOM_SECONDS, call_limit() - start):
                    raise DeadlineExceeded(
                        f"no room for {waited:.3g} s: {error}; what this call logged is not queued",
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

    def _append(self, owner: str, files: TaskFiles, tasks: Sequence[SpoolTask]) -> None:
        self._ask_uploader(lambda: self._append_tasks(owner, files, tasks))
        self._worker.ensure_thread()

    def _ask_uploader(self, function: Callable[[], Result]) -> Result:
        """Return what a function returns that the uploader's thread calls."""
        reply: SimpleQueue[tuple[Result | None, Exception | None]] = SimpleQueue()

        def answer() -> None:  # an error would end the uploader's thread
            try:
                reply.put((function(), None))
            except Exception as error:
                reply.put((None, error))

        if not self._tasks.post(answer):
            raise _NoSpoolError("there are no threads at the end of a program")
        while True:
            self._state.raise_failure(self._collector.backlog)
            with suppress(Empty):
                result, error = reply.get(timeout=_ANSWER_POLL)
                if isinstance(error, OSError):
                    raise _NoSpoolError(str(error)) from error
                if error is not None:
                    raise error
                return result  # type: ignore[return-value]
            self._tasks.ensure_thread()

    def _warn(self, error: Exception) -> None:
        if not self._has_warned:
            self._has_warned = True
            log.warning("files cannot be kept to be uploaded later, so calls wait: %s", error)

    # On the uploader's thread.

    def _open_tasks(self) -> TaskFiles:
        with self._batches.lock:
            return self._batches.queue.open_tasks()

    def _append_tasks(self, owner: str, files: TaskFiles, tasks: Sequence[SpoolTask]) -> None:
        self._collector.collect()  # what was logged before is delivered before
        after = self._batches.last_number(None)
        for task in tasks:
            place = files.append(task)
            if files.delivers:
                self._worker.add(PendingTask(owner, task, after, files, place))
            elif task.HasField("upload"):
                self._offline_files[owner, task.upload.path] = files.folder / task.upload.file


class _NoSpoolError(Exception):
    """Nothing can be kept to be done later."""


def _count(pending: Iterable[PendingTask]) -> dict[str, Backlog]:
    counts: dict[str, Backlog] = {}
    for each in pending:
        counts[each.owner] = counts.get(each.owner, Backlog()) + Backlog(files=1)
    return counts
