"""The files of a process in the spool, as its queue needs them."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from runstream.spool import settings
from runstream.spool.cursor import Cursor
from runstream.spool.folder import OwnFolder, create_folder
from runstream.spool.log_files import Place
from runstream.spool.log_reader import Damage, LogReader
from runstream.spool.log_writer import LogWriter
from runstream.spool.refused_log import append_refusal
from runstream.spool.room import measure_room
from runstream.spool.task_files import SpooledTasks
from runstream.v1.logging_service_pb2 import BatchError
from runstream.v1.spool_pb2 import SpoolTask

log = logging.getLogger("runstream")

# Bytes that are written before the first look at how large the spool is, and how full the disk:
# most programs write less, and a spool may have many folders.
_FIRST_BYTES = 1024 * 1024


class BatchFiles:
    """The batches in the folder of this process, which is made with the first of them.

    The uploader's thread appends; the other methods need the lock of the batches, so that one
    thread at a time reads and moves the cursor.

    Attributes:
        find_spool: returns the spool; raises OSError if there is no place for one.
    """

    def __init__(
        self,
        tracking_uri: str,
        limit: int,
        is_synced: bool = False,
        find_spool: Callable[[], Path] = settings.spool_path,
        delivers: bool = True,
    ) -> None:
        """Name what there will be.

        Args:
            tracking_uri: of the server.
            limit: bytes that the spool may have.
            is_synced: whether `sync` is called for what was appended.
            find_spool: returns the spool; raises OSError if there is no place for one.
            delivers: whether this process sends what it writes.
        """
        self._tracking_uri = tracking_uri
        self._limit = limit
        self._is_synced = is_synced
        self.find_spool = find_spool
        self._delivers = delivers
        self._folder: OwnFolder | None = None
        self._writer: LogWriter | None = None
        self._cursor: Cursor | None = None
        self._reader: LogReader | None = None
        self._tasks: SpooledTasks | None = None
        self._room = 0  # bytes that may be written before the next look

    @property
    def path(self) -> Path | None:
        """The folder, if there is one."""
        return None if self._folder is None else self._folder.path

    def append(self, message: bytes) -> Place:
        """Append a message by one write, and return the place behind it.

        Raises:
            FileNotFoundError: somebody has removed the folder, or there is no place for one.
            OSError: it cannot be written, or there is no room for it.
        """
        writer = self._writer or self._open()[1]
        self._find_room(len(message))
        place = writer.append(message)
        self._room -= len(message)
        return place

    def keep_refusal(self, error: BatchError, refused: bytes | SpoolTask) -> Path:
        """Append what the server refused to `refused.log`; return the folder.

        Raises:
            OSError: it cannot be written, or there is no room for it.
        """
        folder = self._folder or self._open()[0]
        size = len(refused) if isinstance(refused, bytes) else refused.ByteSize()
        self._find_room(size)
        append_refusal(folder.refused, error, refused)
        self._room -= size
        return folder.path

    def sync(self) -> None:
        """Let what was appended survive a crash of the machine, if it shall.

        Raises:
            OSError: it cannot be written.
        """
        if self._is_synced and self._writer is not None:
            self._writer.sync()

    def read_from(self, place: Place) -> None:
        """Let `read_next` begin at a place."""
        if self._reader is not None:
            self._reader.close()
        if self._folder is not None:
            self._reader = LogReader(self._folder.batches, place, self._set_aside)

    def read_next(self) -> tuple[bytes, Place] | None:
        """Return the next message and the place behind it; None if there is none.

        Raises:
            OSError: it cannot be read.
        """
        return None if self._reader is None else self._reader.next(may_grow=True)

    def acknowledge(self, place: Place) -> None:
        """Say that all before a place is answered."""
        if self._cursor is not None:
            # An older cursor does no harm: a batch that is sent again changes nothing.
            with suppress(OSError):
                self._cursor.move(place)

    def open_tasks(self) -> SpooledTasks:
        """Return the tasks of the folder, which is made if there is none.

        Raises:
            OSError: it cannot be made.
        """
        if self._tasks is None:
            folder = self._folder or self._open()[0]
            self._tasks = SpooledTasks(folder, self._limit, self._delivers, self._is_synced)
        return self._tasks

    def close(self, *, is_answered: bool) -> None:
        """Leave the folder to others, or remove it if all in it is answered.

        What was being read can still be read, and the next append makes another folder.
        """
        folder, self._folder = self._folder, None
        for file in (self._tasks, self._writer, self._cursor):
            if file is not None:
                file.close()
        self._tasks = self._writer = self._cursor = None
        if folder is None:
            return
        has_more = any(map(os.path.exists, (folder.tasks, folder.refused, folder.damaged)))
        if is_answered and self._delivers and not has_more:
            with suppress(OSError):
                folder.remove()
        folder.close()

    def _open(self) -> tuple[OwnFolder, LogWriter]:
        self.close(is_answered=False)
        program = os.path.basename(sys.argv[0]) if sys.argv else ""
        self._folder = create_folder(
            self.find_spool(), self._tracking_uri, program, self._delivers, self._is_synced
        )
        if self._delivers:
            self._cursor = Cursor(self._folder.batches)
        self._writer = LogWriter(self._folder.batches, self._is_synced)
        self._room = min(self._limit, _FIRST_BYTES)
        return self._folder, self._writer

    def _find_room(self, size: int) -> None:
        if self._room < size:
            spool = self._folder.path.parent if self._folder is not None else self.find_spool()
            self._room = measure_room(spool, self._limit, size)

    def _set_aside(self, damage: Damage) -> None:
        folder = self._folder
        if folder is not None:
            where = folder.set_aside(folder.batches, *damage.start, damage.size)
            log.warning("%d bytes of %s are damaged, and kept in %s", damage.size, folder, where)
