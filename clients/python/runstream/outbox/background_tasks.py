"""Uploads, and calls about models, that are done in the background.

A call that leaves a task here has written its content into the spool, and returns once the task is
there, too; both survive the process. One thread does the tasks in their order, each after the
batches that were collected before it, and tries again while the server is away.

Calls take no lock: contents are files of their own, what the uploader's thread shall do is posted
to it, and a call that waits looks now and then.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from runstream.contract.counts import format_seconds
from runstream.errors import DeadlineExceeded
from runstream.files.content_copy import CopyTargetError
from runstream.outbox.batch import Backlog
from runstream.outbox.collector import Collector
from runstream.outbox.delivery_state import DeliveryState
from runstream.outbox.task_log import NoSpoolError, TaskLog
from runstream.outbox.task_worker import PendingTask, TaskWorker
from runstream.transport.call_limit import call_limit
from runstream.v1.spool_pb2 import SpoolTask, SpoolUpload

log = logging.getLogger("runstream")

# Seconds between two looks of something that waits, the first time and at most.
_FIRST_POLL = 0.002
_LONGEST_POLL = 0.05


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

    Any thread may call the methods; threads that log call `add_files` and `add_task`.

    Attributes:
        problem: why something could not be kept last; empty if all could.
    """

    def __init__(
        self, collector: Collector, state: DeliveryState, task_log: TaskLog, worker: TaskWorker
    ) -> None:
        """Start without tasks.

        Args:
            collector: knows how much was logged.
            state: whether the uploader works.
            task_log: keeps the tasks.
            worker: does them.
        """
        self._collector = collector
        self._state = state
        self._log = task_log
        self._worker = worker
        self.problem = ""

    def add_files(self, owner: str, contents: Sequence[Content], *, waits: bool) -> bool:
        """Keep files, to be uploaded later; return False if they cannot be kept.

        Args:
            owner: the run or the model.
            contents: the files.
            waits: whether to wait for room while the spool has its limit.

        Raises:
            DeadlineExceeded: there was no room for `task_log.ROOM_SECONDS`.
            OSError, RunstreamError: a content cannot be read, or the uploader failed.
        """
        written: list[Path] = []
        try:
            files = self._log.reserve(sum(content.size for content in contents), waits)
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
                self._log.append(owner, files, tasks)
            except NoSpoolError:
                written = kept
                raise
        except (NoSpoolError, CopyTargetError) as error:
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
            self._log.append(owner, self._log.reserve(0, waits=False), [task])
        except NoSpoolError as error:
            self._warn(error)
            return False
        return True

    def read_kept(self, owner: str, path: str) -> bytes | None:
        """Return the content that was kept last for a path; None if there is none."""
        kept = self._log.offline_files.get((owner, path))
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
            f"not delivered after {format_seconds(seconds)}: {Backlog(files=files.files)}, "
            + (f"kept in {folder}" if folder else "queued still")
            + (
                f" ({self._worker.error})"
                if self._worker.error is not None
                else self._state.describe_break()
            ),
            reason="FLUSH_TIMEOUT",
            files=str(files.files),
        )

    def _warn(self, error: Exception) -> None:
        if not self.problem:
            log.warning("files cannot be kept to be uploaded later: %s", error)
        self.problem = str(error)


def _count(pending: Iterable[PendingTask]) -> dict[str, Backlog]:
    counts: dict[str, Backlog] = {}
    for each in pending:
        counts[each.owner] = counts.get(each.owner, Backlog()) + Backlog(files=1)
    return counts
