"""The calls that wait, as the threads that end their waits know them."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from queue import Empty, SimpleQueue

from runstream.outbox.batch import Batch
from runstream.outbox.collector import Collector
from runstream.outbox.delivery_state import DeliveryState
from runstream.outbox.outgoing_batches import OutgoingBatches


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


class WaitList:
    """The calls that wait for answers, for room, or for the start of a run.

    The uploader's thread calls every method; the thread of a stream calls `is_awaited` and those
    that begin with `end_`. The lock of the batches covers the lists.
    """

    def __init__(
        self, batches: OutgoingBatches, collector: Collector, state: DeliveryState
    ) -> None:
        self._batches = batches
        self._collector = collector
        self._state = state
        self._for_answers: deque[Wait] = deque()
        self._for_room: deque[Wait] = deque()
        self._for_starts: deque[Wait] = deque()

    def __len__(self) -> int:
        """Return how many calls are in the lists, those among them that gave up."""
        return len(self._for_answers) + len(self._for_room) + len(self._for_starts)

    # On the thread of a stream, or the uploader's.

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

    def enter_for_answers(self, wait: Wait) -> None:
        """Let a call wait for the answers to what was logged before, to its run or to all."""
        self._collector.collect_all()
        with self._batches.lock:
            wait.set_target(self._batches.last_number(wait.run_id))
            self._for_answers = deque(other for other in self._for_answers if not other.is_over)
            self._for_answers.append(wait)
            if self._state.lasting_error is not None:
                _end(self._for_answers)
            _end(self._for_answers, self._batches.last_answered)

    def enter_for_start(self, wait: Wait) -> None:
        """Let a call wait for the answer to what was logged to its run before."""
        self._collector.collect_run(wait.run_id or "")
        with self._batches.lock:
            wait.set_target(self._batches.last_number(wait.run_id))
            self._for_starts = deque(other for other in self._for_starts if not other.is_over)
            self._for_starts.append(wait)
            _end(self._for_starts, self._batches.last_answered)
            if self._state.stream_error is not None:
                _end(self._for_starts)

    def enter_for_room(self, wait: Wait) -> None:
        """Let a call wait until there is room."""
        with self._batches.lock:
            self._for_room.append(wait)
            if not self._batches.is_full or self._state.lasting_error is not None:
                _end(self._for_room)

    def collect_for(self, wait: Wait) -> None:
        """Make batches of what was logged before, and end the wait for it."""
        self._collector.collect_all()
        wait.end()

    def save_for(self, wait: Wait) -> None:
        """Do the same, and write it to a disk that could not be written shortly before."""
        self._collector.collect_all()
        self._batches.save(at_once=True)
        wait.end()


def _end(waits: deque[Wait], answered: int | None = None) -> None:
    """End waits: all, or those for batches up to a number."""
    for wait in list(waits):
        if answered is None or (wait.target or 0) <= answered:
            waits.remove(wait)
            wait.end()
