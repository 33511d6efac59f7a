"""What the start of a run asks of a client, which must not wait for a server that is away."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from runstream import entities
from runstream.calls.session import Session
from runstream.calls.unknown_runs import call_again_if_unknown
from runstream.errors import DeadlineExceeded, RunstreamError, Unavailable
from runstream.outbox.outbox import Outbox
from runstream.transport.call_limit import limit_calls, limit_retries
from runstream.transport.connection import Connection
from runstream.transport.connection_problem import REASONS as CANNOT_CONNECT

Answer = TypeVar("Answer")

#: Seconds for which `ask` tries to reach a server, and seconds that the answer may take.
CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 10.0

#: The same for the server of a file, which may have to be started.
FILE_SECONDS = 60.0

#: Seconds in which a server that took too long with something answers another call, if it is there.
REACH_SECONDS = 2.0

#: Seconds after a question without an answer in which no other is asked.
PAUSE_SECONDS = 30.0


class StartCalls:
    """The part of `TrackingClient` for handles of runs."""

    _connection: Connection
    _outbox: Outbox
    _session: Session

    def ask(self, question: Callable[[], Answer]) -> Answer | None:
        """Return what a function of calls that read returns; None while the server is away.

        If the server does not know a run, its start may wait in the spool of the process that
        started it. Then the server gets that first.

        Args:
            question: what only a server knows, and a program can do without.

        Raises:
            RunstreamError: what the server answered, or that no connection comes about and waiting
                does not help, such as a certificate that is not trusted.
        """
        if self.is_away:
            return None
        is_file = self._connection.uri.startswith("sqlite:")
        seconds = FILE_SECONDS if is_file else ANSWER_SECONDS
        try:
            with limit_calls(seconds), limit_retries(FILE_SECONDS if is_file else CONNECT_SECONDS):
                return call_again_if_unknown(question, self._session.send_start)
        except (DeadlineExceeded, Unavailable) as error:
            if error.reason in CANNOT_CONNECT:
                raise
            self._note_absence(error)
        return None

    def _note_absence(self, error: RunstreamError) -> None:
        """Ask a server nothing optional for a while after it did not answer, if it is away.

        One that answers something else is only slow.
        """
        if isinstance(error, DeadlineExceeded):
            with suppress(DeadlineExceeded, Unavailable):
                with limit_calls(REACH_SECONDS), limit_retries(REACH_SECONDS):
                    self._connection.locate_server()
                return
        self._connection.away_until = max(
            self._connection.away_until, time.monotonic() + PAUSE_SECONDS
        )

    def wait_while_reachable(self, run_id: str) -> None:
        """Wait until all that was logged to a run is answered, or on disk if the server is away.

        Raises:
            RunstreamError: the server refused something of it, or refuses the stream for good.
        """
        self._outbox.waits.wait_until_saved()
        self._outbox.wait_for_start(run_id)

    def speak_last(self) -> None:
        """Let what is said from now on be delivered after what other processes have said by now."""
        self._outbox.begin_folder()

    def expect_outage(self) -> None:
        """Do not warn that the server is away, because somebody has; until it answers."""
        self._session.expect_outage()

    @property
    def is_away(self) -> bool:
        """Whether the server was found away just now, so that nothing should wait for it."""
        return (
            self._outbox.stream_error is not None or time.monotonic() < self._connection.away_until
        )

    @property
    def seconds_away(self) -> float:
        """How long the server has been away; 0 if it is not known to be."""
        return self._outbox.seconds_away

    def wait_for_start(self, run_id: str) -> entities.RunInfo | None:
        """Wait for the answer to the last start or update of a run; None while it is away.

        Raises:
            RunstreamError: the server refuses it.
        """
        if time.monotonic() < self._connection.away_until:
            return None
        return self._outbox.wait_for_start(run_id)

    def find_started(self, run_id: str) -> entities.RunInfo | None:
        """Return a run as the server answered its start, once; None if it did not yet."""
        return self._outbox.take_started(run_id)

    def has_undelivered(self, run_id: str) -> bool:
        """Return whether something that was said of a run has no answer yet."""
        return run_id in self._outbox.backlog()
