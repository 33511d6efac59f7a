"""The tasks of one folder: files to upload, calls about logged models."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import suppress
from functools import partial
from pathlib import Path

from runstream.calls.task_delivery import FILE_MISSING, do_task
from runstream.errors import RunstreamError
from runstream.outbox.delivery_errors import may_work_later
from runstream.spool.log_reader import Damage, LogReader
from runstream.spool.refused_log import to_batch_error
from runstream.syncing.batch_delivery import BatchDelivery
from runstream.syncing.delivery_context import DeliveryContext
from runstream.syncing.task_frames import count_contents, parse_task
from runstream.v1.spool_pb2 import SpoolTask


class FolderTasks:
    """Does the tasks of a folder; one thread uses it."""

    def __init__(self, context: DeliveryContext, batches: BatchDelivery) -> None:
        """Do nothing yet.

        Args:
            context: the folder and the server.
            batches: delivers what was written before a task.
        """
        self._lease = context.lease
        self._connection = context.session.connection
        self._result = context.result
        self._set_aside = context.set_aside
        self._missing = context.missing
        self._must_stop = context.must_stop
        self._pace = context.pace
        self._batches = batches

    def deliver(self) -> None:
        """Do tasks until none is left, or it must stop, and before each what was written before it.

        Raises:
            RunstreamError: the server does not take them.
            OSError: a file cannot be read or written.
        """
        contents = Counter[str]()
        if self._lease.is_locked and not self._result.is_live:  # else its process may add tasks
            contents = count_contents(self._lease.folder, self._lease.places["tasks"])
        keep_damage = partial(self._set_aside.keep_damage, "tasks")
        reader = LogReader(self._lease.folder.tasks, self._lease.places["tasks"], keep_damage)
        try:
            while not self._must_stop():
                frame = reader.next(self._result.is_live)
                if frame is None:
                    break
                self._batches.deliver()  # those that were written before the task
                if self._must_stop():
                    return
                task = parse_task(frame)
                if isinstance(task, Damage):
                    keep_damage(task)
                    self._lease.move("tasks", frame.end)
                    continue
                is_done = self._do_task(task)
                self._lease.move("tasks", frame.end)
                contents[task.upload.file] -= 1
                if is_done and contents[task.upload.file] == 0:
                    self._remove_content(task)
            else:
                return
        finally:
            reader.close()
        self._lease.move("tasks", reader.place)

    def _do_task(self, task: SpoolTask) -> bool:
        """Do a task; return False if the server refused it, upon which its content is kept."""
        try:
            self._result.files += do_task(
                self._connection, task, self._lease.folder.files, self._wait_for_turn
            )
        except RunstreamError as error:
            if may_work_later(error):
                raise
            if not self._lease.is_locked and error.reason == FILE_MISSING:
                return False  # the process that has the lock has done it, and removed the file
            if self._missing.send_for(error):
                return self._do_task(task)
            if self._missing.may_come(error):
                raise
            self._set_aside.refuse(to_batch_error(error), task)
            return False
        return True

    def _remove_content(self, task: SpoolTask) -> None:
        if task.HasField("upload"):
            with suppress(OSError):  # the rest goes with the folder
                (self._lease.folder.files / Path(task.upload.file).name).unlink()

    def _wait_for_turn(self, size: int) -> None:
        while self._pace and not self._must_stop() and (pause := self._pace.seconds_until(size)):
            time.sleep(pause)
