"""The tasks of a process, and the contents of the files that they upload."""

from __future__ import annotations

import errno
import os
import secrets
import threading
from contextlib import suppress
from pathlib import Path

from runstream.spool import settings
from runstream.spool.cursor import Cursor
from runstream.spool.folder import SpoolFolder
from runstream.spool.log_files import Place
from runstream.spool.log_writer import LogWriter, sync_folder
from runstream.spool.room import measure_room
from runstream.v1.spool_pb2 import SpoolTask


class TaskFiles:
    """Where tasks and contents are kept until they are done.

    One thread at a time appends, another one acknowledges, any thread writes contents. The lock
    covers the cursor, which `close` takes away.

    Attributes:
        folder: the folder of the contents.
        delivers: whether this process does the tasks, and not another one.
        is_saved: whether what is here survives the process.
        is_closed: whether nothing is added any more.
    """

    def __init__(self, folder: Path, delivers: bool = True) -> None:
        """Keep contents in a folder, and no tasks: both are lost with the process."""
        self.folder = folder
        self.delivers = delivers
        self.is_saved = False
        self.is_closed = False
        self._process = os.getpid()

    def reserve(self, size: int) -> None:
        """Find out whether there is room for contents.

        Raises:
            OSError: there is none: EDQUOT at a limit that what is done moves away from.
        """
        if not settings.has_free_space(self.folder, size):
            raise OSError(errno.EDQUOT, "the disk is nearly full")

    def new_path(self) -> Path:
        """Return where a content is to be written; no other has the name."""
        return self.folder / secrets.token_hex(16)

    def append(self, task: SpoolTask) -> Place | None:
        """Append a task whose content is written; return the place behind it.

        Raises:
            OSError: it cannot be written, or somebody has removed the folder.
        """
        _ = task  # nobody reads it after the process
        return None

    def acknowledge(
        self, task: SpoolTask, place: Place | None, *, keeps_content: bool = False
    ) -> None:
        """Say that a task, and those before it, are done; its content goes.

        Args:
            task: the task.
            place: the place behind it.
            keeps_content: whether the content stays, because the task was refused and is kept.
        """
        _ = place, keeps_content
        self._remove_content(task)

    def close(self) -> None:
        """Leave to others what is not done, or remove all if nothing is left."""
        self.is_closed = True
        if self._process == os.getpid():
            _remove_folder(self.folder)

    def _remove_content(self, task: SpoolTask) -> None:
        if task.HasField("upload"):
            with suppress(OSError):
                (self.folder / task.upload.file).unlink()


class SpooledTasks(TaskFiles):
    """Tasks and contents in the folder of the process in the spool."""

    def __init__(self, folder: SpoolFolder, limit: int, delivers: bool, is_synced: bool) -> None:
        """Make what is missing of a folder of which this process has the locks.

        Args:
            folder: the folder.
            limit: bytes that the spool may have.
            delivers: whether this process does the tasks.
            is_synced: whether they have to survive a crash of the machine.

        Raises:
            OSError: it cannot be made.
        """
        folder.files.mkdir(mode=0o700, exist_ok=True)
        super().__init__(folder.files, delivers)
        self.is_saved = True
        self._log = folder.tasks
        self._spool = folder.path.parent
        self._limit = limit
        self._is_synced = is_synced
        self._room = 0
        self._has_kept = False  # contents of tasks that were refused
        self._lock = threading.Lock()
        self._writer = LogWriter(folder.tasks, is_synced)
        self._cursor = Cursor(folder.tasks) if delivers else None

    def reserve(self, size: int) -> None:
        """Find out whether there is room for contents in the spool, and on the disk."""
        if self._room < size:
            self._room = 0
            self._room = measure_room(self._spool, self._limit, size)
        self._room -= size

    def append(self, task: SpoolTask) -> Place:
        """Append a task; its content is synced before, if that is asked for."""
        if self._is_synced and task.HasField("upload"):
            self._sync_content(self.folder / task.upload.file)
        place = self._writer.append(task.SerializeToString())
        if self._is_synced:
            self._writer.sync()
        return place

    def acknowledge(
        self, task: SpoolTask, place: Place | None, *, keeps_content: bool = False
    ) -> None:
        """Move the cursor; then the content of the task goes, if nothing needs it any more."""
        with self._lock:
            self._has_kept = self._has_kept or keeps_content
            if self._cursor is None or place is None:
                return
            try:
                self._cursor.move(place)
            except OSError:  # the task is done again, and needs its content
                return
        if not keeps_content:
            self._remove_content(task)

    def close(self) -> None:
        """Leave to others what is not done, or remove all if nothing is left."""
        self.is_closed = True
        with self._lock:
            cursor, self._cursor = self._cursor, None
            self._writer.close()
            if cursor is None:
                return
            cursor.close()
            if cursor.place == self._writer.end:
                _remove_folder(self._log)
                if not self._has_kept:
                    _remove_folder(self.folder)

    def _sync_content(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        sync_folder(self.folder)


def make_temporary_tasks() -> TaskFiles:
    """Return a folder for contents that are lost with the process.

    Raises:
        OSError: it cannot be made.
    """
    import tempfile  # not by programs that only log

    return TaskFiles(Path(tempfile.mkdtemp(prefix="runstream-files-")))


def _remove_folder(folder: Path) -> None:
    """Remove a folder of files, as far as that works."""
    with suppress(OSError):
        for name in os.listdir(folder):
            os.unlink(folder / name)
        os.rmdir(folder)
