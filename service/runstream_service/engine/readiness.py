"""Whether the server can serve: whether its writer commits, and it is not stopping."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from runstream_service.engine.writer import Writer

#: Seconds that a commit may take, with its wait for those before it.
COMMIT_SECONDS = 5.0

# Seconds for which an answer is good. So many probes cost one commit.
_GOOD_FOR = 1.0

# Seconds between two looks at the writer, and between two probes of one that fails.
_PAUSE = 1.0
_PAUSE_WHILE_FAILING = 5.0


class Readiness:
    """Finds out by a small write of its own whether the writer commits, on the event loop."""

    def __init__(self, writer: Writer, write_probe: Callable[[], None]) -> None:
        """Take the writer, and a small write that no other server waits for."""
        self._writer = writer
        self._write_probe = write_probe
        self._probe: asyncio.Task[str] | None = None
        self._commit: asyncio.Future[None] | None = None  # one at a time waits for a writer
        self._answered = float("-inf")
        self._is_stopping = False
        self._committed, self._progressed = 0, time.monotonic()

    def stop(self) -> None:
        """Answer from now on that the server is stopping."""
        self._is_stopping = True

    async def reason(self) -> str:
        """Return why the server cannot serve; empty, if it can."""
        if self._is_stopping:
            return "the server is stopping"
        is_old = time.monotonic() - self._answered > _GOOD_FOR
        if self._probe is None or (self._probe.done() and is_old):
            self._probe = asyncio.create_task(self._write())
        return await asyncio.shield(self._probe)

    async def report_regularly(self, report: Callable[[bool], Awaitable[None]]) -> None:
        """Report that the server cannot serve once a commit failed or hangs, until one succeeds.

        Nothing is written while nothing fails.
        """
        failures, is_ready = 0, True
        while True:
            await asyncio.sleep(_PAUSE if is_ready else _PAUSE_WHILE_FAILING)
            has_failed = failures != self._writer.storage_failures
            if is_ready and not has_failed and not self._is_stuck():
                continue
            is_ready = not await self.reason()
            failures = self._writer.storage_failures
            await report(is_ready)

    def _is_stuck(self) -> bool:
        """Return whether something waits to be written, and nothing was for some seconds."""
        if not self._writer.queued_bytes or self._committed != self._writer.commands:
            self._committed, self._progressed = self._writer.commands, time.monotonic()
        return time.monotonic() - self._progressed > COMMIT_SECONDS

    async def _write(self) -> str:
        if self._commit is None or self._commit.done():
            self._commit = self._writer.submit(self._write_probe)
            self._commit.add_done_callback(asyncio.Future.exception)  # nobody may be waiting
        done, _ = await asyncio.wait((self._commit,), timeout=COMMIT_SECONDS)
        self._answered = time.monotonic()
        if not done:
            return f"the writer has committed nothing for {COMMIT_SECONDS:g} seconds"
        error = self._commit.exception()
        return str(error) if error else ""
