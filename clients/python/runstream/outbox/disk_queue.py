"""The queue of batches on disk: what is in it survives the process."""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from pathlib import Path

from runstream.outbox.batch import Backlog, Batch
from runstream.outbox.batch_files import BatchFiles
from runstream.outbox.batch_queue import batch_bytes
from runstream.spool.log_files import Place
from runstream.spool.task_files import TaskFiles
from runstream.v1.logging_service_pb2 import BatchError, LogBatchRequest
from runstream.v1.spool_pb2 import SpoolTask

log = logging.getLogger("runstream")

#: Bytes of the oldest batches that are in memory, too, so that a stream need not read them.
HEAD_BYTES = 16 * 1024 * 1024

#: Seconds between two attempts to write to a disk that could not be written.
RETRY_SECONDS = 5.0


class DiskQueue:
    """A queue in the spool.

        oldest [ head ][ behind ][ tail ] newest

    The head is on disk and in memory, as much as the stream may have without an answer and some
    more. What is behind it is on disk alone, and read back when the stream asks for it; only its
    number is kept. The tail is what could not be written: it is in memory alone, and is written,
    in its order, once the disk can be written again.
    """

    def __init__(self, files: BatchFiles, *, is_final: bool = False) -> None:
        """Make an empty queue.

        Args:
            files: the files.
            is_final: whether nothing is sent, so that what is on disk counts as answered.
        """
        self.is_final = is_final
        self.size = 0
        self.has_lost = False
        self.held_bytes = 0
        self._files = files
        self._head: deque[tuple[Batch, Place]] = deque()  # with the place behind each
        self._head_bytes = 0
        self._behind = 0
        self._tail: deque[Batch] = deque()
        self._last_in_head = 0  # number of the last batch that was in the head
        self._next_attempt = 0.0
        self._has_warned = False

    @property
    def path(self) -> Path | None:
        """The folder of what has no answer, or of all if nothing is sent; None if there is none."""
        return self._files.path if self.is_final or self._head or self._behind else None

    @property
    def place(self) -> Path:
        """Where it writes to disk: its folder or, before there is one, the spool."""
        return self._files.path or self._files.find_spool()

    def append(self, batch: Batch) -> None:
        """Add a batch at the end, by one write if the disk can be written."""
        self.size += 1
        self.held_bytes += batch_bytes(batch)
        self._tail.append(batch)
        self.save()

    def peek(self, index: int) -> Batch | None:
        """Return a batch, counted from the oldest; None if its file is lost.

        Raises:
            OSError: it cannot be read.
        """
        while index >= len(self._head) and self._behind:
            if not self._read_next():
                return None
        if index < len(self._head):
            return self._head[index][0]
        return self._tail[index - len(self._head)]

    def acknowledge(self, count: int) -> list[Batch]:
        """Remove the oldest batches, because they are answered, and return them."""
        answered = []
        place = None
        for _ in range(count):
            if self._head:
                batch, place = self._head.popleft()
                self._head_bytes -= batch_bytes(batch)
            else:
                batch = self._tail.popleft()
                self.held_bytes -= batch_bytes(batch)
            answered.append(batch)
        self.size -= count
        if place is not None:
            self._files.acknowledge(place)
        return answered

    def in_memory(self) -> list[Batch]:
        """Return the batches that are in memory."""
        return [batch for batch, _ in self._head] + list(self._tail)

    def unsaved(self) -> list[Batch]:
        """Return those that are in memory alone; any thread may call this without the lock."""
        return list(self._tail.copy())

    def save(self, *, at_once: bool = False) -> None:
        """Try again to write what could not be written, if it is time for that, or at once."""
        if not self._tail or self._next_attempt == math.inf:
            return
        if at_once or time.monotonic() >= self._next_attempt:
            self._write_tail()

    def sync(self) -> None:
        """Let what was written survive a crash of the machine, if it shall."""
        try:
            self._files.sync()
        except OSError as error:
            self._warn(error)

    def open_tasks(self) -> TaskFiles:
        """Return where tasks and the files that they upload are kept, in the same folder."""
        return self._files.open_tasks()

    def keep_refusal(self, error: BatchError, refused: bytes | SpoolTask) -> Path | None:
        """Keep what the server refused in the folder, which stays; return the folder.

        Raises:
            OSError: it cannot be written, or there is no room for it.
        """
        try:
            return self._files.keep_refusal(error, refused)
        except FileNotFoundError:  # somebody has removed the folder: another one takes it
            self._leave_folder()
            return self._files.keep_refusal(error, refused)

    def begin_folder(self) -> None:
        """Keep what has no answer, and what comes, in a new folder: it is delivered after others.

        The former one stays until it is delivered, too, which changes nothing. If some of it is on
        disk alone, all goes on there.
        """
        if not self._behind and self._next_attempt < math.inf:
            self._take_back(is_answered=not self._head)

    def close(self) -> None:
        """Leave what has no answer to another process; leave nothing if there is nothing."""
        if self._tail and self._next_attempt < math.inf:
            self._write_tail()
        is_answered = not (self._head or self._behind)
        self._files.close(is_answered=is_answered)
        if not is_answered:  # what is appended now goes to no other folder, for the sake of order
            self._next_attempt = math.inf

    def _write_tail(self) -> None:
        try:
            while self._tail:
                batch = self._tail[0]
                place = self._files.append(batch.message)
                self._tail.popleft()
                self.held_bytes -= batch_bytes(batch)
                self._add_written(batch, place)
        except OSError as error:
            self._next_attempt = time.monotonic() + RETRY_SECONDS
            if isinstance(error, FileNotFoundError):
                self._leave_folder()
            self._warn(error)

    def _leave_folder(self) -> None:
        """Expect nothing of a folder that somebody has removed; the next attempt makes another."""
        self._take_back(is_answered=False)
        if self._behind:
            self._drop_lost()

    def _take_back(self, *, is_answered: bool) -> None:
        """Close the folder; what is in memory is written to the next one."""
        self._files.close(is_answered=is_answered)
        in_memory = self.in_memory()
        self.held_bytes = sum(map(batch_bytes, in_memory))
        self._tail = deque(in_memory)
        self._head.clear()
        self._head_bytes = 0

    def _drop_lost(self) -> None:
        log.error("%d batches are lost: somebody has removed them from the spool", self._behind)
        self.size -= self._behind
        self._behind = 0
        self.has_lost = True

    def _add_written(self, batch: Batch, place: Place) -> None:
        if not self._behind and self._head_bytes + batch_bytes(batch) <= HEAD_BYTES:
            self._add_to_head(batch, place)
            return
        if not self._behind:
            self._files.read_from(self._head[-1][1])
        self._behind += 1

    def _read_next(self) -> bool:
        """Move a batch from disk to the head; return False if the files are lost."""
        read = self._files.read_next()
        if read is None:
            self._drop_lost()
            return False
        message, place = read
        request = LogBatchRequest.FromString(message)
        number = self._last_in_head + 1
        batch = Batch(request.run_id, message, Backlog.of_request(request), number)
        self._behind -= 1
        self._add_to_head(batch, place)
        return True

    def _add_to_head(self, batch: Batch, place: Place) -> None:
        self._head.append((batch, place))
        self._head_bytes += batch_bytes(batch)
        self._last_in_head = batch.number

    def _warn(self, error: OSError) -> None:
        if not self._has_warned:
            self._has_warned = True
            log.warning(
                "what is logged cannot be written to the spool (%s): until it can, it is kept in "
                "memory, and lost if this process is killed",
                error,
            )
