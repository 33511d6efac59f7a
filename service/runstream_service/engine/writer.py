"""The one thread that writes.

Commands wait in a queue. The thread takes all that wait, runs them in one transaction, and answers
their callers after the commit. So the more commands wait, the more of them share one sync to disk,
and no two writers ever wait for each other.

A commit takes as much of the processor as some of the small batches in it. While several are under
way, each is kept back for some milliseconds, until there are more.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Protocol, TypeVar

from runstream.errors import (
    Internal,
    RunstreamError,
    server_stopping_error,
    strip_traceback,
)
from runstream_service.engine import changes
from runstream_service.engine.changes import Change
from runstream_service.engine.engine import Engine, storage_error
from runstream_service.engine.run_locks import lock_runs
from runstream_service.engine.served_files import ServedFiles
from runstream_service.histogram import Histogram

log = logging.getLogger(__name__)
T = TypeVar("T")

#: Bytes that a command without data counts in the queue.
COMMAND_BYTES = 1024

#: Seconds for which a command that may wait is kept back, so that more of them share a commit.
GATHER_SECONDS = 0.005

#: Other commands without an answer from which on it is, if it says no other number.
GATHER_FROM = 2

#: Bytes of a command that is not kept back, because it is worth a commit of its own.
GATHER_BYTES = 64 * 1024

# Conflicts with other servers after which a transaction is run again, and the seconds by which each
# pause before that is longer than the one before.
_CONFLICTS = 5
_CONFLICT_PAUSE = 0.01

_INTERNAL = "internal error; the log of the server has the particulars"


@dataclass(eq=False, slots=True)
class _Command:
    """A function that writes, and the future of its caller."""

    run: Callable[[], Any]
    size: int
    run_id: str
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
    """Takes the changes of each commit, for those who watch."""

    def begin(self) -> bool:
        """Return whether the changes of the transaction that has begun are to be recorded."""

    def store(self, changes: list[Change], /) -> None:
        """Store what a transaction changes, before its commit; on the writer's thread."""

    def publish(self, changes: list[Change] | None, /) -> None:
        """Take what a transaction changed, after its commit; on the event loop."""


class Judge(Protocol):
    """Judges the changes of each transaction by the rules of alerts, on the writer's thread."""

    def begin(self) -> bool:
        """Return whether the changes of the transaction that has begun are to be judged."""

    def judge(self, changes: list[Change], /) -> None:
        """Write what follows of the changes of a transaction, before its commit."""

    def reset(self) -> None:
        """Drop what is cached of the database, after a rollback."""


class Writer:
    """Runs commands on its thread, many in one transaction, in the order in which they came.

    The queue is bounded in bytes: while it is full, `wait_for_room` waits, and so does the handler
    that would read the next message of a client.

    Attributes:
        storage_failures: transactions that failed because the storage did.
        conflicts: transactions that were run again because another server came between.
        commits: how long those that were committed took.
        commands: how many commands they had.
    """

    # The bytes of the messages as sent; decoded in the queue, they take about eight times as much.
    QUEUE_BYTES = 8 * 1024 * 1024

    def __init__(
        self, engine: Engine, files: ServedFiles, ingest: Ingest, feed: Feed, judge: Judge
    ) -> None:
        """Start the thread.

        Args:
            engine: the database.
            files: its files.
            ingest: flushed before each commit.
            feed: gets what each transaction changed, if somebody watches.
            judge: judges what each transaction changes, if there are rules.
        """
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[_Command | None] = SimpleQueue()
        self._queued = 0  # bytes; touched on the event loop alone
        self._has_room = asyncio.Event()
        self._is_stopping = False
        self._engine = engine
        self._gathered: list[_Command] = []  # kept back, until `_timer` queues them
        self._timer: asyncio.TimerHandle | None = None
        self._unanswered = 0
        self.storage_failures = self.conflicts = self.commands = 0
        self.commits = Histogram()
        self._files = files
        self._ingest = ingest
        self._feed = feed
        self._judge = judge
        self._thread = threading.Thread(target=self._work, name="writer")
        self._thread.start()

    @property
    def queued_bytes(self) -> int:
        """Bytes of the commands that have no answer yet."""
        return self._queued

    async def wait_for_room(self) -> None:
        """Return when the queue has room for one more command, and the ingest is not behind.

        Raises:
            Unavailable: the server stops, and there was no room until then.
        """
        while self._queued > self.QUEUE_BYTES or self._ingest.is_behind:
            if self._is_stopping:
                raise server_stopping_error()
            self._has_room.clear()
            await self._has_room.wait()

    def notify_room(self) -> None:
        """Have those who wait for room look again, on the event loop."""
        self._has_room.set()

    def stop_waiting(self) -> None:
        """Refuse those who wait for room, now and later, because the server stops."""
        self._is_stopping = True
        self._has_room.set()

    def submit(
        self,
        command: Callable[..., T],
        *args: Any,
        run_id: str = "",
        size: int = COMMAND_BYTES,
        gather_from: int | None = None,
    ) -> asyncio.Future[T]:
        """Queue a command; the future has its result once it is on disk.

        A command checks all that it must before it writes anything: an error of `runstream.errors`
        that it raises goes to its caller alone, and the rest of the transaction stands. Any other
        error undoes the transaction, whose commands are then run again one by one.

        Args:
            command: called with `args` on the writer's thread.
            run_id: the run that it changes, if it is one.
            size: bytes that it holds of the bounded queue.
            gather_from: how many others have to be under way for it to be kept back for
                `GATHER_SECONDS`; None if it may not be, because somebody may be waiting for it.
        """
        answer: asyncio.Future[T] = self._loop.create_future()
        self._queued += size
        self._gathered.append(_Command(lambda: command(*args), size, run_id, answer))
        if gather_from is None or self._unanswered < gather_from or size > GATHER_BYTES:
            self._queue_gathered()
        elif self._timer is None:
            self._timer = self._loop.call_later(GATHER_SECONDS, self._queue_gathered)
        self._unanswered += 1
        return answer

    def _queue_gathered(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for command in self._gathered:
            self._queue.put(command)
        self._gathered.clear()

    async def close(self) -> None:
        """Write out what is queued, then end the thread."""
        self._queue_gathered()
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
        with self._engine.writing_connection():
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
            recorded = self._commit_or_retry(commands)
        except Exception as error:  # whatever it was, the callers need an answer
            is_fault = self._engine.is_storage_fault(error)
            if len(commands) > 1 and (not is_fault or self._engine.is_conflict(error)):
                for command in commands:
                    self._commit_all([command])
                return
            failure = storage_error(error) if is_fault else None
            if failure is None:
                log.exception("a command failed")
            else:
                self.storage_failures += 1
            for command in commands:
                command.error = failure or Internal(_INTERNAL)
        self._loop.call_soon_threadsafe(self._answer, commands, recorded)

    def _commit_or_retry(self, commands: list[_Command]) -> list[Change] | None:
        """Commit; again, if a transaction of another server came between."""
        for number in range(_CONFLICTS):
            try:
                return self._commit(commands)
            except Exception as error:
                if not self._engine.is_conflict(error):
                    raise
                self.conflicts += 1
                log.debug("a transaction is run again: %s", error)
            time.sleep(number * _CONFLICT_PAUSE)
        return self._commit(commands)

    def _commit(self, commands: list[_Command]) -> list[Change] | None:
        """Run the commands in one transaction and commit it, or leave no trace of them."""
        began = time.perf_counter()
        try:
            try:
                with self._engine.write_transaction():
                    is_watched, is_judged = self._feed.begin(), self._judge.begin()
                    changes.start_recording(is_watched or is_judged)
                    if self._engine.IS_SHARED:
                        lock_runs({command.run_id for command in commands if command.run_id})
                    for command in commands:
                        command.attempt()
                    self._ingest.flush()
                    recorded = changes.take_recorded()
                    if recorded and is_judged:
                        self._judge.judge(recorded)
                    if not is_watched:
                        recorded = None
                    if recorded:
                        self._feed.store(recorded)
            finally:
                self._files.check()
        except BaseException:
            self._ingest.reset()
            self._judge.reset()
            raise
        self.commits.observe(time.perf_counter() - began)
        self.commands += len(commands)
        return recorded

    def _answer(self, commands: list[_Command], recorded: list[Change] | None) -> None:
        self._feed.publish(recorded)
        self._unanswered -= len(commands)
        for command in commands:
            self._queued -= command.size
            if command.answer.cancelled():
                continue
            if command.error is None:
                command.answer.set_result(command.result)
            else:
                command.answer.set_exception(command.error)
        self._has_room.set()
