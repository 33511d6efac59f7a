"""The state of runs: checks that a run exists and can be written to."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, NamedTuple

from runstream.errors import FailedPrecondition, NotFound
from runstream_service.access.caller import Caller, GrantRole
from runstream_service.access.visibility import check_known_role, role_on
from runstream_service.engine.statements import LockingStatement, Statement
from runstream_service.engine.statuses import RunStatus
from runstream_service.engine.tables import Run

_STATE = Run.select(
    Run.id,
    Run.experiment,
    Run.status,
    Run.last_heartbeat,
    Run.appended_by,
    Run.revision,
    Run.deleted,
).where(Run.uuid == "")
_READ = Statement(_STATE)
_LOCK = LockingStatement(_STATE)
_LOCK_STORED = LockingStatement(Run.select(Run.id).where((Run.id == 0) & ~Run.purging))
_SET_REVISION = Statement(Run.update({Run.revision: 0}).where(Run.id == 0))


class RunState(NamedTuple):
    """The state of a run that can be written to, when something is written to it.

    Attributes:
        appended_by: the server that appended points last, where there are several.
    """

    id: int
    experiment_id: int
    status: int
    last_heartbeat: int | None
    appended_by: int | None


def state_of(run: Any) -> RunState:
    """Return the state in the row of a run."""
    return RunState(run.id, run.experiment_id, run.status, run.last_heartbeat, run.appended_by)


def active_run(caller: Caller, run_id: str) -> int:
    """Return the internal id of a run that is to be written to.

    Raises:
        NotFound: there is no such run, or the caller does not see it.
        PermissionDenied: the caller may not write to its experiment.
        FailedPrecondition: it is deleted.
    """
    return state_for_write(caller, run_id).id


def state_for_write(
    caller: Caller, run_id: str, find_role: Callable[[Caller, int], int | None] = role_on
) -> RunState:
    """Return the state of a run that is to be written to; raises as `active_run`.

    The run is locked until the commit, and gets a new revision, if it has one.

    Args:
        caller: who writes.
        run_id: the run.
        find_role: returns the role of a caller on an experiment.
    """
    state, revision = _active_state(caller, run_id, _LOCK.first(run_id), find_role)
    renew_revision(state.id, revision)
    return state


def lock_stored(run: int) -> bool:
    """Lock a run until the commit; return False if a purge has removed it, or does so now."""
    return _LOCK_STORED.first(run) is not None


def read_state(caller: Caller, run_id: str) -> RunState:
    """Return what `state_for_write` does for a run that may stay as it is, without a lock."""
    return _active_state(caller, run_id, _READ.first(run_id), role_on)[0]


def _active_state(
    caller: Caller,
    run_id: str,
    found: tuple[Any, ...] | None,
    find_role: Callable[[Caller, int], int | None],
) -> tuple[RunState, int | None]:
    """Return the state in a row, and the revision, once it is sure that the caller may write."""
    if found is None:
        raise not_found_error(run_id)
    *state, revision, is_deleted = found
    check_writable(caller, run_id, found[1], find_role, is_deleted=is_deleted)
    return RunState._make(state), revision


def check_writable(
    caller: Caller,
    run_id: str,
    experiment: int,
    find_role: Callable[[Caller, int], int | None] = role_on,
    *,
    is_deleted: bool,
) -> None:
    """Check that a caller may write to a run of an experiment; raises as `active_run`."""
    role = find_role(caller, experiment)
    if role is None:
        raise not_found_error(run_id)
    check_known_role(caller, experiment, role, GrantRole.WRITER)
    if is_deleted:
        raise deleted_error(run_id)


def renew_revision(run: int, revision: int | None) -> None:
    """Give a run that is written to a new revision, if it has one."""
    if revision is not None:
        _SET_REVISION.run(_random_revision(), run)


def renewed_revision() -> Any:
    """Return the expression of a new revision, in an UPDATE of runs; none stays none."""
    change = _random_revision()
    # The exclusive or, for which SQLite has no operator: different revisions stay different.
    return Run.revision.bin_or(change) - Run.revision.bin_and(change)


def revision_for(status: int) -> int | None:
    """Return a new revision for a run that gets a status, None while it goes on."""
    is_going_on = status in (RunStatus.RUNNING, RunStatus.SCHEDULED)
    return None if is_going_on else _random_revision()


def _random_revision() -> int:
    return secrets.randbits(63)


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
