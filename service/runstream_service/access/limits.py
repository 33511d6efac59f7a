"""Limits of what one caller may ask of a server, so that others get their share.

Those of a server that authenticates nobody have no name and no limit. What is known of a caller is
a few numbers, and is dropped when they mean nothing any more.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType

from runstream.errors import ResourceExhausted
from runstream_service.access.caller import Caller
from runstream_service.config import Limits

#: Callers that are known at once; those who have done nothing lately are dropped beyond that.
KNOWN_CALLERS = 10_000

# Seconds of a rate that may be used up in one go.
_BURST_SECONDS = 1.0

# Seconds after which to try again where nobody knows when there is room.
_OPEN_DELAY = 1.0


class CallerUse:
    """What one caller uses; a `with` block is a call of theirs that is open."""

    __slots__ = ("_calls", "_limits", "_received_until", "_requested_until", "_streams", "_watches")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._calls = self._streams = self._watches = 0
        # The times at which what was asked for would be done, at the rates of the limits.
        self._requested_until = self._received_until = 0.0

    @property
    def is_idle(self) -> bool:
        """Whether nothing need be known of the caller."""
        until = max(self._requested_until, self._received_until)
        return not self._calls and not self._streams and until <= time.monotonic()

    def __enter__(self) -> CallerUse:
        self._calls += 1
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._calls -= 1

    def add_request(self) -> None:
        """Count a call that is about to begin.

        Raises:
            ResourceExhausted: the caller has reached a limit; it says when to try again.
        """
        if self._limits.calls and self._calls >= self._limits.calls:
            raise _limit_error("calls at once", self._limits.calls, _OPEN_DELAY)
        self._add_to_rates()

    @contextmanager
    def stream(self) -> Iterator[CallerUse]:
        """Count a stream that stays open, apart from calls, which it must not keep out.

        Raises:
            ResourceExhausted: the caller has reached a limit; it says when to try again.
        """
        if self._limits.calls and self._streams >= self._limits.calls:
            raise _limit_error("streams at once", self._limits.calls, _OPEN_DELAY)
        self._add_to_rates()
        self._streams += 1
        try:
            yield self
        finally:
            self._streams -= 1

    def _add_to_rates(self) -> None:
        if (delay := self.pause()) > 0:
            raise _limit_error("bytes in a second", self._limits.bytes, delay)
        if self._limits.requests:
            now, each = time.monotonic(), 1 / self._limits.requests
            until = max(self._requested_until, now) + each
            if (delay := until - now - _BURST_SECONDS) > 1e-9:  # what adding up may lose
                raise _limit_error("calls in a second", self._limits.requests, delay)
            self._requested_until = until

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Count an open call or stream as a watch, too.

        Raises:
            ResourceExhausted: the caller has as many watches as the limit allows.
        """
        if self._limits.watches and self._watches >= self._limits.watches:
            raise _limit_error("watches at once", self._limits.watches, _OPEN_DELAY)
        self._watches += 1
        try:
            yield
        finally:
            self._watches -= 1

    def add_bytes(self, count: int) -> None:
        """Count bytes that have arrived."""
        if self._limits.bytes:
            begin = max(self._received_until, time.monotonic())
            self._received_until = begin + count / self._limits.bytes

    def pause(self) -> float:
        """Return the seconds until more bytes may arrive."""
        if not self._received_until:
            return 0.0
        return max(0.0, self._received_until - time.monotonic() - _BURST_SECONDS)


#: What those use who have no limit.
UNLIMITED = CallerUse(Limits(0, 0, 0, 0))


class CallerLimits:
    """Holds each caller to the limits."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._known: dict[str, CallerUse] = {}

    def admit(self, caller: Caller) -> CallerUse:
        """Return what a caller uses, with a call that is about to begin; as `add_request`."""
        use = self.use_of(caller)
        if use is not UNLIMITED:
            use.add_request()
        return use

    def admit_stream(self, caller: Caller) -> AbstractContextManager[CallerUse]:
        """Return a block that is a stream of a caller; as `CallerUse.stream`."""
        return self.use_of(caller).stream()

    def use_of(self, caller: Caller) -> CallerUse:
        """Return what a caller uses."""
        if not caller.name:
            return UNLIMITED
        use = self._known.get(caller.name)
        if use is None:
            if len(self._known) >= KNOWN_CALLERS:
                self._known = {name: one for name, one in self._known.items() if not one.is_idle}
            use = self._known[caller.name] = CallerUse(self._limits)
        return use


def _limit_error(what: str, limit: int, delay: float) -> ResourceExhausted:
    error = ResourceExhausted(
        f"this server allows {limit:,} {what} to one caller; try again in {delay:.3g} s",
        reason="CALLER_LIMIT",
        field=what,
        limit=limit,
    )
    error.retry_delay = delay
    return error
