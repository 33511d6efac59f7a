"""Ends streams when what their caller called with is not valid any more."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from types import TracebackType

from runstream.errors import Unauthenticated
from runstream_service.access.caller import Caller
from runstream_service.engine.clock import now

# Seconds of the longest timer; the event loop takes no number of years.
_MAX_DELAY = 86_400.0


class StreamEnds:
    """The streams that are open, by the tokens that they were opened with."""

    def __init__(self) -> None:
        self._open: defaultdict[int, set[StreamEnd]] = defaultdict(set)

    def of(self, caller: Caller) -> StreamEnd:
        """Return the end of a stream of a caller, which comes as long as its `with` block lasts."""
        return StreamEnd(self._open, caller)

    def end_token(self, token_id: int, error: Unauthenticated) -> None:
        """End the streams that were opened with a token; their callers get the error."""
        for stream in list(self._open.get(token_id, ())):
            stream.end(error)


class StreamEnd:
    """The end of one stream, before its caller wants it.

    Attributes:
        stop: what stops the stream; the task in which the block begins is cancelled, if it is not
            set.
        error: why the stream has ended; None as long as it has not.
    """

    __slots__ = ("_caller", "_open", "_task", "_timer", "error", "stop")

    def __init__(self, open_streams: defaultdict[int, set[StreamEnd]], caller: Caller) -> None:
        self._open, self._caller = open_streams, caller
        self._timer: asyncio.TimerHandle | None = None
        self.stop: Callable[[Unauthenticated], None] | None = None
        self.error: Unauthenticated | None = None

    def __enter__(self) -> StreamEnd:
        self._task = asyncio.current_task()
        if self._caller.token_id:
            self._open[self._caller.token_id].add(self)
        if self._caller.expiry_time is not None:
            self._wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._caller.token_id:
            streams = self._open[self._caller.token_id]
            streams.discard(self)
            if not streams:
                del self._open[self._caller.token_id]

    def end(self, error: Unauthenticated) -> None:
        """Stop the stream, whose caller gets this error."""
        if self.error is not None:
            return
        self.error = error
        if self.stop is not None:
            self.stop(error)
        elif self._task is not None:
            self._task.cancel()

    def _wait(self) -> None:
        """End the stream if what its caller called with has expired, or wait for that."""
        assert self._caller.expiry_time is not None  # noqa: S101 # for mypy
        left = (self._caller.expiry_time - now()) / 1000
        if left <= 0:
            self.end(expired_error())
        else:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(min(left, _MAX_DELAY), self._wait)


def expired_error() -> Unauthenticated:
    """Return the error of a caller whose token has expired."""
    return Unauthenticated("the token has expired", reason="TOKEN_EXPIRED", field="authorization")
