"""What the clients of a process share for one server: the connection, and the outbox over it."""

from __future__ import annotations

from runstream.errors import DeadlineExceeded, RunstreamError, Unavailable
from runstream.outbox.batch import Backlog
from runstream.outbox.uploader import NO_THREADS, Uploader
from runstream.process import program_end
from runstream.transport.connection import LEAVE, Connection
from runstream.transport.tracking_uri import Target
from runstream.v1.logging_service_pb2 import LogBatchRequest, LogRequest


class Session:
    """A connection to a server, and the uploader that sends over it what is logged.

    Attributes:
        uri: tracking URI of the server.
        users: how many clients use it; covered by the lock of `runstream.calls.sessions`.
        connection: makes calls.
        outbox: what is logged.
    """

    def __init__(self, target: Target) -> None:
        self.uri = target.uri
        self.users = 0
        self._is_file = target.database is not None
        self.connection = Connection(target, self._hold_server, lambda: self._uploader.abandon())
        self._uploader = Uploader(
            lambda: self.connection.server,
            self.connection.open_stream,
            at_start=lambda: program_end.register_session(self),
        )
        self.outbox = self._uploader.outbox

    def drain(self, patience: float, limit: float) -> RunstreamError | None:
        """Wait until all that was logged is answered; return what speaks against it, if it is not.

        At the end of a program a stream may be impossible; then unary calls do its work.

        Args:
            patience: seconds without an answer after which to give up.
            limit: seconds after which to give up.
        """
        error = self.outbox.drain(patience, limit)
        if error is not None and error.reason == NO_THREADS:
            self._uploader.collect()
            if self._send_by_calls():
                return None
        return error

    def _send_by_calls(self) -> bool:
        stream = self.outbox.queue.begin_stream()
        answered = 0
        while self.outbox.queue.pending() and (message := self.outbox.queue.next_message(stream)):
            batch = LogBatchRequest.FromString(message)
            refusal = None
            try:
                self.connection.call(
                    lambda to: to.logs.Log,
                    LogRequest(
                        run_id=batch.run_id,
                        table=batch.metrics,
                        params=batch.params,
                        tags=batch.tags,
                        write=batch.write if batch.HasField("write") else None,
                    ),
                )
            except (Unavailable, DeadlineExceeded):
                return False
            except RunstreamError as error:
                refusal = error
            answered += 1
            self.outbox.answer(stream, answered, refusal)
        self.outbox.trouble(None)
        return True

    def limit_calls(self, give_up_at: float) -> None:
        """Let calls fail at this time at the latest, by `time.monotonic`."""
        self.connection.give_up_at = give_up_at

    def wake(self) -> None:
        """Let the uploader look now for what was logged."""
        self.outbox.post(None)

    def backlog(self) -> dict[str, Backlog]:
        """Return what has no answer, by run."""
        return self.outbox.backlog()

    def stream_error(self) -> RunstreamError | None:
        """Return why the stream broke, if it does not work."""
        return self.outbox.broken_by

    def raise_refusals(self) -> None:
        """Raise what the server refused, if nobody was told yet."""
        self.outbox.raise_refusals()

    def close(self) -> None:
        """End the stream and close the channel; the next use opens them again."""
        self._uploader.stop()
        self.connection.close()

    def close_if_unused(self) -> None:
        """Close, unless another client has begun to use the session."""
        if not self.users and self.connection.close_if_idle():
            self._uploader.stop()

    def park(self) -> bool:
        """Let go of gRPC before a fork, until `unpark`; return whether it was in use."""
        self._uploader.park()
        in_use = self.connection.park()
        self._uploader.wait_for_end(LEAVE)
        return in_use

    def unpark(self) -> None:
        """Go on after a fork, in the parent."""
        self.connection.unpark()
        self._uploader.unpark()

    def reset_after_fork(self) -> None:
        """Start in a forked child without a channel, and with an empty outbox."""
        self.connection.reset_after_fork()
        self._uploader.reset()

    def _hold_server(self) -> None:
        if self._is_file:
            # The server of a file ends itself when no client has a stream any more.
            self._uploader.hold()
