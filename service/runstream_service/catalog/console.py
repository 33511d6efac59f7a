"""The console of a run: its lines are written on the writer's thread, and read on a reader's.

Of each run the first lines are kept, up to `HEAD_BYTES`, and the last ones, up to `TAIL_BYTES`.
What lies between is removed while more comes; the numbers of the lines that are left tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from peewee import EXCLUDED

from runstream_service.access.caller import Caller
from runstream_service.access.visibility import VisibleStatement
from runstream_service.catalog.run_state import not_found_error
from runstream_service.engine.batch import ConsoleText
from runstream_service.engine.statements import Statement, stream
from runstream_service.engine.tables import Console, ConsoleLine, Run

#: Bytes of the first and of the last lines that are kept of a run.
HEAD_BYTES = 4 * 1024 * 1024
TAIL_BYTES = 12 * 1024 * 1024

#: Bytes that a line counts beside its text.
LINE_BYTES = 64

#: Lines on a page, and bytes after which it ends.
PAGE_LINES = 10_000
DEFAULT_PAGE_LINES = 1_000
PAGE_BYTES = 1024 * 1024

# The last lines are shortened to this share of their limit at a time, so that it is done seldom.
_TAIL_SHARE = 0.9

_FETCHED = 100  # lines that are read at a time

_RUN = VisibleStatement(Run.select(Run.id).where(Run.uuid == ""), Run.experiment)
_LINE = [
    ConsoleLine.run,
    ConsoleLine.number,
    ConsoleLine.stream,
    ConsoleLine.timestamp,
    ConsoleLine.text,
    ConsoleLine.writer,
    ConsoleLine.sequence,
]
_FIND = Statement(
    ConsoleLine.select(ConsoleLine.number, ConsoleLine.timestamp, ConsoleLine.text).where(
        (ConsoleLine.run == 0) & (ConsoleLine.writer == 0) & (ConsoleLine.sequence == 0)
    )
)
_INSERT = Statement(ConsoleLine.insert_many([(0,) * len(_LINE)], _LINE))
_REPLACE = Statement(
    ConsoleLine.update({ConsoleLine.timestamp: 0, ConsoleLine.text: ""}).where(
        (ConsoleLine.run == 0) & (ConsoleLine.number == 0)
    )
)
_SIZES: list[Any] = [Console.last_number, Console.head_end, Console.head_bytes, Console.tail_bytes]
_SELECT_SIZES = Statement(Console.select(*_SIZES).where(Console.run == 0))
_STORE_SIZES = Statement(
    Console.insert_many([(0,) * 5], [Console.run, *_SIZES]).on_conflict(
        conflict_target=[Console.run],
        update={column: getattr(EXCLUDED, column.column_name) for column in _SIZES},
    )
)
_OLDEST = Statement(
    ConsoleLine.select(ConsoleLine.number, ConsoleLine.text)
    .where((ConsoleLine.run == 0) & (ConsoleLine.number > 0))
    .order_by(ConsoleLine.number)
)
_DELETE = Statement(
    ConsoleLine.delete().where(
        (ConsoleLine.run == 0) & (ConsoleLine.number > 0) & (ConsoleLine.number <= 0)
    )
)


class _Sizes:
    """The sizes of the console of one run, while lines are appended."""

    def __init__(self, run: int) -> None:
        self.run = run
        found = _SELECT_SIZES.first(run) or (0, None, 0, 0)
        self.last_number, self.head_end, self.head_bytes, self.tail_bytes = found

    def add(self, size: int) -> int:
        """Count a new line; return its number."""
        if self.head_end is None and self.head_bytes + size > HEAD_BYTES:
            self.head_end = self.last_number
        self.last_number += 1
        self.grow(self.last_number, size)
        return int(self.last_number)

    def grow(self, number: int, size: int) -> bool:
        """Count bytes more of a line; return whether there is room for them.

        The first lines do not grow beyond their limit once there are others: each of them would
        have as much room as all.
        """
        if self.head_end is not None and number > self.head_end:
            self.tail_bytes += size
            return True
        if self.head_end is not None and size > 0 and self.head_bytes + size > HEAD_BYTES:
            return False
        self.head_bytes += size
        if self.head_end is None and self.head_bytes > HEAD_BYTES:
            self.head_end = self.last_number
        return True

    def trim(self) -> None:
        """Remove the oldest of the last lines, if these are too many."""
        if self.head_end is None or self.tail_bytes <= TAIL_BYTES:
            return
        last = self.head_end
        cursor = _OLDEST.cursor(self.run, self.head_end)
        while self.tail_bytes > TAIL_BYTES * _TAIL_SHARE:
            last, text = cursor.fetchone()
            self.tail_bytes -= _size(text)
        cursor.close()
        _DELETE.run(self.run, self.head_end, last)

    def store(self) -> None:
        _STORE_SIZES.run(
            self.run, self.last_number, self.head_end, self.head_bytes, self.tail_bytes
        )


def append(run: int, lines: Sequence[ConsoleText]) -> int:
    """Append lines, or replace the text of those that are there.

    Args:
        run: internal id of the run.
        lines: checked lines.

    Returns:
        The number of the first line that is new or has another text; 0 if there is none.
    """
    sizes = _Sizes(run)
    changed = 0
    for line in lines:
        found = _FIND.first(run, line.writer, line.sequence)
        if found is None:
            number = sizes.add(_size(line.text))
            _INSERT.run(run, number, *line[:5])
        else:
            number, timestamp, text = found
            if line.timestamp < timestamp or line.text == text:
                continue
            if not sizes.grow(number, _size(line.text) - _size(text)):
                continue
            _REPLACE.run(line.timestamp, line.text, run, number)
        changed = min(changed or number, number)
    if changed:
        sizes.trim()
        sizes.store()
    return changed


def read(
    caller: Caller, run_id: str, after: int, before: int, from_end: bool, max_results: int
) -> list[ConsoleText]:
    """Return a page of lines, in the order of their numbers.

    Args:
        caller: who reads.
        run_id: the run.
        after: lines after this number; all, if 0.
        before: lines before this number; all, if 0.
        from_end: whether the last lines of this range are returned, rather than the first.
        max_results: how many lines at the most; fewer after `PAGE_BYTES`.

    Raises:
        NotFound: there is no such run that the caller sees.
    """
    run = _RUN.first(caller, run_id)
    if run is None:
        raise not_found_error(run_id)
    in_range = (ConsoleLine.run == run[0]) & (ConsoleLine.number > after)
    if before:
        in_range &= ConsoleLine.number < before
    order = ConsoleLine.number.desc() if from_end else ConsoleLine.number
    columns = [*_LINE[2:], ConsoleLine.number]
    query = ConsoleLine.select(*columns).where(in_range).order_by(order).limit(max_results)
    cursor = stream(query)
    lines: list[ConsoleText] = []
    left = PAGE_BYTES
    while left > 0 and (rows := cursor.fetchmany(_FETCHED)):
        for row in rows:
            lines.append(ConsoleText(*row))
            left -= _size(row[2])
            if left <= 0:
                break
    cursor.close()
    return lines[::-1] if from_end else lines


def _size(text: str) -> int:
    return LINE_BYTES + len(text.encode())
