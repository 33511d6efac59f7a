"""The outages of a server: when to try again, and what the user is told."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from random import SystemRandom

from runstream.errors import (
    InvalidArgument,
    PermissionDenied,
    ResourceExhausted,
    RunstreamError,
    Unauthenticated,
)
from runstream.outbox.dispatch import Dispatch
from runstream.transport.connection_problem import REASONS as CANNOT_CONNECT

log = logging.getLogger("runstream")

# Seconds of the first and of the longest pause before the next attempt to open a stream.
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0

# Not the generator of the module `random`, whose numbers are the training's.
_RANDOM = SystemRandom()

# What becomes of what is logged, for people: waiting helps, or something has to be mended.
_SENT_LATER = "what is logged meanwhile is sent when it takes it again"
_KEPT = "what is logged is kept, and not sent before that is mended"


class Outage:
    """What an uploader knows of its server.

    The uploader's thread calls the methods; any thread may call `try_now` and set the attribute,
    each of which is one step.

    Attributes:
        is_announced: whether a warning said that the server is away.
    """

    def __init__(
        self,
        server_name: Callable[[], str],
        servers: int,
        on_reached: Callable[[], None],
    ) -> None:
        """Begin before the first attempt.

        Args:
            server_name: returns the name of the server, for people.
            servers: how many servers there are, each of which may open the next stream.
            on_reached: called when the server answers, the first time or after an outage.
        """
        self._server_name = server_name
        self._servers = servers
        self._on_reached = on_reached
        self.is_announced = False
        self._is_announced_as_lasting = False
        self._was_reached = False
        self._failed_attempts = 0
        self._next_attempt = 0.0

    def may_try(self) -> bool:
        """Return whether a stream may be opened now."""
        return time.monotonic() >= self._next_attempt

    def try_now(self) -> None:
        """Let the next stream be opened at once."""
        self._next_attempt = 0.0

    def give_up(self) -> None:
        """Let no stream be opened any more."""
        self._next_attempt = math.inf

    def end(self, dispatch: Dispatch) -> None:
        """Record that the server answers."""
        if self.is_announced or not self._was_reached:
            self._on_reached()
        self._was_reached = True
        self._failed_attempts = 0
        if self.is_announced:
            self.is_announced = self._is_announced_as_lasting = False
            dispatch.set_stream_error(None)
            log.info("%s answers again", self._server_name())

    def record_break(self, dispatch: Dispatch, error: RunstreamError) -> None:
        """Record that the stream broke which batches wait for."""
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0**self._failed_attempts)
        self._failed_attempts += 1
        # Many clients of one server must not come back at the same instant.
        self._next_attempt = time.monotonic() + max(
            error.retry_delay, pause * _RANDOM.uniform(0.5, 1.0)
        )
        if self._failed_attempts < self._servers:
            return  # another server may be there
        # A server that was reached may get another certificate.
        cannot_connect = error.reason in CANNOT_CONNECT and not self._was_reached
        is_lasting = cannot_connect or _is_lasting(error)
        dispatch.set_stream_error(error, is_lasting)
        # Who was told to wait has to know once that does not help any more.
        if not self.is_announced or (is_lasting and not self._is_announced_as_lasting):
            self.is_announced, self._is_announced_as_lasting = True, is_lasting
            log.warning(
                "%s %s (%s); %s",
                self._server_name(),
                "refuses it" if _is_refusal(error) else "does not answer",
                error,
                _KEPT if is_lasting else _SENT_LATER,
            )


def _is_refusal(error: RunstreamError) -> bool:
    """Return whether a server answered, which will not have what is sent now."""
    return bool(error.retry_delay) or isinstance(error, (PermissionDenied, Unauthenticated))


def _is_lasting(error: RunstreamError) -> bool:
    """Return whether trying again cannot help unless somebody changes something."""
    lasting = (InvalidArgument, PermissionDenied, ResourceExhausted, Unauthenticated)
    if error.retry_delay:
        return False
    return isinstance(error, lasting) or error.reason == "UNIMPLEMENTED"
