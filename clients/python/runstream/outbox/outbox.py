"""The outbox of a process for a server: what was logged and is not answered yet.

    RunBuffer ──Collector──> OutgoingBatches ──StreamWindow──> LogStream
    (what was logged         (a BatchQueue:    <───answer────┘
    to one run)              memory or disk)

Three parties meet here:

- Threads that log append to buffers. An interrupt (Ctrl-C, an exception of a signal handler) may
  come between any two of their steps, so they take no lock and change nothing in two steps: what
  a call queues is appended by one step in C, and for everything else they post a task to the
  uploader's thread. A call that waits waits for a reply in a queue of its own.
- The uploader's thread alone makes batches of what buffers hold, retires buffers, and runs the
  tasks that were posted.
- The two threads of a stream take batches to send them, and drop them when they are answered.

The objects of the outbox, and what keeps each of them safe:

    RunBuffer        what was logged to one run    no lock: each change is one step
    Collector        the buffers, those in use     no lock: only the uploader removes
    OutgoingBatches  batches without an answer     its lock
    BatchQueue       the same, kept in order       the lock of the batches
    StreamWindow     what of them is on a stream   the lock of the batches
    Waits            calls that wait               the lock of the batches
    Refusals         what the server refused       no lock: each change is one step
    KeptRefusals     the same, kept on disk        the lock of the batches
    StartedRuns      answers to starts             no lock: each change is one step
    DeliveryState    what is wrong with delivery   no lock: each change is one step
    TaskQueue        what the uploader shall do    no lock: each change is one step
    DeferredWork     work left for later           no lock that a call takes
    BackgroundTasks  uploads left for later        no lock that a call takes
    Heartbeats       the open runs                 the uploader's thread alone

The uploader looks at the buffers that are in use. A call that logs to another one finds `must_wake`
set, and puts it among them before it wakes the uploader.

Two flags of a buffer keep calls fast: a call reads `is_open` before it queues something, and
`must_wake` after it. Another thread that sets one of them against a call does so first, and looks
at what the buffer holds afterwards; the call does it the other way round. So one of the two sees
the other, and nothing is queued where nobody looks. A buffer is retired only in that way, and what
a call still logs to it is moved to the buffer that took its place.

Memory: what is on disk takes `disk_queue.HEAD_BYTES`, and what is being made into batches a few MiB
more. What is in memory alone, because the disk takes no more or there is no spool, may take
`outgoing_batches.LIMIT_BYTES`. When that is reached, which takes an outage or a server that is
slower than its clients, calls that log wait until a quarter is free again, at most
`waits.ROOM_SECONDS`, and a warning is logged.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from runstream.entities import RunInfo
from runstream.errors import DeadlineExceeded, RunstreamError, Unavailable
from runstream.outbox import waits
from runstream.outbox.background_tasks import BackgroundTasks
from runstream.outbox.batch import Backlog, Batch
from runstream.outbox.batch_queue import BatchQueue, MemoryQueue
from runstream.outbox.buffer import RunBuffer
from runstream.outbox.collector import Collector
from runstream.outbox.deferred_work import DeferredWork
from runstream.outbox.delivery_errors import RUN_NOT_FOUND, batch_error
from runstream.outbox.delivery_state import DeliveryState
from runstream.outbox.heartbeats import Heartbeats
from runstream.outbox.kept_refusals import KeptRefusals
from runstream.outbox.outgoing_batches import OutgoingBatches
from runstream.outbox.refusals import Refusals
from runstream.outbox.started_runs import StartedRuns
from runstream.outbox.stream_window import StreamWindow
from runstream.outbox.task_queue import TaskQueue
from runstream.outbox.task_worker import DoTask, TaskWorker
from runstream.outbox.waits import Waits
from runstream.v1 import run_pb2

log = logging.getLogger("runstream")

# Seconds that the end of a program waits for deferred work while the server is away. Such work does
# not wait for the server then, but makes files, which are lost if it is not done.
_LOCAL_SECONDS = 30.0

# Seconds for which deferred work, and slow work, is put off at most while trainings go on.
_MAX_DELAY_SECONDS = 2.0
_MAX_SLOW_DELAY_SECONDS = 10.0

# Runs that the server does not know, of which it is known that it was asked twice.
_MAX_UNKNOWN_RUNS = 10_000


class Outbox:
    """The data that one process logged to one server and that has no answer yet.

    The comments among the methods say which thread may call those below. The outbox itself has no
    state but its objects, which are replaced in a forked child.

    Attributes:
        batches: those without an answer.
        window: what of them is on a stream.
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
        self._collector = Collector(self)
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
        self._unknown_runs: set[str] = set()  # those that were refused once; for a stream's thread
        self._collector.reset(self.batches, self._refusals, self.heartbeats)
        self._waits = Waits(self.batches, self.window, self.tasks, self._collector, self._state)
        worker = TaskWorker(
            self.batches,
            self._collector,
            self._refusals,
            self.kept_refusals,
            lambda *task: self.do_task(*task),
            self._before_start,
        )
        self.background = BackgroundTasks(
            self.batches, self.tasks, self._collector, self._state, worker
        )

    def reset_after_fork(self) -> None:
        """Start empty in a forked child: what is queued here is the parent's to send.

        Locks are made anew too, because the threads that held them do not exist in the child.
        """
        old_tasks = self.tasks
        self.deferred.reset_after_fork()
        self.slow.reset_after_fork()
        self._reset()
        old_tasks.wake_if_running()  # a thread that waits for tasks ends, if this is no child

    # On any thread.

    @property
    def stream_error(self) -> RunstreamError | None:
        """Why the stream broke, if it does not work."""
        return self._state.stream_error

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

    def wake(self) -> None:
        """Let the uploader's thread look for work now."""
        self.tasks.wake()

    def start_heartbeats(self, run_id: str, owner: object) -> None:
        """Send heartbeats of a run, the first one now, until all who started them stop them."""
        if self.is_offline:
            return
        buffer = self.buffer(run_id)
        self.tasks.post(lambda: self.heartbeats.start(run_id, owner, is_silent=buffer.is_empty()))

    def stop_heartbeats(self, run_id: str, owner: object) -> None:
        """Send no more heartbeats of a run for one who started them; doing it twice is fine."""
        self.tasks.post(lambda: self.heartbeats.stop(run_id, owner))

    def wait_for_start(self, run_id: str) -> RunInfo | None:
        """Wait for the answer to what was queued for a run, and return the run as it says.

        Return None if there is no answer because the server is away: at once if the stream is
        broken, after `connect_seconds` without a connection, and after
        `waits.START_ANSWER_SECONDS` if there is one.

        Raises:
            RunstreamError: the server refused it, or refuses the stream for good.
        """
        is_answered = self._waits.wait_for_start(run_id, self._connect_seconds)
        self.raise_refusals(run_id)
        return self._started_runs.take(run_id) if is_answered else None

    def take_started(self, run_id: str) -> RunInfo | None:
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
        self.wait_for_deferred(run_id, timeout)
        start = time.monotonic()
        answer_timeout = waits.ANSWER_SECONDS if timeout is None else timeout
        limit = waits.FLUSH_SECONDS if timeout is None else timeout
        if run_id is None or self._collector.has_buffer(run_id):
            error = self._waits.wait_for_answers(run_id, answer_timeout, limit)
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
        if self.backlog().get(run_id, Backlog()).changes:
            self.flush(run_id)

    def wait_for_changes(self, run_id: str) -> bool:
        """Wait as `flush_changes`, with the limits of `wait_for_start`.

        Return False if the server is away. Raises as `wait_for_start`.
        """
        if not self.backlog().get(run_id, Backlog()).changes:
            return True
        is_answered = self._waits.wait_for_start(run_id, self._connect_seconds, raises_own=False)
        self.raise_refusals(run_id)
        return is_answered

    def wait_for_deferred(self, owner: str | None, timeout: float | None = None) -> None:
        """Wait until what was left for later, for a run, a model or all, is done.

        Raises:
            DeadlineExceeded: it was not done in this time, or in `waits.FLUSH_SECONDS`.
        """
        self.deferred.wait(owner, waits.FLUSH_SECONDS if timeout is None else timeout)

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

    def drain(self, answer_timeout: float, limit: float) -> RunstreamError | None:
        """Wait until all is answered; return the error if it is not.

        If a call before waited in vain, and the stream is broken since, `answer_timeout` is at
        most `waits.REPEATED_SECONDS`.

        Args:
            answer_timeout: seconds without an answer after which to give up.
            limit: seconds after which to give up.
        """
        start = time.monotonic()
        try:
            for work in (self.deferred, self.slow):
                self._wait_for_all(work, answer_timeout, limit - (time.monotonic() - start))
        except DeadlineExceeded as error:
            self._waits.wait_until_collected()  # so that the rest is on disk
            return error
        if self._waits.has_given_up:
            answer_timeout = min(answer_timeout, waits.REPEATED_SECONDS)
        undelivered = self._waits.wait_for_answers(None, answer_timeout, limit)
        if undelivered is not None:
            self._waits.wait_until_collected()  # so that it is on disk
            return undelivered
        try:
            self.background.wait(None, answer_timeout, limit - (time.monotonic() - start))
        except DeadlineExceeded as late:
            return late
        return None

    def _wait_for_all(self, work: DeferredWork, answer_timeout: float, limit: float) -> None:
        """Wait for deferred work; while the server is away, as long as work without it may take."""
        end = time.monotonic() + limit
        patience = max(answer_timeout, _LOCAL_SECONDS)
        while True:
            left = end - time.monotonic()
            try:
                return work.wait(None, min(patience, left))
            except DeadlineExceeded:
                is_away = self.stream_error is not None or not answer_timeout
                if is_away or left <= patience:
                    raise

    def backlog(self) -> dict[str, Backlog]:
        """Return how much has no answer, by run; exact while no other thread logs."""
        return _joined(self._collector.backlog(), self.background.backlog())

    def unsaved(self) -> dict[str, Backlog]:
        """Return how much of it is in the memory of this process alone, by run."""
        logged = _joined(self._collector.unsaved(), self.background.unsaved())
        return _joined(logged, _joined(self.deferred.unsaved(), self.slow.unsaved()))

    def spool_folder(self) -> Path | None:
        """Return the folder on disk that has what is not answered; None if nothing is there."""
        return self.batches.queue.path or self.background.folder()

    def close_queue(self) -> None:
        """Leave what is not answered, and is on disk, to another process."""
        with self.batches.lock:
            self.batches.queue.close()

    def raise_refusals(self, run_id: str | None = None) -> None:
        """Raise what the server refused of a run, or of all; each refusal is raised once."""
        self._refusals.raise_for(run_id)

    # On threads that log, for a buffer (`BufferOwner`).

    def open_buffer(self, buffer: RunBuffer) -> RunBuffer:
        """Return the buffer that a call may log to, waiting while the outbox is full.

        Raises:
            RunstreamError: something logged to the run before was refused, nothing is sent any
                more, or there was no room for `waits.ROOM_SECONDS`.
        """
        self._refusals.raise_for(buffer.run_id)
        self._state.raise_failure(self._collector.backlog)
        if self.batches.is_full:
            self._waits.wait_for_room()
        if buffer.is_retired:
            return self.buffer(buffer.run_id)
        buffer.open()
        if (
            buffer.is_retired
            or self.batches.is_full
            or self._state.failure
            or buffer.run_id in self._refusals.run_ids()
        ):
            buffer.close()  # this came meanwhile; the next call asks again
        return buffer

    def wake_for(self, buffer: RunBuffer) -> None:
        """Wake the uploader, after something was logged to a buffer while the uploader slept."""
        if buffer.is_retired:
            self.buffer(buffer.run_id)  # from now on `flush` waits for the run
            self.tasks.post(partial(self._collector.take_over, buffer))
            return
        self._collector.activate(buffer)
        if self.tasks.is_empty():
            self.tasks.wake()
        else:
            self.tasks.ensure_thread()

    def wait_until_collected(self) -> None:
        """Wait until the uploader has made batches of what was logged before."""
        self._waits.wait_until_collected()

    # On the uploader's thread.

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
        self.batches.save()
        if self.is_offline:
            self._waits.end_answered()

    def sleep(self) -> bool:
        """Let the next call that logs wake the uploader.

        Return False if there is something to do already.
        """
        has_empty_buffers = self._collector.request_wake()
        return has_empty_buffers and self.tasks.is_empty() and self.batches.is_answered()

    def set_stream_error(self, error: RunstreamError | None, is_lasting: bool = False) -> None:
        """Record why the stream broke; None when it works again.

        Args:
            error: why it broke.
            is_lasting: whether waiting cannot help, so that calls that wait raise this error.
        """
        self._state.set_stream_error(error, is_lasting)
        if is_lasting:
            self._waits.end_all()
        elif error is not None:
            self._waits.end_starts()

    def fail(self, cause: BaseException) -> None:
        """Let all calls fail from now on, because the uploader's thread ends by an error."""
        self._state.set_failure(cause)
        self._collector.close_buffers()
        self._waits.end_all()

    # On the thread of a stream.

    def must_send_again(
        self,
        stream: int,
        answered: int,
        refusal: RunstreamError,
        runs: Iterable[run_pb2.RunInfo] = (),
    ) -> bool:
        """Return whether the last batch of an answer, and what follows it, is to be sent again.

        It is, once, where the server does not know its run: the process that started the run may
        not have reached the server yet. If the start waits in its folder, it is sent first. What
        comes before the batch is answered by this call.

        Args:
            stream: as for `answer`.
            answered: as for `answer`.
            refusal: as for `answer`.
            runs: as for `answer`.

        Raises:
            RunstreamError: the server cannot be reached any more.
        """
        if refusal.reason != RUN_NOT_FOUND or self.send_start is None:
            return False
        request = self.window.find_last(stream, answered)
        if not isinstance(request, Batch) or request.run_id in self._unknown_runs:
            return False
        self.send_start(request.run_id)
        if len(self._unknown_runs) >= _MAX_UNKNOWN_RUNS:
            self._unknown_runs.clear()
        self._unknown_runs.add(request.run_id)
        with self.batches.lock:
            if self.window.has_unanswered_before(stream, answered):
                self.answer(stream, answered - 1, None, runs)
        return True

    def answer(
        self,
        stream: int,
        answered: int,
        refusal: RunstreamError | None,
        runs: Iterable[run_pb2.RunInfo] = (),
    ) -> None:
        """Record an answer: batches of this stream are on disk, the last maybe refused.

        Args:
            stream: number of the stream.
            answered: how many of its requests are answered.
            refusal: why the last of them was refused.
            runs: the runs that these requests started or changed, as they are now.

        Raises:
            Internal: the answer covers what was not sent.
        """
        with self.batches.lock:
            if refusal is not None:  # before the cursor moves behind it
                self._keep_refused(self.window.find_last(stream, answered), refusal)
            request = self.window.answer(stream, answered)
            if request is None:
                return
            self._started_runs.add(runs)
            if refusal is not None and isinstance(request, Batch):
                self._collector.drop_params(request)
                error = batch_error(request, refusal)
                self._refusals.add(request.run_id, error)
                self._collector.close_buffer(request.run_id)
                if self._collector.has_ended(request.run_id):  # no call for the run will raise it
                    log.error("%s", error)
            self._waits.end_answered()

    def _keep_refused(self, request: Batch | str | None, refusal: RunstreamError) -> None:
        if isinstance(request, Batch) and not self._waits.is_awaited(request):
            self.kept_refusals.keep(request.run_id, refusal, request.message)


def _joined(first: dict[str, Backlog], second: dict[str, Backlog]) -> dict[str, Backlog]:
    for owner, backlog in second.items():
        first[owner] = first.get(owner, Backlog()) + backlog
    return first


def _cannot_do(*_: object) -> None:
    raise Unavailable("nothing is uploaded in the background here")
