"""Calls that wait: for answers, for room in the outbox, or for the uploader to make batches."""

from __future__ import annotations

import logging
import time
from collections import deque
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue

from runstream.errors import RunstreamError
from runstream.outbox import outgoing_batches
from runstream.outbox.batch import Backlog, Batch
from runstream.outbox.collector import Collector
from runstream.outbox.delivery_errors import (
    flush_timeout_error,
    outbox_full_error,
    undelivered_error,
)
from runstream.outbox.delivery_state import DeliveryState
from runstream.outbox.outgoing_batches import OutgoingBatches
from runstream.outbox.stream_window import StreamWindow
from runstream.outbox.task_queue import TaskQueue
from runstream.transport.call_limit import call_limit

log = logging.getLogger("runstream")

#: Seconds that a call that logs waits for room, before it fails.
ROOM_SECONDS = 600.0

#: Seconds without an answer after which `flush` gives up, and seconds that it takes at most.
ANSWER_SECONDS = 60.0
FLUSH_SECONDS = 600.0

#: Seconds that the start of a run waits for a connection, and for an answer where there is one.
CONNECT_SECONDS = 3.0
START_ANSWER_SECONDS = 10.0

#: Seconds without an answer after which the end of a program gives up, if a call gave up before
#: and the stream is broken since. The uploader pauses up to 5 s between attempts, so that one fits.
REPEATED_SECONDS = 8.0

#: Seconds that a call waits for room before a warning says so, and seconds between two warnings. A
#: program that logs faster than the server stores waits often, and each time for a moment.
PATIENCE_SECONDS = 5.0
WARNING_SECONDS = 60.0

# Seconds between two checks of a waiting call that the uploader is still there.
_POLL_SECONDS = 1.0


class Wait:
    """One call that waits.

    Its thread calls `wait` and `give_up`; the threads of the uploader and of a stream call the
    other methods, with the lock of the batches. The reply comes through a queue, which needs none.

    Attributes:
        run_id: the run whose answers it waits for; None for all.
        target: number of the last batch that it waits for, once the uploader has made that batch.
        is_over: whether the call does not wait any more.
        raises_own: whether what it waits for is what it said itself.
    """

    def __init__(self, run_id: str | None = None, *, raises_own: bool = False) -> None:
        self.raises_own = raises_own
        self.run_id = run_id
        self.target: int | None = None
        self.is_over = False
        self._reply: SimpleQueue[None] = SimpleQueue()

    def wait(self, seconds: float) -> bool:
        """Wait for the end of the wait; return whether it came in time."""
        with suppress(Empty):
            self._reply.get(timeout=seconds)
            return True
        return False

    def give_up(self) -> None:
        """Wait no longer."""
        self.is_over = True

    def set_target(self, number: int) -> None:
        """Wait for the answer of the batch of this number, and of those before it."""
        self.target = number

    def end(self) -> None:
        """Let the call go on."""
        self._reply.put(None)


class Waits:
    """The calls that wait.

    Threads of the program call the methods that begin with `wait_`; they take no lock, and ask the
    uploader's thread to enter what they wait for. The threads of the uploader and of a stream call
    the methods that begin with `end_`. The lock of the batches covers the lists.
    """

    def __init__(
        self,
        batches: OutgoingBatches,
        window: StreamWindow,
        tasks: TaskQueue,
        collector: Collector,
        state: DeliveryState,
    ) -> None:
        self._batches = batches
        self._window = window
        self._tasks = tasks
        self._collector = collector
        self._state = state
        self._for_answers: deque[Wait] = deque()
        self._for_room: deque[Wait] = deque()
        self._for_starts: deque[Wait] = deque()
        self._next_warning = 0.0
        self._given_up_at: int | None = None  # the last answer, when a call gave up

    @property
    def has_given_up(self) -> bool:
        """Whether a call waited for its full time on a broken stream, and no answer came since."""
        return (
            self._given_up_at == self._batches.last_answered
            and self._state.stream_error is not None
        )

    # On threads that log.

    def wait_for_answers(
        self, run_id: str | None, answer_timeout: float, limit: float
    ) -> RunstreamError | None:
        """Wait until all that was logged before is answered; return the error if it is not.

        Args:
            run_id: the run; None for all runs.
            answer_timeout: seconds without an answer after which to give up.
            limit: seconds after which to give up.

        Raises:
            Internal: the uploader failed.
        """
        wait = Wait(run_id)
        start = time.monotonic()
        limit = min(limit, max(0.0, call_limit() - start))
        answer_timeout = min(answer_timeout, limit)
        try:
            if self._tasks.post(partial(self._enter_for_answers, wait)):
                self._wait(wait, answer_timeout, limit)
        finally:
            wait.give_up()
        self._raise_failure()
        backlog = self._backlog(wait)
        if self._is_answered(wait) or not any(backlog):
            return None
        if self._state.lasting_error is not None:
            return undelivered_error(self._state.lasting_error, backlog)
        if answer_timeout >= ANSWER_SECONDS:
            self._given_up_at = self._batches.last_answered
        seconds = min(
            limit, round(time.monotonic() - start, 1) if answer_timeout < limit else limit
        )
        return flush_timeout_error(
            backlog, run_id, seconds, self._state.describe_break(), self._batches.queue.path
        )

    def wait_for_room(self) -> None:
        """Wait while the outbox is full.

        Raises:
            DeadlineExceeded: there was no room for `ROOM_SECONDS`.
            RunstreamError: the server refuses the stream for good, or the uploader failed.
        """
        wait = Wait()
        end = min(time.monotonic() + ROOM_SECONDS, call_limit())
        while self._batches.is_full and self._tasks.post(partial(self._enter_for_room, wait)):
            left = end - time.monotonic()
            if self._state.lasting_error is not None:
                raise undelivered_error(self._state.lasting_error, self._backlog(wait))
            patience = min(left, PATIENCE_SECONDS)
            if self._wait(wait, patience, patience):
                continue
            self._warn_of_full_outbox()
            if not self._wait(wait, left - patience, left - patience):
                raise outbox_full_error(
                    self._backlog(wait),
                    ROOM_SECONDS,
                    outgoing_batches.LIMIT_BYTES,
                    self._state.describe_break(),
                )

    def _warn_of_full_outbox(self) -> None:
        now = time.monotonic()
        if now >= self._next_warning:
            self._next_warning = now + WARNING_SECONDS
            log.warning(
                "runstream: calls that log wait for room, because %d MiB have no answer of the "
                "server: it is away, or stores more slowly than this program logs",
                outgoing_batches.LIMIT_BYTES >> 20,
            )

    def wait_for_start(
        self, run_id: str, connect_seconds: float, *, raises_own: bool = True
    ) -> bool:
        """Wait until what was logged to a run is answered; return False if the server is away.

        Args:
            run_id: the run.
            connect_seconds: how long to wait for a connection.
            raises_own: whether the call that waits has said what it waits for.

        Raises:
            RunstreamError: the server refuses the stream for good, or the uploader failed.
        """
        wait = Wait(run_id, raises_own=raises_own)
        start = time.monotonic()
        try:
            if self._tasks.post(partial(self._enter_for_start, wait)):
                while not self._is_answered(wait) and self._state.stream_error is None:
                    self._raise_failure()
                    seconds = START_ANSWER_SECONDS if self._window.is_connected else connect_seconds
                    left = min(start + seconds, call_limit()) - time.monotonic()
                    if left <= 0 or wait.wait(min(left, _POLL_SECONDS)):
                        break
        finally:
            wait.give_up()
        self._raise_failure()
        if not self._is_answered(wait) and self._state.lasting_error is not None:
            raise undelivered_error(self._state.lasting_error, self._backlog(wait))
        return self._is_answered(wait)

    def wait_until_collected(self) -> None:
        """Wait until the uploader has made batches of what was logged before.

        Raises:
            Internal: the uploader failed.
        """
        wait = Wait()
        if self._tasks.post(partial(self._collect_for, wait)):
            self._wait(wait, ANSWER_SECONDS, FLUSH_SECONDS)

    def _wait(self, wait: Wait, answer_timeout: float, limit: float) -> bool:
        """Wait for the end of a wait; return whether it came in time."""
        last_answered, since = self._batches.last_answered, time.monotonic()
        end = since + limit
        while True:
            self._raise_failure()
            now = time.monotonic()
            if self._batches.last_answered != last_answered:
                last_answered, since = self._batches.last_answered, now
            left = max(0.0, min(since + answer_timeout, end) - now)
            if wait.wait(min(left, _POLL_SECONDS)):
                return True
            if not left or not self._tasks.ensure_thread():
                return False

    def _is_answered(self, wait: Wait) -> bool:
        return wait.target is not None and wait.target <= self._batches.last_answered

    def _backlog(self, wait: Wait) -> Backlog:
        """Return how much has no answer of the runs that a call waits for."""
        backlog = self._collector.backlog()
        runs = [wait.run_id] if wait.run_id is not None else list(backlog)
        return sum((backlog.get(run_id, Backlog()) for run_id in runs), Backlog())

    def _raise_failure(self) -> None:
        self._state.raise_failure(self._collector.backlog)

    # On the uploader's thread and on that of a stream.

    def is_awaited(self, batch: Batch) -> bool:
        """Return whether the call waits that said what a batch says, and raises its refusal."""
        with self._batches.lock:
            return bool(batch.content.changes) and any(
                wait.raises_own and not wait.is_over and batch.run_id == wait.run_id
                for wait in self._for_starts
            )

    def end_all(self) -> None:
        """End all waits, because waiting cannot help."""
        with self._batches.lock:
            _end(self._for_answers)
            _end(self._for_room)
            _end(self._for_starts)

    def end_starts(self) -> None:
        """End the waits for starts of runs, because the stream is broken."""
        with self._batches.lock:
            _end(self._for_starts)

    def end_answered(self) -> None:
        """End the waits for batches that are answered now, and those for room if there is some."""
        with self._batches.lock:
            if not self._batches.is_full:
                _end(self._for_room)
            _end(self._for_answers, self._batches.last_answered)
            _end(self._for_starts, self._batches.last_answered)

    # On the uploader's thread.

    def _enter_for_answers(self, wait: Wait) -> None:
        self._collector.collect_all()
        with self._batches.lock:
            wait.set_target(self._batches.last_number(wait.run_id))
            self._for_answers = deque(other for other in self._for_answers if not other.is_over)
            self._for_answers.append(wait)
            if self._state.lasting_error is not None:
                _end(self._for_answers)
            _end(self._for_answers, self._batches.last_answered)

    def _enter_for_start(self, wait: Wait) -> None:
        self._collector.collect_run(wait.run_id or "")
        with self._batches.lock:
            wait.set_target(self._batches.last_number(wait.run_id))
            self._for_starts = deque(other for other in self._for_starts if not other.is_over)
            self._for_starts.append(wait)
            _end(self._for_starts, self._batches.last_answered)
            if self._state.stream_error is not None:
                _end(self._for_starts)

    def _enter_for_room(self, wait: Wait) -> None:
        with self._batches.lock:
            self._for_room.append(wait)
            if not self._batches.is_full or self._state.lasting_error is not None:
                _end(self._for_room)

    def _collect_for(self, wait: Wait) -> None:
        self._collector.collect_all()
        wait.end()


def _end(waits: deque[Wait], answered: int | None = None) -> None:
    """End waits: all, or those for batches up to a number."""
    for wait in list(waits):
        if answered is None or (wait.target or 0) <= answered:
            waits.remove(wait)
            wait.end()
