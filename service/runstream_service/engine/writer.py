"""The one thread that writes.

Commands wait in a queue. The thread takes all that wait, runs them in one transaction, and answers
their callers after the commit. So the more commands wait, the more of them share one sync to disk,
and no two writers ever wait for each other.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Protocol, TypeVar

from runstream.errors import Internal, RunstreamError, strip_traceback
from runstream_service.engine import changes
from runstream_service.engine.changes import Change
from runstream_service.engine.database import storage_error, transaction, writing_connection
from runstream_service.engine.served_files import ServedFiles

log = logging.getLogger(__name__)
T = TypeVar("T")

#: Bytes that a command without data counts in the queue.
COMMAND_BYTES = 1024

_INTERNAL = "internal error; the log of the server has the particulars"


@dataclass(eq=False, slots=True)
class _Command:
    """A function that writes, and the future of its caller."""

    run: Callable[[], Any]
    size: int
    answer: asyncio.Future[Any]
    result: Any = None
    error: Exception | None = None

    def attempt(self) -> None:
        """Run the function, maybe again, after a transaction that was rolled back."""
        self.result = self.error = None
        try:
            self.result = self.run()
        except RunstreamError as error:
            self.error = strip_traceback(error)


class Ingest(Protocol):
    """Buffers what commands append, on the writer's thread."""

    @property
    def is_behind(self) -> bool:
        """Whether nothing more should be appended until another command has run."""

    def flush(self) -> None:
        """Write all that is buffered, before the transaction is committed."""

    def reset(self) -> None:
        """Drop all that is buffered, and what is cached of the database, after a rollback."""


class Feed(Protocol):
    """Takes the changes of each commit, on the event loop.

    Attributes:
        is_watched: whether somebody watches; read on the writer's thread.
    """

    is_watched: bool

    def publish(self, recorded: list[Change] | None, /) -> None:
        """Take what a transaction changed, after its commit."""


class Writer:
    """Runs commands on its thread, many in one transaction, in the order in which they came.

    The queue is bounded in bytes: while it is full, `wait_for_room` waits, and so does the handler
    that would read the next message of a client.
    """

    # The bytes of the messages as sent; decoded in the queue, they take about eight times as much.
    QUEUE_BYTES = 8 * 1024 * 1024

    def __init__(self, files: ServedFiles, ingest: Ingest, feed: Feed) -> None:
        """Start the thread.

        Args:
            files: the files of the database.
            ingest: flushed before each commit.
            feed: gets what each transaction changed, if somebody watches.
        """
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[_Command | None] = SimpleQueue()
        self._queued = 0  # bytes; touched on the event loop alone
        self._has_room = asyncio.Event()
        self._files = files
        self._ingest = ingest
        self._feed = feed
        self._thread = threading.Thread(target=self._work, name="writer")
        self._thread.start()

    async def wait_for_room(self) -> None:
        """Return when the queue has room for one more command, and the ingest is not behind."""
        while self._queued > self.QUEUE_BYTES or self._ingest.is_behind:
            self._has_room.clear()
            await self._has_room.wait()

    def submit(
        self, command: Callable[..., T], *args: Any, size: int = COMMAND_BYTES
    ) -> asyncio.Future[T]:
        """Queue a command; the future has its result once it is on disk.

        A command checks all that it must before it writes anything: an error of `runstream.errors`
        that it raises goes to its caller alone, and the rest of the transaction stands. Any other
        error undoes the transaction, whose commands are then run again one by one.

        Args:
            command: called with `args` on the writer's thread.
            size: bytes that it holds of the bounded queue.
        """
        answer: asyncio.Future[T] = self._loop.create_future()
        self._queued += size
        self._queue.put(_Command(lambda: command(*args), size, answer))
        return answer

    async def close(self) -> None:
        """Write out what is queued, then end the thread."""
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        try:
            self._drain()
        except BaseException:
            # Nobody would ever be answered again. What was answered is on disk, and clients
            # resend the rest to the next server: ending loudly is the better outage.
            log.critical("the writer failed, the server ends", exc_info=True)
            os._exit(70)

    def _drain(self) -> None:
        with writing_connection():
            while (command := self._queue.get()) is not None:
                commands = [command]
                more: _Command | None = command
                try:
                    while (more := self._queue.get_nowait()) is not None:
                        commands.append(more)
                except Empty:
                    pass
                self._commit_all(commands)
                if more is None:
                    return

    def _commit_all(self, commands: list[_Command]) -> None:
        recorded: list[Change] | None = []
        try:
            recorded = self._commit(commands)
        except Exception as error:  # whatever it was, the callers need an answer
            failure = storage_error(error)
            if failure is None and len(commands) > 1:
                for command in commands:
                    self._commit_all([command])
                return
            if failure is None:
                log.exception("a command failed")
            for command in commands:
                command.error = failure or Internal(_INTERNAL)
        self._loop.call_soon_threadsafe(self._answer, commands, recorded)

    def _commit(self, commands: list[_Command]) -> list[Change] | None:
        """Run the commands in one transaction and commit it, or leave no trace of them."""
        changes.start_recording(self._feed.is_watched)
        try:
            try:
                with transaction("IMMEDIATE"):
                    for command in commands:
                        command.attempt()
                    self._ingest.flush()
            finally:
                self._files.check()
        except BaseException:
            self._ingest.reset()
            raise
        return changes.take_recorded()

    def _answer(self, commands: list[_Command], recorded: list[Change] | None) -> None:
        self._feed.publish(recorded)
        for command in commands:
            self._queued -= command.size
            if command.answer.cancelled():
                continue
            if command.error is None:
                command.answer.set_result(command.result)
            else:
                command.answer.set_exception(command.error)
        self._has_room.set()
