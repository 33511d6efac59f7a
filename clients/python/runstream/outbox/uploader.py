"""Sends an outbox to the server: one thread that opens one stream after the other.

    asleep ──something is logged──> awake ──a fifth of a second without anything──> asleep
           ──a heartbeat is due───>
    awake: every `TICK`, points become batches; a stream is opened when batches wait and there
           is none, after a break with growing pauses

A stream has two threads of its own (`runstream.outbox.log_stream`). The uploader's thread never
waits for the network, so the outbox's limit holds at all times.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from runstream.errors import Unauthenticated, Unavailable
from runstream.outbox.batch_queue import BatchQueue, MemoryQueue
from runstream.outbox.log_stream import Explain, LogStream, OpenStream
from runstream.outbox.outage import Outage
from runstream.outbox.outbox import Outbox
from runstream.outbox.waits import CONNECT_SECONDS
from runstream.transport.shared_channel import FORKING
from runstream.transport.thread_start import start_thread

log = logging.getLogger("runstream")

#: Reason of the Unavailable that stands for a program at its end, where no thread can be started.
NO_THREADS = "NO_THREADS"

#: Seconds between two collections of points: a burst of them has to be packed and written, too,
#: within the 100 ms after which a point must be on its way. The fewer batches there are, the less a
#: training notices of them: each takes the interpreter for a millisecond in all, in four threads.
TICK = 0.06

# The same while so many come in each that the server should have the first ones meanwhile.
_BUSY_TICK = 0.02
_MANY_POINTS = 1_000

# Ticks without anything to do after which the thread sleeps until something is logged.
_TICKS_TO_SLEEP = 2

# Seconds between two looks whether a stream has ended.
_END_POLL_SECONDS = 0.0005


class Uploader:
    """Sends what is in an outbox.

    Any thread may call the public methods, but `reset_after_fork` and `collect`, which say where
    they are called. The private attributes belong to the uploader's thread, but for flags that the
    public methods set: each is written in one step, and the thread reads it in each of its rounds.
    No lock is needed.

    Attributes:
        outbox: the outbox.
    """

    def __init__(
        self,
        server_name: Callable[[], str],
        open_stream: OpenStream,
        before_start: Callable[[], None] = lambda: None,
        servers: int = 1,
        explain: Explain = lambda error: error,
        connect_seconds: float = CONNECT_SECONDS,
        new_queue: Callable[[], BatchQueue] = MemoryQueue,
        on_reached: Callable[[], None] = lambda: None,
    ) -> None:
        """Make an uploader, whose thread starts when something is asked of it.

        Args:
            server_name: returns the name of the server, for people.
            open_stream: opens a stream to it.
            before_start: called before the thread is started, so also in a forked child.
            servers: how many servers there are, each of which may open the next stream.
            explain: returns why no stream can be opened, in place of an error of gRPC.
            connect_seconds: how long the start of a run waits for a connection.
            new_queue: makes the queue of batches; another one in a forked child.
            on_reached: called when the server answers, the first time or after an outage.
        """
        self._server_name = server_name
        self._open_stream = open_stream
        self._before_start = before_start
        self._servers = servers
        self._explain = explain
        self._on_reached = on_reached
        self.outbox = Outbox(self.start, before_start, connect_seconds, new_queue)
        self._reset()

    def _reset(self) -> None:
        # The thread that takes the token is the uploader's thread. An interrupt can make `start`
        # forget that it started a thread, so there may be several that try.
        self._token = deque([None])
        self._is_running = False  # set by the thread that has the token
        self._must_stop = False
        self._stream: LogStream | None = None
        self._is_suspended = False
        self._must_keep_stream = False
        self._outage = Outage(self._server_name, self._servers, self._on_reached)

    def reset_after_fork(self) -> None:
        """Start without a thread and with an empty outbox, in a forked child."""
        self.outbox.reset_after_fork()
        self._reset()

    def start(self) -> bool:
        """Start the uploader's thread if there is none; return whether there is one."""
        if self._is_running:
            return True
        self._before_start()
        return self._start_thread(
            threading.Thread(target=self._run, name="runstream-uploader", daemon=True)
        )

    def keep_stream_open(self) -> None:
        """Open a stream, if there is none, because the server may end itself without one."""
        self._must_keep_stream = True
        self.outbox.tasks.wake()

    def suspend(self) -> None:
        """Open no stream before `resume`."""
        self._is_suspended = True

    def try_now(self) -> None:
        """Look for what was logged, and open a stream without the pause after a failure."""
        self._outage.try_now()
        self.outbox.tasks.wake()

    def expect_outage(self) -> None:
        """Do not warn that the server is away, because somebody has; until it answers."""
        self._outage.is_announced = True

    def resume(self) -> None:
        """Open streams again."""
        self._is_suspended = False
        self._outage.try_now()
        self.outbox.tasks.wake_if_running()

    def abandon_stream(self) -> None:
        """Expect the stream to end, because its channel is being closed."""
        stream = self._stream
        if stream is not None:
            stream.abandon()

    def wait_for_stream_end(self, timeout: float) -> None:
        """Wait for the end of an abandoned stream."""
        # Not by `ended.wait`: an interrupt could leave its lock held for ever.
        stream, end = self._stream, time.monotonic() + timeout
        while stream is not None and not stream.ended.is_set() and time.monotonic() < end:
            time.sleep(_END_POLL_SECONDS)

    def stop(self) -> None:
        """End the thread once nothing waits in the outbox."""
        self._must_stop = True
        self.outbox.tasks.wake_if_running()

    def collect(self) -> None:
        """Make batches of what waits in buffers, on a thread of the caller.

        Called at the end of a program, where the uploader's thread cannot be started. If that
        thread is there, it makes the batches itself.
        """
        with suppress(IndexError):  # the uploader's thread has the token
            self._token.pop()
            try:
                self.outbox.tasks.run_pending(0)
                self.outbox.dispatch.collect_all()
            finally:
                self._token.append(None)

    # On the uploader's thread.

    def _run(self) -> None:
        token = self._token
        while True:
            try:
                token.pop()
            except IndexError:  # another thread has it
                return
            self._is_running = True
            try:
                self._run_loop()
            except BaseException as error:
                self._fail(error)  # and keep the token: no other thread could go on
                return
            self.outbox.batches.disk_watch.stop()
            self._is_running = False
            token.append(None)
            # A call that posted something before this saw a running thread, and started none.
            if self.outbox.tasks.is_empty():
                return

    def _fail(self, error: BaseException) -> None:
        # No call may log what is never sent, or wait for answers that never come.
        while True:
            try:
                self.outbox.dispatch.fail(error)
                log.critical("uploading to %s failed for good", self._server_name(), exc_info=error)
            except MemoryError:
                time.sleep(TICK)
                continue
            return

    def _run_loop(self) -> None:
        """Send until `stop` was called and nothing is left to do."""
        outbox, tasks = self.outbox, self.outbox.tasks
        idle_ticks = 0
        pause: float | None = 0.0
        while outbox.tasks is tasks:  # the outbox has others after `reset_after_fork`
            tasks.run_pending(pause)
            begun = time.monotonic()
            collected = outbox.dispatch.collect()
            outbox.dispatch.save()
            until_heartbeat = outbox.heartbeats.send()
            is_busy = collected > 0 or outbox.window.has_pending()
            idle_ticks = 0 if is_busy else idle_ticks + 1
            self._reopen_stream()
            # A slow disk does not put off what was logged while it was synced.
            left = TICK - (time.monotonic() - begun)
            pause = max(_BUSY_TICK, left) if collected < _MANY_POINTS else _BUSY_TICK
            if idle_ticks > _TICKS_TO_SLEEP and outbox.dispatch.sleep():
                if self._must_stop and not outbox.heartbeats:
                    self._must_stop = False
                    return
                pause = until_heartbeat

    def _reopen_stream(self) -> None:
        if self.outbox.is_offline:
            return
        stream = self._stream
        if stream is not None and stream.has_answered:
            self._outage.end(self.outbox.dispatch)
        if stream is not None and stream.ended.is_set():
            self._stream = None
            self._must_keep_stream = False
            # Where the token of a stream has expired, there may be a new one already.
            is_over = stream.has_answered and isinstance(stream.error, Unauthenticated)
            is_broken = not stream.is_abandoned and not is_over and stream.error.reason != FORKING
            if is_broken and self.outbox.window.has_pending():  # else nothing misses it
                self._outage.record_break(self.outbox.dispatch, stream.error)
        if (
            self._stream is None
            and (self._must_keep_stream or self.outbox.window.has_pending())
            and not self._is_suspended
            and self._outage.may_try()
        ):
            stream = LogStream(self.outbox, self._open_stream, self._explain)
            self._stream = stream
            if not self._start_thread(stream.thread):
                self._stream = None
                self._outage.give_up()

    def _start_thread(self, thread: threading.Thread) -> bool:
        if (problem := start_thread(thread)) is not None:
            self.outbox.dispatch.set_stream_error(
                Unavailable(problem, reason=NO_THREADS), is_lasting=True
            )
        return problem is None
