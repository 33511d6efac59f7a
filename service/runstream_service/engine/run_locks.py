"""The order in which servers of one database lock the runs that they write to.

A command locks the run that it changes by itself (`LockingStatement`). If the commands of a
transaction change several, these are locked here at its start in one order, so that two servers
never wait for each other.
"""

from __future__ import annotations

from collections.abc import Set

from runstream_service.engine.statements import ANY_TEXTS, LockingStatement, array_of
from runstream_service.engine.tables import Run

_LOCK = LockingStatement(Run.select(Run.id).where(Run.uuid.in_(ANY_TEXTS)).order_by(Run.id))


def lock_runs(run_ids: Set[str]) -> None:
    """Lock those of the runs that are there, if they are several."""
    if len(run_ids) > 1:
        _LOCK.rows(array_of(run_ids))
