"""The calls that are open: counted, recorded, and waited for when the server stops."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any

from runstream_service.access.audit import AuditLog, is_recorded
from runstream_service.access.caller import Caller
from runstream_service.access.stream_ends import StreamEnd
from runstream_service.request_id import HEADER, request_id
from runstream_service.rpc.call_counts import MethodCounts


class OpenCalls:
    """All calls that are open; the loop of the server alone uses it.

    Attributes:
        audit: records calls that change something, and those that are refused.
    """

    def __init__(self, audit: AuditLog) -> None:
        self.audit = audit
        self._count = 0
        self._last_end = time.monotonic()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._none_is_open = asyncio.Event()

    def idle_seconds(self) -> float:
        """Return the seconds since the last call or stream ended; 0 while one is open."""
        return 0.0 if self._count else time.monotonic() - self._last_end

    def begin(self) -> asyncio.Task[Any] | None:
        """Count a call of this task that begins."""
        self._count += 1
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        return task

    def end(self, task: asyncio.Task[Any] | None) -> None:
        """Count the end of a call."""
        self._count -= 1
        if not self._count:
            self._none_is_open.set()
        if task is not None:
            self._tasks.discard(task)
        self._last_end = time.monotonic()

    def cancel(self) -> None:
        """Cancel the tasks of all of them."""
        for task in self._tasks:
            task.cancel()

    async def wait_for_end(self, seconds: float) -> None:
        """Wait until no call is open, but no longer than `seconds`."""
        if self._count:
            self._none_is_open.clear()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._none_is_open.wait(), seconds)


class OpenCall:
    """Counts a call from its beginning to its end.

    Attributes:
        caller: who calls, once that is known.
        code: the code of its error, once it has one.
        context: that of gRPC.
        peer: the address of the caller. gRPC is asked for it while the call is sure to be there:
            when the connection has been cut, the question ends the process (grpcio 1.85).
        subject: the names of what it is about, if it changes something.
        refused: those of parts of it that were refused, and the codes of their errors.
        end: its end, if it is a stream of answers whose caller may lose the right to it.
    """

    __slots__ = (
        "_began",
        "_counts",
        "_method",
        "_open_calls",
        "_request_id",
        "_task",
        "caller",
        "code",
        "context",
        "end",
        "peer",
        "refused",
        "subject",
    )

    def __init__(
        self, open_calls: OpenCalls, counts: MethodCounts, context: Any, method: str
    ) -> None:
        self._open_calls, self._counts, self.context = open_calls, counts, context
        self._method = method.rpartition("/")[2]
        self.peer = str(context.peer())
        self.code = self._request_id = self.subject = ""
        self.refused: list[tuple[str, str]] = []
        self.caller: Caller | None = None
        self.end: StreamEnd | None = None

    @property
    def request_id(self) -> str:
        """The id that the caller gave to its request, or one that is made now."""
        if not self._request_id:
            given = dict(self.context.invocation_metadata() or ())
            self._request_id = request_id(given.get(HEADER))
        return self._request_id

    def __enter__(self) -> OpenCall:
        self._task = self._open_calls.begin()
        self._began = self._counts.begin()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        code = self.code or ("CANCELLED" if kind else "OK")
        self._counts.end(self._began, code)
        audit = self._open_calls.audit
        for subject, error in self.refused:
            audit.record(self.caller, self.peer, self._method, subject, error)
        if is_recorded(self._method, code) and (self.subject or not self.refused):
            audit.record(self.caller, self.peer, self._method, self.subject, code)
        self._open_calls.end(self._task)
