"""The session that the clients of a process share for one server: its channel and its outbox."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from runstream.calls.batch_requests import log_request
from runstream.calls.task_delivery import do_task
from runstream.calls.unknown_runs import call_again_if_unknown, send_start
from runstream.errors import DeadlineExceeded, RunstreamError, Unavailable
from runstream.outbox.batch import Backlog
from runstream.outbox.batch_files import BatchFiles
from runstream.outbox.batch_queue import BatchQueue, MemoryQueue
from runstream.outbox.disk_queue import DiskQueue
from runstream.outbox.drain import drain
from runstream.outbox.uploader import NO_THREADS, Uploader
from runstream.outbox.waits import CONNECT_SECONDS
from runstream.process import shutdown
from runstream.spool import settings
from runstream.spool.waiting_starts import WaitingStarts
from runstream.transport.connection import Connection
from runstream.transport.shared_channel import CANCEL_SECONDS, SharedChannel
from runstream.transport.token import TokenSource
from runstream.transport.tracking_uri import Target
from runstream.v1.spool_pb2 import SpoolTask

#: Seconds that the start of a run waits for the server of a file, which may have to be started.
FILE_CONNECT_SECONDS = 60.0

# Called when a server answers, and when it answers again after an outage.
_when_reached: list[Callable[[Session], object]] = []


def call_when_reached(function: Callable[[Session], object]) -> None:
    """Call a function when the stream of a session is answered, the first time or after an outage.

    It is called on the uploader's thread, so it must neither wait nor raise.
    """
    _when_reached.append(function)


class Session:
    """A connection to a server, and the uploader that sends over it.

    Any thread may call every method; the objects below have the locks.

    Attributes:
        uri: tracking URI of the server.
        token: says who calls.
        connection: makes calls.
        outbox: what is logged.
        is_offline: whether there is no server to send it to.
        folder_uri: tracking URI of the server that its folder of the spool names; empty if none.
        announced: how much was on disk when the end of a client said so, by run.
    """

    is_offline = False

    def __init__(self, target: Target, token: TokenSource) -> None:
        self.uri = self.folder_uri = target.uri
        self.announced: dict[str, Backlog] = {}
        self.token = token
        self._users: deque[None] = deque()  # an item for each client; each change is one step
        self._is_file = target.database is not None
        self._channel = SharedChannel(
            target,
            token,
            on_open=self._keep_server_running,
            on_close=lambda: self._uploader.abandon_stream(),
        )
        self.connection = Connection(self._channel)
        self._uploader = Uploader(
            lambda: self._channel.server_name,
            self._channel.open_log_stream,
            before_start=lambda: shutdown.register_session(self),
            servers=max(1, len(target.addresses)),
            explain=self.connection.explain,
            connect_seconds=FILE_CONNECT_SECONDS if self._is_file else CONNECT_SECONDS,
            new_queue=self._queue_factory(target.uri),
            on_reached=self._call_when_reached,
        )
        self.outbox = self._uploader.outbox
        self.outbox.do_task = self._do_task
        self.outbox.send_start = self.send_start

    def add_user(self) -> None:
        """Keep the session open for one more client."""
        self._users.append(None)

    def remove_user(self) -> None:
        """Close the session if this was the last client; a call under way keeps it open."""
        self._users.pop()
        if not self._users and self._channel.close_if_idle():
            self._uploader.stop()
            self.connection.end_threads()

    def drain(
        self, answer_timeout: float, limit: float, away_timeout: float = math.inf
    ) -> RunstreamError | None:
        """Wait until all that was logged is answered; return the error if it is not.

        At the end of a program no thread can be started, so that a stream may be impossible. Then
        unary calls send the batches.

        Args:
            answer_timeout: seconds without an answer after which to give up.
            limit: seconds after which to give up.
            away_timeout: seconds after which to give up if the stream is broken and all is on disk.
        """
        error = drain(self.outbox, answer_timeout, limit, away_timeout)
        if error is not None and error.reason == NO_THREADS:
            self._uploader.collect()
            if self._send_by_calls():
                return None
        return error

    def _send_by_calls(self) -> bool:
        window = self.outbox.window
        stream = window.start_stream()
        answered = 0
        while window.has_pending() and (message := window.next_message(stream)):
            refusal = None
            try:
                request = log_request(message)
                call = partial(self.connection.call, lambda stubs: stubs.logs.Log, request)
                call_again_if_unknown(call, self.send_start)
            except (Unavailable, DeadlineExceeded):
                return False
            except RunstreamError as error:
                refusal = error
            answered += 1
            self.outbox.answers.record(stream, answered, refusal)
        self.outbox.dispatch.set_stream_error(None)
        return True

    def send_start(self, run_id: str) -> bool:
        """Send the start of a run if it waits in the folder of another process; return whether.

        Raises:
            RunstreamError: the server cannot be reached.
        """
        try:
            spool = settings.spool_path()
            return send_start(self.connection, WaitingStarts(spool, self.uri), run_id)
        except OSError:  # there is no place for a spool
            return False

    def _do_task(self, task: SpoolTask, files: Path, progress: Callable[[int], object]) -> int:
        call = partial(do_task, self.connection, task, files, progress)
        return call_again_if_unknown(call, self.send_start)

    @property
    def is_used(self) -> bool:
        """Whether a client uses it."""
        return bool(self._users)

    def has_pending(self) -> bool:
        """Return whether something that was logged waits for its answer."""
        return self.outbox.window.has_pending()

    def open_delivery_stream(self, messages: Iterator[bytes]) -> tuple[str, Any]:
        """Open a LogBatch stream beside that of the outbox; return the server and the call."""
        return self._channel.open_delivery_stream(messages)

    def avoid_server(self, address: str) -> None:
        """Take another server for the next calls, because this one did not answer."""
        self._channel.avoid_server(address)

    def limit_calls(self, deadline: float) -> None:
        """Let calls fail at this time at the latest, by `time.monotonic`."""
        self.connection.set_deadline(deadline)

    def wake(self) -> None:
        """Let the uploader look now for what was logged, and try a server that was away."""
        self._uploader.try_now()

    def expect_outage(self) -> None:
        """Do not warn that the server is away, because somebody has; until it answers."""
        self._uploader.expect_outage()

    def backlog(self) -> dict[str, Backlog]:
        """Return how much has no answer, by run."""
        return self.outbox.backlog()

    def saved(self) -> dict[str, Backlog]:
        """Return how much of it is on disk, by run."""
        return self.outbox.saved()

    def unsaved(self) -> dict[str, Backlog]:
        """Return how much of it is in the memory of this process alone, by run."""
        return self.outbox.unsaved()

    def spool_folder(self) -> Path | None:
        """Return the folder that has the rest of it."""
        return self.outbox.spool_folder()

    def kept_refusals(self) -> tuple[dict[str, int], Path | None]:
        """Return how much the server refused that is kept, by run, and the folder that has it."""
        kept = self.outbox.kept_refusals
        return kept.counts.copy(), kept.folder

    def leave_spool(self) -> None:
        """Leave the folder to other processes, or remove it if all is answered."""
        self.outbox.close_queue()

    def stream_error(self) -> RunstreamError | None:
        """Return why the stream broke, if it does not work."""
        return self.outbox.stream_error

    def raise_refusals(self) -> None:
        """Raise what the server refused, if it was not raised before."""
        self.outbox.raise_refusals()

    def close(self) -> None:
        """End the stream and close the channel; the next use opens them again."""
        self._uploader.stop()
        self._channel.close()

    def suspend(self) -> bool:
        """Let go of gRPC before a fork, until `resume`; return whether it was in use."""
        self._uploader.suspend()
        was_open = self._channel.suspend()
        self._uploader.wait_for_stream_end(CANCEL_SECONDS)
        return was_open

    def resume(self) -> None:
        """Use gRPC again after a fork, in the parent."""
        self._channel.resume()
        self._uploader.resume()

    def reset_after_fork(self) -> None:
        """Start in a forked child without a channel, and with an empty outbox."""
        self.announced = {}
        self._channel.reset_after_fork()
        self.connection.reset_after_fork()
        self._uploader.reset_after_fork()

    def _call_when_reached(self) -> None:
        for function in _when_reached:
            function(self)

    def _keep_server_running(self) -> None:
        if self._is_file:
            # The server of a file ends itself when no client has a stream any more.
            self._uploader.keep_stream_open()

    def _queue_factory(self, uri: str) -> Callable[[], BatchQueue]:
        """Return what makes the queues of batches for a server.

        Raises:
            InvalidArgument: a variable of the spool is malformed.
        """
        limit, is_synced = settings.limit_bytes(), settings.is_synced()
        if not limit:
            return MemoryQueue
        return lambda: DiskQueue(BatchFiles(uri, limit, is_synced))
