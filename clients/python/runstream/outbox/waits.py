"""Calls that wait: for answers, for room in the outbox, or for the uploader to make batches."""

from __future__ import annotations

import logging
import time
from functools import partial

from runstream.errors import RunstreamError
from runstream.outbox import outgoing_batches
from runstream.outbox.batch import Backlog
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
from runstream.outbox.wait_list import Wait, WaitList
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


class Waits:
    """How calls wait.

    Threads that log, and any other of the program, call the methods. They take no lock: they ask
    the uploader's thread to enter what they wait for into the list, and wait for a reply.
    """

    def __init__(
        self,
        batches: OutgoingBatches,
        window: StreamWindow,
        tasks: TaskQueue,
        collector: Collector,
        state: DeliveryState,
        wait_list: WaitList,
    ) -> None:
        self._batches = batches
        self._window = window
        self._tasks = tasks
        self._collector = collector
        self._state = state
        self._list = wait_list
        self._next_warning = 0.0
        # The last answer, when a call gave up, and when the end of a client did.
        self._given_up_at: int | None = None
        self._drained_at: int | None = None

    @property
    def has_given_up(self) -> bool:
        """Whether a call waited for its full time on a broken stream, and no answer came since."""
        return self._is_away_since(self._given_up_at)

    @property
    def has_drained_in_vain(self) -> bool:
        """Whether the end of a client gave up on a broken stream, and no answer came since."""
        return self._is_away_since(self._drained_at)

    def record_vain_drain(self) -> None:
        """Note that the end of a client gives up."""
        self._drained_at = self._batches.last_answered

    def _is_away_since(self, answer: int | None) -> bool:
        is_broken = self._state.stream_error is not None
        return is_broken and answer == self._batches.last_answered

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
            if self._tasks.post(partial(self._list.enter_for_answers, wait)):
                self._wait(wait, answer_timeout, limit)
        finally:
            wait.give_up()
        self._raise_failure()
        if self._is_answered(wait):
            return None
        backlog = self._backlog(wait)
        if not any(backlog):
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
        while self._batches.is_full and self._tasks.post(partial(self._list.enter_for_room, wait)):
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
                    self._describe_cause(),
                )

    def _describe_cause(self) -> str:
        """Return why there is no room, as the end of an error's text."""
        if self._batches.disk_watch.is_hanging:
            return f" (the disk of {self._batches.queue.place} does not answer)"
        return self._state.describe_break()

    def _warn_of_full_outbox(self) -> None:
        now = time.monotonic()
        if now >= self._next_warning and not self._batches.disk_watch.is_hanging:
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
            if self._tasks.post(partial(self._list.enter_for_start, wait)):
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
        if self._tasks.post(partial(self._list.collect_for, wait)):
            self._wait(wait, ANSWER_SECONDS, FLUSH_SECONDS)

    def wait_until_saved(self) -> None:
        """Wait until what was logged before is on disk, if that can be written by now.

        It does not wait for a disk that hangs.

        Raises:
            Internal: the uploader failed.
        """
        wait = Wait()
        if self._tasks.post(partial(self._list.save_for, wait)):
            end = time.monotonic() + ANSWER_SECONDS
            while not self._batches.disk_watch.is_hanging and time.monotonic() < end:
                if self._wait(wait, _POLL_SECONDS, _POLL_SECONDS):
                    return

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
