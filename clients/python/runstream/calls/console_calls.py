"""The calls of a client that read the consoles of runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from runstream import entities
from runstream.contract.messages import new_message
from runstream.errors import InvalidArgument
from runstream.outbox.outbox import Outbox
from runstream.transport.connection import Connection
from runstream.v1 import run_service_pb2 as runs
from runstream.v1.console_pb2 import CONSOLE_STREAM_STDERR, CONSOLE_STREAM_STDOUT, ConsoleLine

# Lines on a page, all that the server allows.
_PAGE_LINES = 10_000


class ConsoleCalls:
    """The part of `TrackingClient` that reads what programs wrote on their consoles."""

    _connection: Connection
    _outbox: Outbox

    def read_console(
        self, run_id: str, after: int = 0, last: int | None = None
    ) -> Iterator[entities.ConsoleLine]:
        """Yield the lines of the console of a run, in their order; one call for each page.

        The lines come of `start_run(capture_output=True)`, or of `runstream run`. Of a long console
        the first 4 MiB and the last 12 MiB are kept; the numbers of other lines are missing.

        Args:
            run_id: the run.
            after: only lines after this number.
            last: only so many lines, the last ones.

        Raises:
            InvalidArgument: a number is negative.
            NotFound: there is no such run.
        """
        if last is not None and last < 0:
            raise InvalidArgument(
                f"Invalid value {last} for parameter 'last' supplied: it must not be negative",
                reason="NUMBER_OUT_OF_RANGE",
                field="last",
                value=last,
                limit="not negative",
            )
        self._outbox.flush(run_id)
        return (
            self._read_lines(run_id, after)
            if last is None
            else self._read_last(run_id, after, last)
        )

    def log_console_lines(self, run_id: str, lines: Iterable[entities.ConsoleLine]) -> None:
        """Queue lines of a console that was recorded elsewhere, in their order.

        The number of a line is what it is known by: logging it again changes nothing (C1).

        Args:
            run_id: the run.
            lines: the lines, which a run that recorded some here must not have.
        """
        # A writer of its own for each run and stream, and always the same.
        writer = 1 + int(run_id[:15], 16)
        self._outbox.buffer(run_id).log_console(
            ConsoleLine(
                stream=CONSOLE_STREAM_STDERR if line.stream == "stderr" else CONSOLE_STREAM_STDOUT,
                timestamp=line.timestamp,
                text=line.text,
                writer=writer,
                sequence=line.number,
            )
            for line in lines
        )

    def has_unanswered_lines(self, run_id: str) -> bool:
        """Return whether lines were queued for a run that the server has not answered."""
        if self._outbox.is_offline:  # nobody answers them, and the disk has room for them
            return False
        backlog = self._outbox.backlog().get(run_id)
        return backlog is not None and backlog.lines > 0

    def _read_lines(self, run_id: str, after: int) -> Iterator[entities.ConsoleLine]:
        while page := self._read_page(run_id, after, 0, _PAGE_LINES, False):
            yield from page
            after = page[-1].number

    def _read_last(self, run_id: str, after: int, count: int) -> Iterator[entities.ConsoleLine]:
        """Yield the last lines, which come in pages from the end; one answer holds 1 MiB."""
        lines: list[entities.ConsoleLine] = []
        while len(lines) < count:
            before = lines[0].number if lines else 0
            left = min(_PAGE_LINES, count - len(lines))
            page = self._read_page(run_id, after, before, left, True)
            if not page:
                break
            lines = page + lines
        yield from lines

    def _read_page(
        self, run_id: str, after: int, before: int, max_results: int, from_end: bool
    ) -> list[entities.ConsoleLine]:
        request = new_message(
            runs.ListConsoleRequest,
            run_id=run_id,
            after=after,
            before=before,
            max_results=max_results,
            from_end=from_end,
        )
        answer = self._connection.call(lambda stubs: stubs.runs.ListConsole, request)
        return [entities.ConsoleLine.from_proto(line) for line in answer.lines]
