"""Which writes to runs were applied, so that one that is sent again undoes nothing newer (P3).

A client that gets no answer sends its write again, maybe after somebody else wrote something newer.
Points and params are the same however often they come. Where order matters, a command calls
`accept` in the transaction in which it writes, once it has checked all else.
"""

from __future__ import annotations

from typing import NamedTuple

from runstream_service.store.models import Write, database
from runstream_service.store.statement import first_row, written

#: Writers that are kept of a run: those that wrote last.
WRITERS = 100

_SELECT = written(Write.select(Write.sequence).where((Write.run == 0) & (Write.writer == b"")))
# The row of a writer that writes again gets a new id, the greatest of all.
_REPLACE = written(
    Write.insert_many(
        [(0, b"", 0)], [Write.run, Write.writer, Write.sequence]
    ).on_conflict_replace()
)
_later = Write.alias()
_newest_dropped = (
    _later.select(_later.id)
    .where(_later.run == 0)
    .order_by(_later.id.desc())
    .limit(1)
    .offset(WRITERS)
)
_DROP_OLDEST = written(Write.delete().where((Write.run == 0) & (Write.id <= _newest_dropped)))


class WriteId(NamedTuple):
    """Names a write, as in the contract: who writes, and which of his writes to the run it is."""

    writer: str
    sequence: int


def accept(run: int, write: WriteId | None) -> bool:
    """Take note that a write is applied now; return False if it was applied before."""
    if was_applied(run, write):
        return False
    note(run, write)
    return True


def was_applied(run: int, write: WriteId | None) -> bool:
    """Return whether a write was applied before."""
    if write is None:
        return False
    last = first_row(_SELECT, run, bytes.fromhex(write.writer))
    return last is not None and write.sequence <= last[0]


def note(run: int, write: WriteId | None) -> None:
    """Take note that a write is applied now."""
    if write is not None:
        database.execute_sql(_REPLACE, (run, bytes.fromhex(write.writer), write.sequence))
        database.execute_sql(_DROP_OLDEST, (run, run, 1, WRITERS))
