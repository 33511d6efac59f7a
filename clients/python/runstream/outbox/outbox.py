"""The outbox of a process for a server, as calls use it; its parts are in the other modules."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

from runstream import entities
from runstream.errors import RunstreamError, Unavailable
from runstream.outbox import waits
from runstream.outbox.answers import Answers
from runstream.outbox.background_tasks import BackgroundTasks
from runstream.outbox.batch import Backlog
from runstream.outbox.batch_queue import BatchQueue, MemoryQueue
from runstream.outbox.buffer import RunBuffer
from runstream.outbox.collector import Collector
from runstream.outbox.deferred_work import DeferredWork
from runstream.outbox.delivery_state import DeliveryState
from runstream.outbox.dispatch import Dispatch
from runstream.outbox.gate import Gate
from runstream.outbox.heartbeats import Heartbeats
from runstream.outbox.kept_refusals import KeptRefusals
from runstream.outbox.outgoing_batches import OutgoingBatches
from runstream.outbox.refusals import Refusals
from runstream.outbox.started_runs import StartedRuns
from runstream.outbox.stream_window import StreamWindow
from runstream.outbox.task_log import TaskLog
from runstream.outbox.task_queue import TaskQueue
from runstream.outbox.task_worker import DoTask, TaskWorker
from runstream.outbox.wait_list import WaitList
from runstream.outbox.waits import Waits

# Seconds for which deferred work, and slow work, is put off at most while trainings go on.
_MAX_DELAY_SECONDS = 2.0
_MAX_SLOW_DELAY_SECONDS = 10.0

# Seconds that the end of a program waits for the files that it leaves to others.
_CLOSE_SECONDS = 1.0


class Outbox:
    """The data that one process logged to one server and that has no answer yet.

    Any thread may call the methods; `runstream.outbox` says how the threads meet. The outbox itself
    has no state but its objects, which are replaced in a forked child.

    Attributes:
        batches: those without an answer.
        window: what of them is on a stream.
        answers: what answers do, for the thread of a stream.
        dispatch: what the uploader's thread does.
        waits: how calls wait for it.
        heartbeats: the open runs, for the uploader's thread.
        tasks: what the uploader's thread is asked to do.
        kept_refusals: what the server refused and is kept on disk.
        background: uploads and calls about models that are in the spool.
        do_task: does one of them at the server; the session sets it.
        send_start: sends the start of a run that waits in the folder of another process; the
            session sets it. Without it, what is refused for want of a start is so for good.
        deferred: uploads and calls that were left for later, for a thread of their own.
        slow: those that take long, such as figures, which only reads of artifacts wait for.
    """

    def __init__(
        self,
        ensure_thread: Callable[[], bool],
        before_start: Callable[[], object] = lambda: None,
        connect_seconds: float = waits.CONNECT_SECONDS,
        new_queue: Callable[[], BatchQueue] = MemoryQueue,
    ) -> None:
        """Make an empty outbox.

        Args:
            ensure_thread: starts the uploader's thread if there is none; returns whether there is
                one.
            before_start: called before the thread of deferred work starts.
            connect_seconds: how long the start of a run waits for a connection.
            new_queue: makes the queue of batches; another one in a forked child.
        """
        self._new_queue = new_queue
        self._before_start = before_start
        self.do_task: DoTask = _cannot_do
        self.send_start: Callable[[str], object] | None = None
        self._connect_seconds = connect_seconds
        self._ensure_thread = ensure_thread
        self.deferred = DeferredWork(before_start, _MAX_DELAY_SECONDS)
        self.slow = DeferredWork(before_start, _MAX_SLOW_DELAY_SECONDS)
        self._gate = Gate()
        self._collector = Collector(self._gate)
        self._reset()

    def _reset(self) -> None:
        self.tasks = TaskQueue(self._ensure_thread)
        self.batches = OutgoingBatches(self._new_queue())
        self.window = StreamWindow(self.batches)
        self.heartbeats = Heartbeats(self.batches, self.window)
        self._refusals = Refusals()
        self.kept_refusals = KeptRefusals(self.batches)
        self._state = DeliveryState()
        self._started_runs = StartedRuns()
        self._collector.reset(self.batches, self._refusals, self.heartbeats)
        wait_list = WaitList(self.batches, self._collector, self._state)
        self.waits = Waits(
            self.batches, self.window, self.tasks, self._collector, self._state, wait_list
        )
        self._gate.reset(
            self.batches, self.tasks, self._collector, self._refusals, self._state, self.waits
        )
        self.dispatch = Dispatch(self.batches, self.tasks, self._collector, self._state, wait_list)
        self.answers = Answers(
            self.batches,
            self.window,
            self._collector,
            self._refusals,
            self.kept_refusals,
            self._started_runs,
            wait_list,
            self._seek_start,
        )
        worker = TaskWorker(
            self.batches,
            self._collector,
            self._refusals,
            self.kept_refusals,
            lambda *task: self.do_task(*task),
            self._before_start,
        )
        task_log = TaskLog(self.batches, self.tasks, self._collector, self._state, worker)
        self.background = BackgroundTasks(self._collector, self._state, task_log, worker)

    def reset_after_fork(self) -> None:
        """Start empty in a forked child: what is queued here is the parent's to send.

        Locks are made anew too, because the threads that held them do not exist in the child.
        """
        old_tasks = self.tasks
        self.deferred.reset_after_fork()
        self.slow.reset_after_fork()
        self._reset()
        old_tasks.wake_if_running()  # a thread that waits for tasks ends, if this is no child

    @property
    def stream_error(self) -> RunstreamError | None:
        """Why the stream broke, if it does not work."""
        return self._state.stream_error

    @property
    def seconds_away(self) -> float:
        """How long the stream does not work; 0 if it does."""
        since = self._state.broken_since
        return 0.0 if since is None else time.monotonic() - since

    @property
    def is_offline(self) -> bool:
        """Whether nothing is sent: what is logged is done when it is on disk."""
        return self.batches.queue.is_final

    @property
    def has_lasting_error(self) -> bool:
        """Whether the server refuses the stream for good."""
        return self._state.lasting_error is not None

    def buffer(self, run_id: str) -> RunBuffer:
        """Return the buffer of a run.

        Raises:
            InvalidArgument: it is not the id of a run.
        """
        return self._collector.buffer(run_id)

    def start_heartbeats(self, run_id: str, owner: object) -> None:
        """Send heartbeats of a run, the first one now, until all who started them stop them."""
        if self.is_offline:
            return
        contents = self.buffer(run_id).contents
        self.tasks.post(lambda: self.heartbeats.start(run_id, owner, is_silent=contents.is_empty()))

    def stop_heartbeats(self, run_id: str, owner: object) -> None:
        """Send no more heartbeats of a run for one who started them; doing it twice is fine."""
        # A running uploader looks by itself soon: with what is logged until then, such as the next
        # run, it makes one round in place of two.
        self.tasks.post_later(lambda: self.heartbeats.stop(run_id, owner))
        buffer = self.buffer(run_id)
        if buffer.must_wake:
            self._gate.wake_for(buffer)

    def wait_for_start(self, run_id: str) -> entities.RunInfo | None:
        """Wait for the answer to what was queued for a run, and return the run as it says.

        Return None if there is no answer because the server is away: at once if the stream is
        broken, after `connect_seconds` without a connection, and after
        `waits.START_ANSWER_SECONDS` if there is one.

        Raises:
            RunstreamError: the server refused it, or refuses the stream for good.
        """
        is_answered = self.waits.wait_for_start(run_id, self._connect_seconds)
        self.raise_refusals(run_id)
        return self._started_runs.take(run_id) if is_answered else None

    def take_started(self, run_id: str) -> entities.RunInfo | None:
        """Return a run as the server answered its start or its resumption, once."""
        return self._started_runs.take(run_id)

    def flush(
        self,
        run_id: str | None = None,
        timeout: float | None = None,
        *,
        refusals: bool = True,
        with_files: bool = False,
    ) -> None:
        """Wait until all that was logged before, to one run or to all, is answered.

        Args:
            run_id: the run; all, if left out.
            timeout: seconds to wait. If left out, it waits as long as answers come, at most
                `waits.FLUSH_SECONDS`, and for any one of them `waits.ANSWER_SECONDS`.
            refusals: whether to raise what the server refused.
            with_files: whether to wait for files that are uploaded in the background, too, as long
                as that goes on.

        Raises:
            DeadlineExceeded: it was not answered in this time.
            RunstreamError: the server refused something of it, or refuses the stream for good.
        """
        self.deferred.wait(run_id, waits.FLUSH_SECONDS if timeout is None else timeout)
        start = time.monotonic()
        answer_timeout = waits.ANSWER_SECONDS if timeout is None else timeout
        limit = waits.FLUSH_SECONDS if timeout is None else timeout
        if run_id is None or self._collector.has_buffer(run_id):
            error = self.waits.wait_for_answers(run_id, answer_timeout, limit)
            if error is not None:
                raise error
        if with_files:
            left = math.inf if timeout is None else timeout - (time.monotonic() - start)
            self.background.wait(run_id, answer_timeout, left)
        if refusals:
            self.raise_refusals(run_id)

    def flush_changes(self, run_id: str) -> None:
        """Wait until the start of a run, and what else changed it, is answered; else as `flush`.

        A call of its own that names the run would overtake it.
        """
        if self._collector.run_backlog(run_id).changes:
            self.flush(run_id)

    def wait_for_changes(self, run_id: str) -> bool:
        """Wait as `flush_changes`, with the limits of `wait_for_start`.

        Return False if the server is away. Raises as `wait_for_start`.
        """
        if not self._collector.run_backlog(run_id).changes:
            return True
        is_answered = self.waits.wait_for_start(run_id, self._connect_seconds, raises_own=False)
        self.raise_refusals(run_id)
        return is_answered

    def wait_for_artifacts(self, owner: str) -> None:
        """Wait until the artifacts of a run or a model that were left for later are there.

        Raises:
            DeadlineExceeded: they are not there in `waits.FLUSH_SECONDS`.
            RunstreamError: as `flush_changes`.
        """
        self.flush_changes(owner)
        self.deferred.wait(owner, waits.FLUSH_SECONDS)
        self.slow.wait(owner, waits.FLUSH_SECONDS)
        self.background.wait(owner, waits.ANSWER_SECONDS, math.inf)

    def backlog(self) -> dict[str, Backlog]:
        """Return how much has no answer, by run; exact while no other thread logs."""
        return _joined(self._collector.backlog(), self.background.backlog())

    def saved(self) -> dict[str, Backlog]:
        """Return how much of it is on disk, by run."""
        unsaved = self._queued_in_memory()
        left = {run: all_of - unsaved.get(run, Backlog()) for run, all_of in self.backlog().items()}
        return {run: backlog for run, backlog in left.items() if any(backlog)}

    def unsaved(self) -> dict[str, Backlog]:
        """Return how much of it is in the memory of this process alone, by run."""
        logged = self._queued_in_memory()
        return _joined(logged, _joined(self.deferred.unsaved(), self.slow.unsaved()))

    def spool_folder(self) -> Path | None:
        """Return the folder on disk that has what is not answered; None if nothing is there."""
        return self.batches.queue.path or self.background.folder()

    def begin_folder(self) -> None:
        """Keep what is said from now on in a folder delivered after those there are by now."""
        self.waits.wait_until_collected()
        with self.batches.lock:
            self.batches.queue.begin_folder()

    def close_queue(self) -> None:
        """Leave what is not answered, and is on disk, to another process."""
        # The uploader's thread has the lock while it waits for a disk that hangs.
        seconds = 0.0 if self.batches.disk_watch.is_hanging else _CLOSE_SECONDS
        if self.batches.lock.acquire(timeout=seconds):
            try:
                self.batches.queue.close()
            finally:
                self.batches.lock.release()

    def raise_refusals(self, run_id: str | None = None) -> None:
        """Raise what the server refused of a run, or of all; each refusal is raised once."""
        self._refusals.raise_for(run_id)

    def _queued_in_memory(self) -> dict[str, Backlog]:
        return _joined(self._collector.unsaved(), self.background.unsaved())

    def _seek_start(self, run_id: str) -> bool:
        if self.send_start is None:
            return False
        self.send_start(run_id)
        return True


def _joined(first: dict[str, Backlog], second: dict[str, Backlog]) -> dict[str, Backlog]:
    for owner, backlog in second.items():
        first[owner] = first.get(owner, Backlog()) + backlog
    return first


def _cannot_do(*_: object) -> None:
    raise Unavailable("nothing is uploaded in the background here")
