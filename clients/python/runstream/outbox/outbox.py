"""What was logged and is not answered yet: the buffers and the batches of a process for a server.

    RunBuffer ──collect──> BatchQueue ──next_message──> stream
    (points, params and    (batches)  <────answer─────┘
    tags, per run)

Three parties meet here:

- Threads that log append to buffers. An interrupt (Ctrl-C, an exception of a signal handler) may
  come between any two steps of theirs, so they take no lock and change nothing in two steps: what
  a call queues is appended by one step in C, and everything else they ask the uploader's thread
  for, by a function that they post. Who waits, waits for a reply in a queue of its own.
- The uploader's thread alone makes batches of what buffers hold, lets go of buffers, and runs what
  was posted.
- The stream's two threads take batches to send them, and drop them when they are answered.

The lock of `BatchQueue` covers the batches, and here `_waits`, `_full`, `stream_error` and
`_trouble` where they are written. `_buffers` needs none: a dictionary adds by one step
(`setdefault`), and the
uploader's thread alone removes.

Two flags of a buffer keep calls fast: `admitted` is read before something is queued, `attention`
after it. Who sets one of them against a call does so first and looks at what the buffer holds then;
the call does it the other way round. So one of the two sees the other, and nothing is queued where
nobody looks: a buffer is let go of only after that, and what a call still logs to it is moved to
the buffer that took its place.

Memory: batches may take `LIMIT_BYTES` and what is on its way into batches a few MiB more. When
the limit is reached, which takes an outage or a server slower than its clients, calls that log
wait until a quarter is free again, at most `ROOM_SECONDS`, and a warning is logged.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue

from runstream import rules
from runstream.errors import DeadlineExceeded, Internal, RunstreamError
from runstream.outbox.batch import Backlog, batch_error, deadline_error, joint_error, standing_error
from runstream.outbox.batch_queue import BatchQueue
from runstream.outbox.buffer import RunBuffer
from runstream.outbox.heartbeats import Heartbeats

log = logging.getLogger("runstream")

#: Bytes of batches without an answer after which calls that log wait: about 3.5 million points.
LIMIT_BYTES = 64 * 1024 * 1024

#: Seconds that a call that logs waits for room, before it fails.
ROOM_SECONDS = 600.0

#: Seconds without an answer after which `flush` gives up, and seconds that it takes at most.
ANSWER_SECONDS = 60.0
FLUSH_SECONDS = 600.0

# Seconds after the last batch of a buffer that it is let go of, unless its run is open.
_KEPT = 60.0

# Seconds between two looks of a waiting call whether the uploader is still there.
_LOOK = 1.0


class Wait:
    """A call that waits for answers, or for room.

    Attributes:
        run_id: the run whose answers it waits for; None for all.
        target: number of the last batch that it waits for, once the uploader has made it.
        over: whether nobody waits any more.
        reply: gets an item when the wait is to end.
    """

    def __init__(self, run_id: str | None = None) -> None:
        self.run_id = run_id
        self.target: int | None = None
        self.over = False
        self.reply: SimpleQueue[None] = SimpleQueue()


class Outbox:
    """What one process logged to one server.

    Attributes:
        queue: the batches.
        heartbeats: those of the runs that are open here.
        posted: what the uploader's thread is asked to do; None to look around at once.
        stream_error: why the stream broke, if it does not work.
    """

    def __init__(self, start: Callable[[], bool]) -> None:
        """Make an empty outbox.

        Args:
            start: starts the uploader's thread if there is none; returns whether there is one.
        """
        self._start = start
        self._buffers: dict[str, RunBuffer] = {}
        self._reset()

    def _reset(self) -> None:
        self.queue = BatchQueue()
        self.heartbeats = Heartbeats(self.queue)
        self.posted: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._waits: deque[Wait] = deque()  # for answers
        self._waits_for_room: deque[Wait] = deque()
        self._full = False
        self._next_retirement = 0.0
        self.stream_error: RunstreamError | None = None
        self._trouble: RunstreamError | None = None
        self._failed: BaseException | None = None

    def reset_after_fork(self) -> None:
        """Start anew in a forked child: what is queued here is the parent's to send.

        Locks are made anew too, because threads that held them do not exist in the child.
        """
        posted = self.posted
        self._reset()
        for buffer in list(self._buffers.values()):
            buffer.reset_after_fork()
        posted.put(None)  # where this is no child, the thread that waits for it ends

    # For threads that log.

    def buffer(self, run_id: str) -> RunBuffer:
        """Return the buffer of a run.

        Raises:
            InvalidArgument: it is not the id of a run.
        """
        buffer = self._buffers.get(run_id)
        if buffer is None:
            rules.check_run_id("run_id", run_id)
            buffer = self._buffers.setdefault(run_id, RunBuffer(self, run_id))
        return buffer

    def admit(self, buffer: RunBuffer) -> RunBuffer:
        """Return the buffer that a call may log to, waiting while the outbox is full.

        Raises:
            RunstreamError: something logged to the run before was refused, nothing is sent any
                more, or there was no room for `ROOM_SECONDS`.
        """
        self._raise_refusals([buffer])
        self._raise_failure()
        if self._full:
            self._wait_for_room()
        if buffer.retired:
            return self.buffer(buffer.run_id)
        buffer.admitted = True
        if buffer.refusals or buffer.retired or self._full or self._failed:
            buffer.admitted = False  # this came meanwhile; the next call asks again
        return buffer

    def attend(self, buffer: RunBuffer) -> None:
        """Wake the uploader, after something was logged while it slept."""
        if buffer.retired:
            self.buffer(buffer.run_id)  # from now on `flush` waits for the run
            self.post(partial(self._take_over, buffer))
        elif self.posted.empty():
            self.post(None)
        else:
            self._start()

    def post(self, work: Callable[[], None] | None) -> bool:
        """Ask the uploader's thread to do something; return whether it can."""
        self.posted.put(work)
        return self._start()

    def wake(self) -> None:
        """Let the uploader's thread look for work now."""
        self.post(None)

    def start_heartbeats(self, run_id: str, owner: object) -> None:
        """Send heartbeats of a run, the first one now, until all who started them stop them."""
        self.post(lambda: self.heartbeats.start(self.buffer(run_id).run_id, owner))

    def stop_heartbeats(self, run_id: str, owner: object) -> None:
        """Send no more heartbeats of a run for one who started them; doing it twice is fine."""
        self.post(lambda: self.heartbeats.stop(run_id, owner))

    def catch_up(self) -> None:
        """Wait until the uploader has made batches of what was logged before."""
        wait = Wait()
        if self.post(partial(self._end_catching_up, wait)):
            self._await(wait, ANSWER_SECONDS, FLUSH_SECONDS)

    def flush(
        self, run_id: str | None = None, timeout: float | None = None, *, refusals: bool = True
    ) -> None:
        """Wait until all that was logged before, to one run or to all, is answered.

        Args:
            run_id: the run; all, if left out.
            timeout: seconds to wait. If left out, it waits as long as answers come, at most
                `FLUSH_SECONDS`, and for any one of them `ANSWER_SECONDS`.
            refusals: whether to raise what the server refused.

        Raises:
            DeadlineExceeded: it was not answered in this time.
            RunstreamError: the server refused something of it, or refuses the stream for good.
        """
        if run_id is not None and run_id not in self._buffers:
            return
        patience = ANSWER_SECONDS if timeout is None else timeout
        error = self._wait_for_answers(
            run_id, patience, FLUSH_SECONDS if timeout is None else timeout
        )
        if error is not None:
            raise error
        if refusals:
            self.raise_refusals(run_id)

    def drain(self, patience: float, limit: float) -> RunstreamError | None:
        """Wait until all is answered; return what speaks against it, if it is not.

        Args:
            patience: seconds without an answer after which to give up.
            limit: seconds after which to give up.
        """
        return self._wait_for_answers(None, patience, limit)

    def backlog(self) -> dict[str, Backlog]:
        """Return what has no answer, by run; without a lock, so while others log about."""
        late = {run_id: buffer.waiting() for run_id, buffer in self._buffers.copy().items()}
        for batch in self.queue.snapshot():
            backlog = Backlog(batch.points, batch.settings)
            late[batch.run_id] = late.get(batch.run_id, Backlog()) + backlog
        return {run_id: backlog for run_id, backlog in late.items() if any(backlog)}

    def raise_refusals(self, run_id: str | None = None) -> None:
        """Raise what the server refused of a run, or of all; each refusal is raised once."""
        buffers = self._buffers.copy()
        self._raise_refusals(
            buffers.values() if run_id is None else filter(None, [buffers.get(run_id)])
        )

    # For the uploader's thread.

    def do_posted(self, timeout: float | None) -> None:
        """Do what threads asked for, waiting for it up to `timeout` seconds."""
        with suppress(Empty):
            work = self.posted.get(timeout=timeout)
            while True:
                if work is not None:
                    work()
                work = self.posted.get_nowait()

    def collect(self) -> bool:
        """Make batches of what waits in buffers; return whether there was anything."""
        found = False
        for buffer in list(self._buffers.values()):
            buffer.attention = False
            if not buffer.is_empty():
                found = True
                buffer.drain(self._put)
        self._retire_unused()
        return found

    def sleep(self) -> bool:
        """Let the next call that logs wake the uploader.

        Return False if there is something to do already.
        """
        buffers = list(self._buffers.values())
        for buffer in buffers:
            buffer.attention = True
        return self.is_idle() and all(buffer.is_empty() for buffer in buffers)

    def is_idle(self) -> bool:
        """Return whether nothing is posted, and no batch waits for its answer."""
        return self.posted.empty() and self.queue.last_answered == self.queue.last

    def set_stream_error(self, error: RunstreamError | None, is_lasting: bool = False) -> None:
        """Take note of why the stream broke; None when it works again.

        Args:
            error: why it broke.
            is_lasting: whether waiting cannot help, so that calls that wait fail by this error.
        """
        self.stream_error = error
        self._trouble = error if is_lasting else None
        if is_lasting:
            self._end_all_waits()

    def standing_trouble(self) -> RunstreamError | None:
        """Return what calls that wait fail by, if anything."""
        return self._trouble

    def fail(self, cause: BaseException) -> None:
        """Let all calls fail from now on, because the uploader's thread ends by an error."""
        self._failed = cause
        for buffer in list(self._buffers.values()):
            buffer.admitted = False
        self._end_all_waits()

    # For the stream.

    def answer(self, stream: int, answered: int, refusal: RunstreamError | None) -> None:
        """Take note of an answer: batches of this stream are on disk, the last maybe refused.

        Raises:
            Internal: the answer covers what was not sent.
        """
        with self.queue.lock:
            batch = self.queue.answer(stream, answered)
            if batch is None:
                return
            if refusal is not None and not batch.is_heartbeat:
                # It is there: a buffer is let go of when all its batches are answered.
                buffer = self._buffers[batch.run_id]
                buffer.forget_params(batch.message)
                buffer.refusals.append(batch_error(batch, refusal))
                buffer.admitted = False
            if self._full and self.queue.bytes < LIMIT_BYTES * 3 // 4:
                self._full = False
                _end(self._waits_for_room)
            _end(self._waits, self.queue.last_answered)

    # Waiting.

    def _wait_for_answers(
        self, run_id: str | None, patience: float, limit: float
    ) -> RunstreamError | None:
        wait = Wait(run_id)
        begin = time.monotonic()
        try:
            if self.post(partial(self._begin_wait, wait)):
                self._await(wait, patience, limit)
        finally:
            wait.over = True
        self._raise_failure()
        late = self._late(wait)
        if not any(late):
            return None
        if self._trouble is not None:
            return standing_error(self._trouble, late)
        seconds = min(limit, round(time.monotonic() - begin, 1) if patience < limit else limit)
        return deadline_error(late, run_id, seconds, self.stream_error)

    def _await(self, wait: Wait, patience: float, limit: float) -> bool:
        """Wait for a reply; return whether it came in time.

        Raises:
            Internal: the uploader failed.
        """
        answered, since = self.queue.last_answered, time.monotonic()
        end = since + limit
        while True:
            self._raise_failure()
            now = time.monotonic()
            if self.queue.last_answered != answered:
                answered, since = self.queue.last_answered, now
            left = max(0.0, min(since + patience, end) - now)
            with suppress(Empty):
                wait.reply.get(timeout=min(left, _LOOK))
                return True
            if not left or not self._start():
                return False

    def _wait_for_room(self) -> None:
        wait = Wait()
        end = time.monotonic() + ROOM_SECONDS
        while self._full and self.post(partial(self._begin_wait_for_room, wait)):
            left = end - time.monotonic()
            if self._trouble is not None:
                raise standing_error(self._trouble, self._late(wait))
            if not self._await(wait, left, left):
                late = self._late(wait)
                raise DeadlineExceeded(
                    f"no room for {ROOM_SECONDS:g} s, because {late} have no answer and fill the "
                    f"{LIMIT_BYTES >> 20} MiB of the outbox; what this call logged is not queued"
                    + (f" (the stream broke: {self.stream_error})" if self.stream_error else ""),
                    reason="OUTBOX_FULL",
                    points=late.points,
                    settings=late.settings,
                )

    def _late(self, wait: Wait) -> Backlog:
        """Return how much of what a call waits for has no answer."""
        if wait.target is None:
            backlog = self.backlog()
            runs = [wait.run_id] if wait.run_id is not None else list(backlog)
            return sum((backlog.get(run_id, Backlog()) for run_id in runs), Backlog())
        batches = [
            Backlog(batch.points, batch.settings)
            for batch in self.queue.snapshot()
            if batch.number <= wait.target and wait.run_id in (None, batch.run_id)
        ]
        return sum(batches, Backlog())

    def _raise_refusals(self, buffers: Iterable[RunBuffer]) -> None:
        told = [(buffer, error) for buffer in buffers for error in buffer.refusals.copy()]
        if told:
            try:
                raise joint_error([error for _, error in told])
            finally:  # an interrupt before this leaves them to be raised again
                for buffer, error in told:
                    with suppress(ValueError):  # another thread raised it, too
                        buffer.refusals.remove(error)

    def _raise_failure(self) -> None:
        cause = self._failed
        if cause is not None:
            late = sum(self.backlog().values(), Backlog())
            raise Internal(
                f"uploading failed for good: {cause!r}; {late} were not delivered",
                reason="UPLOADER_FAILED",
                points=late.points,
                settings=late.settings,
            ) from cause

    # What the uploader's thread does for others.

    def _begin_wait(self, wait: Wait) -> None:
        self.collect()
        with self.queue.lock:
            wait.target = (
                self.queue.last if wait.run_id is None else self.queue.last_of(wait.run_id)
            )
            self._waits = deque(other for other in self._waits if not other.over)
            self._waits.append(wait)
            if self._trouble is not None:
                _end(self._waits)
            _end(self._waits, self.queue.last_answered)

    def _begin_wait_for_room(self, wait: Wait) -> None:
        with self.queue.lock:
            self._waits_for_room.append(wait)
            if not self._full or self._trouble is not None:
                _end(self._waits_for_room)

    def _end_catching_up(self, wait: Wait) -> None:
        self.collect()
        wait.reply.put(None)

    def _end_all_waits(self) -> None:
        with self.queue.lock:
            _end(self._waits)
            _end(self._waits_for_room)

    def _take_over(self, retired: RunBuffer) -> None:
        if retired.retired:
            self.buffer(retired.run_id).take_over(retired)

    def _put(self, buffer: RunBuffer, message: bytes, points: int, settings: int) -> None:
        with self.queue.lock:
            self.queue.put(buffer.run_id, message, points, settings)
            if self.queue.bytes < LIMIT_BYTES or self._full:
                return
            self._full = True
        for other in list(self._buffers.values()):
            other.admitted = False
        log.warning(
            "%d MiB wait for the server: calls that log wait too, until it catches up",
            LIMIT_BYTES >> 20,
        )

    def _retire_unused(self) -> None:
        now = time.monotonic()
        if now < self._next_retirement:
            return
        self._next_retirement = now + _KEPT / 10
        for buffer in list(self._buffers.values()):
            if buffer.used <= now - _KEPT and self._is_done(buffer):
                buffer.retired = True
                buffer.admitted = False
                buffer.attention = True
                # What is logged from here on is not missed: see `attend`.
                if buffer.is_empty():
                    del self._buffers[buffer.run_id]
                    self.queue.forget_run(buffer.run_id)
                else:
                    buffer.retired = False

    def _is_done(self, buffer: RunBuffer) -> bool:
        return (
            buffer.run_id not in self.heartbeats
            and self.queue.is_answered(buffer.run_id)
            and not buffer.refusals
            and not buffer.ahead_of(time.time_ns() // 1_000_000)
        )


def _end(waits: deque[Wait], answered: int | None = None) -> None:
    """End waits: all, or those for batches up to a number."""
    for wait in list(waits):
        if answered is None or (wait.target or 0) <= answered:
            waits.remove(wait)
            wait.reply.put(None)
