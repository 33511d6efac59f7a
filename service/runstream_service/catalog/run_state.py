"""The state of runs: checks that a run exists and can be written to."""

from __future__ import annotations

from typing import NamedTuple

from runstream.errors import FailedPrecondition, NotFound
from runstream_service.engine.statements import compile_sql, first_row
from runstream_service.engine.tables import Run

_SELECT_RUN = compile_sql(
    Run.select(Run.id, Run.experiment, Run.status, Run.last_heartbeat, Run.deleted).where(
        Run.uuid == ""
    )
)


class RunState(NamedTuple):
    """The state of a run that can be written to, when something is written to it."""

    id: int
    experiment_id: int
    status: int
    last_heartbeat: int | None


def active_run(run_id: str) -> int:
    """Return the internal id of a run that can be written to.

    Raises:
        NotFound: there is no such run.
        FailedPrecondition: it is deleted.
    """
    return run_state(run_id).id


def run_state(run_id: str) -> RunState:
    """Return the state of a run that can be written to; raises as `active_run`."""
    found = first_row(_SELECT_RUN, run_id)
    if found is None:
        raise not_found_error(run_id)
    *state, is_deleted = found
    if is_deleted:
        raise deleted_error(run_id)
    return RunState._make(state)


def not_found_error(run_id: str) -> NotFound:
    """Return the error that says that there is no such run (X3)."""
    return NotFound(
        f"Run with id={run_id} not found", reason="RUN_NOT_FOUND", field="run_id", value=run_id
    )


def deleted_error(run_id: str) -> FailedPrecondition:
    """Return the error that says that a run cannot be written to (E3)."""
    return FailedPrecondition(
        f"The run {run_id} must be in the 'active' state, it is deleted",
        reason="RUN_DELETED",
        field="run_id",
        value=run_id,
    )
