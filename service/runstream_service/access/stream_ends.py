"""Ends streams when what their caller called with is not valid any more."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Literal, TypeAlias

from runstream.errors import Unauthenticated
from runstream_service.access.caller import Caller
from runstream_service.engine.clock import now

# Seconds of the longest timer; the event loop takes no number of years.
_MAX_DELAY = 86_400.0

# The kind of what somebody calls with, and its id.
_Credential: TypeAlias = tuple[Literal["token", "session"], int]
_OpenStreams: TypeAlias = "defaultdict[_Credential, set[StreamEnd]]"


class StreamEnds:
    """The streams that are open, by the tokens and the sessions that they were opened with."""

    def __init__(self) -> None:
        self._open: _OpenStreams = defaultdict(set)

    def of(self, caller: Caller) -> StreamEnd:
        """Return the end of a stream of a caller, which comes as long as its `with` block lasts."""
        return StreamEnd(self._open, caller)

    def end_token(self, token_id: int, error: Unauthenticated) -> None:
        """End the streams that were opened with a token; their callers get the error."""
        self._end(("token", token_id), error)

    def end_session(self, session_id: int, error: Unauthenticated) -> None:
        """End the streams that were opened with a session; their callers get the error."""
        self._end(("session", session_id), error)

    def session_ids(self) -> set[int]:
        """Return the sessions that streams were opened with."""
        return {number for kind, number in self._open if kind == "session"}

    def _end(self, credential: _Credential, error: Unauthenticated) -> None:
        for stream in list(self._open.get(credential, ())):
            stream.end(error)


class StreamEnd:
    """The end of one stream, before its caller wants it.

    Attributes:
        stop: what stops the stream; the task in which the block begins is cancelled, if it is not
            set.
        error: why the stream has ended; None as long as it has not.
    """

    __slots__ = ("_caller", "_open", "_task", "_timer", "error", "stop")

    def __init__(self, open_streams: _OpenStreams, caller: Caller) -> None:
        self._open, self._caller = open_streams, caller
        self._timer: asyncio.TimerHandle | None = None
        self.stop: Callable[[Unauthenticated], None] | None = None
        self.error: Unauthenticated | None = None

    def __enter__(self) -> StreamEnd:
        self._task = asyncio.current_task()
        for credential in _credentials(self._caller):
            self._open[credential].add(self)
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
        for credential in _credentials(self._caller):
            streams = self._open[credential]
            streams.discard(self)
            if not streams:
                del self._open[credential]

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


def _credentials(caller: Caller) -> Iterator[_Credential]:
    """Yield what a caller calls with, whose end ends their streams."""
    if caller.token_id:
        yield "token", caller.token_id
    if caller.session_id:
        yield "session", caller.session_id


def expired_error() -> Unauthenticated:
    """Return the error of a caller whose token has expired."""
    return Unauthenticated("the token has expired", reason="TOKEN_EXPIRED", field="authorization")
