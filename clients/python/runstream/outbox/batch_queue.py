"""The queue of batches without an answer: its interface, and the one that is in memory."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Protocol

from runstream.outbox.batch import Batch
from runstream.spool.task_files import TaskFiles, make_temporary_tasks
from runstream.v1.logging_service_pb2 import BatchError
from runstream.v1.spool_pb2 import SpoolTask

# Bytes that a batch takes besides its message.
_BATCH_OVERHEAD = 200


class BatchQueue(Protocol):
    """Batches without an answer, in the order in which they are sent.

    A queue has no lock: whoever calls a method has that of `OutgoingBatches`. Any thread may read
    the attributes, each of which is written in one step.

    Attributes:
        size: how many batches there are.
        held_bytes: memory that grows with what is appended, of which there is a limit.
        has_lost: set when batches are gone that are not answered.
        is_final: whether nothing is sent, so that what is on disk counts as answered.
    """

    size: int
    held_bytes: int
    has_lost: bool
    is_final: bool

    @property
    def path(self) -> Path | None:
        """The folder that what has no answer is in; None if there is none."""

    @property
    def place(self) -> Path | None:
        """Where it writes to disk: its folder or, before there is one, the spool."""

    def append(self, batch: Batch) -> None:
        """Add a batch at the end."""

    def peek(self, index: int) -> Batch | None:
        """Return a batch, counted from the oldest, which is 0; None if it is lost.

        Raises:
            OSError: it cannot be read.
        """

    def acknowledge(self, count: int) -> list[Batch]:
        """Remove the oldest batches, because they are answered, and return them."""

    def in_memory(self) -> list[Batch]:
        """Return the batches that are in memory."""

    def unsaved(self) -> list[Batch]:
        """Return those that are in memory alone; any thread may call this without the lock."""

    def save(self, *, at_once: bool = False) -> None:
        """Try again to write what could not be written, if it is time for that, or at once."""

    def sync(self) -> None:
        """Let what was appended survive a crash of the machine, if it shall."""

    def open_tasks(self) -> TaskFiles:
        """Return where tasks and the files that they upload are kept, beside the batches.

        Raises:
            OSError: it cannot be made.
        """

    def keep_refusal(self, error: BatchError, refused: bytes | SpoolTask) -> Path | None:
        """Keep what the server refused; return the folder that has it, None if there is none.

        Raises:
            OSError: it cannot be written, or there is no room for it.
        """

    def begin_folder(self) -> None:
        """Keep what has no answer, and what comes, in a new folder, delivered after others."""

    def close(self) -> None:
        """Leave what has no answer to another process, if that is possible."""


class MemoryQueue:
    """A queue in the memory of the process, with which it is lost."""

    def __init__(self) -> None:
        self.size = 0
        self.held_bytes = 0
        self.has_lost = False
        self.is_final = False
        self.path: Path | None = None
        self.place: Path | None = None
        self._batches: deque[Batch] = deque()
        self._tasks: TaskFiles | None = None

    def append(self, batch: Batch) -> None:
        """Add a batch at the end."""
        self._batches.append(batch)
        self.held_bytes += batch_bytes(batch)
        self.size += 1

    def peek(self, index: int) -> Batch:
        """Return a batch, counted from the oldest, which is 0."""
        return self._batches[index]

    def acknowledge(self, count: int) -> list[Batch]:
        """Remove the oldest batches, because they are answered, and return them."""
        answered = [self._batches.popleft() for _ in range(count)]
        self.held_bytes -= sum(map(batch_bytes, answered))
        self.size -= count
        return answered

    def in_memory(self) -> list[Batch]:
        """Return all batches."""
        return list(self._batches)

    def unsaved(self) -> list[Batch]:
        """Return all batches; any thread may call this without the lock."""
        return list(self._batches.copy())

    def save(self, *, at_once: bool = False) -> None:
        """Do nothing: there is no disk."""

    def sync(self) -> None:
        """Do nothing: nothing survives."""

    def open_tasks(self) -> TaskFiles:
        """Return where the files that tasks upload are kept; they are lost with the process."""
        if self._tasks is None:
            self._tasks = make_temporary_tasks()
        return self._tasks

    def keep_refusal(self, error: BatchError, refused: bytes | SpoolTask) -> None:
        """Do nothing: nothing survives."""

    def begin_folder(self) -> None:
        """Do nothing: there is no folder."""

    def close(self) -> None:
        """Remove the files of tasks: nothing can be left to another process."""
        tasks, self._tasks = self._tasks, None
        if tasks is not None:
            tasks.close()


def batch_bytes(batch: Batch) -> int:
    """Return the memory that a batch takes."""
    return len(batch.message) + _BATCH_OVERHEAD
