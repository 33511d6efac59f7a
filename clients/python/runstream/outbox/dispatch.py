"""What the uploader's thread does with an outbox, besides sending it."""

from __future__ import annotations

from runstream.errors import RunstreamError
from runstream.outbox.collector import Collector
from runstream.outbox.delivery_state import DeliveryState
from runstream.outbox.outgoing_batches import OutgoingBatches
from runstream.outbox.task_queue import TaskQueue
from runstream.outbox.wait_list import WaitList


class Dispatch:
    """The way from the buffers to the batches, and what is known of their way to the server.

    The uploader's thread alone calls the methods; where there is none, at the end of a program,
    the thread that stands in for it.
    """

    def __init__(
        self,
        batches: OutgoingBatches,
        tasks: TaskQueue,
        collector: Collector,
        state: DeliveryState,
        wait_list: WaitList,
    ) -> None:
        self._batches = batches
        self._tasks = tasks
        self._collector = collector
        self._state = state
        self._wait_list = wait_list

    def collect(self) -> int:
        """Make batches of what waits in the buffers in use; return how much it was.

        What was made into batches for calls that wait, since the last call of this, counts, too.
        """
        self._collector.collect()
        return self._collector.take_count()

    def collect_all(self) -> None:
        """Make batches of all that waits in buffers, at the end of a program."""
        self._collector.collect_all()

    def save(self) -> None:
        """Let what became batches survive the process and, if it shall, a crash of the machine."""
        has_room_again = self._batches.save()
        if has_room_again or self._batches.queue.is_final:
            self._wait_list.end_answered()

    def sleep(self) -> bool:
        """Let the next call that logs wake the uploader.

        Return False if there is something to do already.
        """
        has_empty_buffers = self._collector.request_wake()
        has_tasks = self._tasks.has_later() or not self._tasks.is_empty()
        return has_empty_buffers and not has_tasks and self._batches.is_answered()

    def set_stream_error(self, error: RunstreamError | None, is_lasting: bool = False) -> None:
        """Record why the stream broke; None when it works again.

        Args:
            error: why it broke.
            is_lasting: whether waiting cannot help, so that calls that wait raise this error.
        """
        self._state.set_stream_error(error, is_lasting)
        if is_lasting:
            self._wait_list.end_all()
        elif error is not None:
            self._wait_list.end_starts()

    def fail(self, cause: BaseException) -> None:
        """Let all calls fail from now on, because the uploader's thread ends by an error."""
        self._state.set_failure(cause)
        self._collector.close_buffers()
        self._wait_list.end_all()
