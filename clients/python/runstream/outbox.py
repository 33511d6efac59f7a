"""What was logged and is not answered yet: the batches of a process, in the order of sending.

    RunBuffer ──collect──> Outbox ──send──> stream
    (points, per run)      (batches) <─answer─┘

Three parties meet here. Threads that log put points into buffers, without a lock, and batches of
params and tags into the outbox. The uploader's thread, or a thread that flushes, moves points from
buffers into batches. The stream takes batches to send them, and drops them when they are answered.

Locks: `_collecting` is held while points become batches, so that each point is either in a buffer
or in a batch for whoever holds it. `_lock` covers every other attribute of the outbox, and `last`,
`sent`, `sign_waits` and `refusals` of the buffers. A thread that needs both takes `_collecting`
first. Nobody waits for the network with either.

Memory: batches may take `LIMIT_BYTES` and points on their way into batches a few MiB more. When
the limit is reached, which takes an outage or a server slower than its clients, calls that log
wait until a quarter is free again, and a warning is logged.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from weakref import WeakValueDictionary

from runstream.batch import Backlog, Batch, lateness_of, one_of_many, refusal_of
from runstream.buffer import RunBuffer
from runstream.errors import Internal, RunstreamError

log = logging.getLogger("runstream")

#: Bytes of batches without an answer after which calls that log wait: about 3.5 million points.
LIMIT_BYTES = 64 * 1024 * 1024

#: Bytes on the stream without an answer after which no more is sent.
WINDOW_BYTES = 8 * 1024 * 1024

#: Seconds after which an open run gives a sign of life, if nothing of it was sent meanwhile.
HEARTBEAT = 10.0

# What a batch takes besides its message.
_BATCH_OVERHEAD = 200

# Seconds without a call after which a buffer is let go, unless somebody else holds it.
_KEPT = 60.0


class Outbox:
    """The batches of one process for one server.

    Attributes:
        attention: whether a call that logs must call `attend`; read without a lock.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        """Make an empty outbox.

        Args:
            wake: wakes the uploader; must not wait for it.
        """
        self._wake = wake
        # Buffers are kept while they are in use: by the caller, or by a weak reference and a
        # strong one that `_let_go` drops after a while.
        self._buffers: WeakValueDictionary[str, RunBuffer] = WeakValueDictionary()
        self._kept: dict[str, RunBuffer] = {}
        self._begin()

    def _begin(self) -> None:
        self._collecting = threading.Lock()
        self._lock = threading.RLock()
        self._unsent = threading.Condition(self._lock)
        self._answered = threading.Condition(self._lock)
        self._batches: deque[Batch] = deque()
        self._bytes = 0
        self._last = 0  # number of the last batch
        self._last_answered = 0
        self._stream = 0  # number of the stream that may send; another for none
        self._sent = 0  # how many of the batches are on this stream
        self._sent_bytes = 0
        self._stream_answered = 0
        self._idle = True
        self._full = False
        self._living: dict[RunBuffer, int] = {}  # how often each run is open here
        self._signs_due = math.inf  # when one of them may have to give a sign
        self._broken_by: RunstreamError | None = None
        self._trouble: RunstreamError | None = None
        self.attention = True

    def forget(self) -> None:
        """Begin anew in a forked child: what is queued here is the parent's to send.

        Locks are made anew too, because threads that held them do not exist in the child.
        """
        self._begin()
        for buffer in list(self._buffers.values()):
            buffer.forget()

    # For threads that log.

    def buffer(self, run_id: str) -> RunBuffer:
        """Return the buffer of a run."""
        with self._lock:
            buffer = self._buffers.get(run_id)
            if buffer is None:
                buffer = self._buffers[run_id] = RunBuffer(self, run_id)
            buffer.used = time.monotonic()
            self._kept[run_id] = buffer
            return buffer

    def put(self, buffer: RunBuffer, message: bytes, points: int = 0, settings: int = 0) -> None:
        """Add a batch."""
        with self._lock:
            self._last += 1
            buffer.last = self._last
            self._append(Batch(buffer, message, points, settings, self._last))
            if self._bytes >= LIMIT_BYTES and not self._full:
                self._full = self.attention = True
                log.warning(
                    "%d MiB wait for the server: calls that log wait too, until it catches up",
                    LIMIT_BYTES >> 20,
                )

    def begin_signs(self, buffer: RunBuffer) -> None:
        """Give signs of life of a run, the first one now, until `end_signs` is called as often."""
        with self._lock:
            self._living[buffer] = self._living.get(buffer, 0) + 1
            self._give_sign(buffer)
            self._signs_due = 0.0
        self._wake()

    def end_signs(self, buffer: RunBuffer) -> None:
        """Give no more signs of life of a run; a forked child gives none of its parent's runs."""
        with self._lock:
            times = self._living.pop(buffer, 0)
            if times > 1:
                self._living[buffer] = times - 1

    def attend(self) -> None:
        """Wake the uploader if it sleeps, and wait while the outbox is full."""
        with self._lock:
            self._rouse()
            if self._full:
                self._answered.wait_for(lambda: not self._full)

    def collect(self) -> bool:
        """Make batches of the points that wait in buffers; return whether there were any."""
        found = False
        with self._collecting:
            for buffer in list(self._buffers.values()):
                for message, points in buffer.drain():
                    self.put(buffer, message, points)
                    buffer.used = time.monotonic()
                    self._kept[buffer.run_id] = buffer
                    found = True
        return found

    def flush(self, run_id: str | None = None, timeout: float | None = None) -> None:
        """Wait until all that was logged before, to one run or to all, is answered.

        Raises:
            DeadlineExceeded: it was not within `timeout` seconds.
            RunstreamError: the server refused something of it, or refuses the stream for good.
        """
        buffer = None if run_id is None else self._buffers.get(run_id)
        if run_id is not None and buffer is None:
            return
        self.collect()
        with self._lock:
            target = self._last if buffer is None else buffer.last
            self._rouse()
            self._answered.wait_for(
                lambda: self._last_answered >= target or self._trouble is not None, timeout
            )
            self.raise_refusals(buffer)
            if self._last_answered < target:
                late = [
                    batch
                    for batch in self._batches
                    if batch.number <= target and buffer in (None, batch.buffer)
                ]
                raise self._trouble or lateness_of(late, run_id, timeout, self._broken_by)

    def drain(self, patience: float) -> bool:
        """Wait until all is answered; return False after `patience` seconds without an answer."""
        self.collect()
        with self._lock:
            self._rouse()
            while self._last_answered < self._last and self._trouble is None:
                went_on = partial(self._went_on, self._last_answered)
                if not self._answered.wait_for(went_on, patience):
                    return False
            return self._last_answered == self._last

    def backlog(self) -> dict[str, Backlog]:
        """Return what has no answer, by run."""
        with self._collecting, self._lock:
            points = Counter({run_id: b.points() for run_id, b in self._buffers.items()})
            settings: Counter[str] = Counter()
            for batch in self._batches:
                points[batch.buffer.run_id] += batch.points
                settings[batch.buffer.run_id] += batch.settings
            return {
                run_id: Backlog(points[run_id], settings[run_id])
                for run_id in points.keys() | settings.keys()
                if points[run_id] or settings[run_id]
            }

    def raise_refusals(self, buffer: RunBuffer | None = None) -> None:
        """Raise what the server refused of a run, or of all; each refusal is raised once."""
        with self._lock:
            buffers = list(self._buffers.values()) if buffer is None else [buffer]
            refusals = [error for one in buffers for error in one.refusals]
            for one in buffers:
                one.refusals.clear()
        if refusals:
            raise one_of_many(refusals)

    # For the uploader.

    def pending(self) -> bool:
        """Return whether a batch, or a sign of life, waits for its answer."""
        with self._lock:
            return bool(self._batches)

    def give_signs(self) -> float | None:
        """Add a sign of life for each open run of which nothing was sent lately.

        Return the seconds until there may be another to add; None if no run is open. During an
        outage none is added to what waits.
        """
        now = time.monotonic()
        with self._lock:
            if now >= self._signs_due:
                for buffer in self._living:
                    waits = buffer.sign_waits or buffer.last > self._last_answered
                    if now >= buffer.sent + HEARTBEAT and not waits:
                        self._give_sign(buffer)
                due = min((buffer.sent for buffer in self._living), default=math.inf) + HEARTBEAT
                self._signs_due = max(due, now + HEARTBEAT / 10)
            return self._signs_due - now if self._living else None

    def sleep(self) -> bool:
        """Fall idle, so that the next call that logs wakes the uploader.

        Return False, and stay awake, if something was logged meanwhile.
        """
        with self._lock:
            self._idle = self.attention = True
            # Whoever logs puts the point first and looks at `attention` then; here it is the
            # other way round. So one of the two sees the other.
            unanswered = self._last_answered < self._last
            if unanswered or any(buffer.points() for buffer in self._buffers.values()):
                self._idle = False
                self.attention = self._full
                return False
            self._let_go()
            return True

    def trouble(self, error: RunstreamError | None, for_good: bool = False) -> None:
        """Take note of why the stream broke; None when it works again.

        Args:
            error: why it broke.
            for_good: whether waiting cannot help, so that calls that flush fail by this error.
        """
        with self._lock:
            self._broken_by = error
            self._trouble = error if for_good else None
            self._answered.notify_all()

    def standing_trouble(self) -> RunstreamError | None:
        """Return what calls that flush fail by, if anything."""
        with self._lock:
            return self._trouble

    # For the stream.

    def begin_stream(self) -> int:
        """Return the number of a new stream, on which nothing is sent yet."""
        with self._lock:
            self._stream += 1
            self._sent = self._sent_bytes = self._stream_answered = 0
            return self._stream

    def end_stream(self, stream: int) -> None:
        """Send nothing more on a stream."""
        with self._lock:
            if stream == self._stream:
                self._stream += 1
                self._unsent.notify_all()

    def next_message(self, stream: int) -> bytes | None:
        """Return what to send next, waiting for it; None when the stream has ended."""
        with self._lock:
            while stream == self._stream:
                room = not self._sent or self._sent_bytes < WINDOW_BYTES
                if room and self._sent < len(self._batches):
                    message = self._batches[self._sent].message
                    self._sent += 1
                    self._sent_bytes += len(message)
                    return message
                self._unsent.wait()
            return None

    def answer(self, stream: int, answered: int, refusal: RunstreamError | None) -> None:
        """Take note of an answer: batches of this stream are on disk, the last maybe refused.

        Raises:
            Internal: the answer covers what was not sent.
        """
        with self._lock:
            if stream != self._stream:
                return
            count = answered - self._stream_answered
            if not 0 < count <= self._sent:
                raise Internal(
                    f"the server answered {answered} requests of a stream, "
                    f"of which {self._stream_answered + self._sent} were sent"
                )
            self._stream_answered = answered
            self._sent -= count
            for _ in range(count):
                batch = self._batches.popleft()
                self._bytes -= len(batch.message) + _BATCH_OVERHEAD
                self._sent_bytes -= len(batch.message)
                self._last_answered = batch.number
                if batch.is_sign:
                    batch.buffer.sign_waits = False
            if refusal is not None and not batch.is_sign:
                batch.buffer.refusals.append(refusal_of(batch, refusal))
                self._kept[batch.buffer.run_id] = batch.buffer
            if self._full and self._bytes < LIMIT_BYTES * 3 // 4:
                self._full = False
                self.attention = self._idle
            self._unsent.notify()
            self._answered.notify_all()

    def _went_on(self, answered: int) -> bool:
        return self._last_answered > answered or self._trouble is not None

    def _append(self, batch: Batch) -> None:
        self._batches.append(batch)
        self._bytes += len(batch.message) + _BATCH_OVERHEAD
        batch.buffer.sent = time.monotonic()
        self._unsent.notify()

    def _give_sign(self, buffer: RunBuffer) -> None:
        # Nobody waits for its answer, so it has no number of its own.
        buffer.sign_waits = True
        self._append(Batch(buffer, buffer.sign_of_life(), 0, 0, self._last))

    def _rouse(self) -> None:
        if self._idle:
            self._idle = False
            self.attention = self._full
            self._wake()

    def _let_go(self) -> None:
        long_ago = time.monotonic() - _KEPT
        now = time.time_ns() // 1_000_000
        for run_id, buffer in list(self._kept.items()):
            if buffer.used < long_ago and not buffer.refusals and not buffer.ahead_of(now):
                del self._kept[run_id]
