"""A step of a purge: it removes pieces of a bounded size for some time, and then lets others write.

Time is the bound, because rows are short or have hundreds of kilobytes, and disks differ.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from runstream_service.catalog import artifacts
from runstream_service.catalog.artifact_owners import Owner
from runstream_service.engine.statements import Statement

#: Seconds for which one step removes, before its commit; the piece then under way is removed, too.
STEP_SECONDS = 0.03

#: Rows of a piece: of params, which are the largest, 8 MiB at the most.
ROWS_AT_ONCE = 32


def end_of_step() -> float:
    """Return until when, by the monotonic clock, a step that begins now goes on."""
    return time.monotonic() + STEP_SECONDS


def delete_pieces(statements: Sequence[Statement], owner: int) -> Iterator[int]:
    """Delete the rows of an owner, in tables that have no points; yield 0 after each piece.

    Args:
        statements: made by `delete_up_to`.
        owner: the owner of the rows.
    """
    for statement in statements:
        while statement.run(owner, owner, ROWS_AT_ONCE):
            yield 0  # something is gone, so a step gets on, however little time it has


def delete_files(owner: Owner) -> Iterator[int]:
    """Delete the files of a run or model, as `delete_pieces` does with other rows."""
    while artifacts.delete_some(owner, ROWS_AT_ONCE):
        yield 0
