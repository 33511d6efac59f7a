"""Copies of runs that are not whole yet: rows of `run` that are `purging`, which nothing finds.

Nobody may ever go on with one. A purge takes those for which nothing was done for some minutes, and
renames them first, so that nobody goes on with what it has begun to remove.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from typing import Any

from peewee import SQL

from runstream.errors import Aborted
from runstream_service.catalog.run_data import RunRow
from runstream_service.engine.clock import now
from runstream_service.engine.statements import execute, in_ids, in_texts
from runstream_service.engine.tables import Run

#: Minutes without a step after which a purge removes a copy.
IDLE_MINUTES = 10

_PREFIX = "copy "


def hidden_id(copy_id: str) -> str:
    """Return what a copy is called until it is shown, by the id that it will have then."""
    return _PREFIX + copy_id[len(_PREFIX) :]


def find(hidden_ids: Iterable[str]) -> list[Any]:
    """Return the rows of hidden copies."""
    query = Run.select().where(Run.uuid.in_(in_texts(hidden_ids)) & Run.purging)
    return [RunRow._make(row) for row in execute(query)]


def in_use() -> Any:
    """Return the condition of the hidden copies with which somebody may go on."""
    return _is_copy() & (Run.deleted_time > now() - IDLE_MINUTES * 60_000)


def take_over(runs: Sequence[int]) -> None:
    """Rename those of some hidden runs that are copies, because a purge removes them now."""
    Run.update(uuid=purged_id()).where(
        Run.id.in_(in_ids(runs)) & Run.purging & _is_copy()
    ).execute()


def purged_id() -> Any:
    """Return the expression of the id of a run that a purge removes."""
    # Who does not know it finds nothing: an id alone could be guessed.
    return SQL("'purged '").concat(Run.id.cast("TEXT")).concat(f" {secrets.token_hex(6)}")


def removed_error(source_id: str) -> Aborted:
    """Return the error that says that a purge has removed what was copied of a run."""
    return Aborted(
        f"what was copied of run {source_id} was removed by a purge; copy it again",
        reason="COPY_REMOVED",
        field="run_ids",
        value=source_id,
    )


def _is_copy() -> Any:
    return (Run.uuid >= _PREFIX) & (Run.uuid < "copz")
