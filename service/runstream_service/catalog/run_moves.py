"""Moving runs to another experiment, on the writer's thread (R10)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from runstream_service.access.caller import Caller, GrantRole
from runstream_service.access.visibility import KnownRoles
from runstream_service.catalog import datasets, experiments
from runstream_service.catalog.alert_rule_updates import check_room
from runstream_service.catalog.run_families import find_families
from runstream_service.catalog.run_state import check_writable, not_found_error, renewed_revision
from runstream_service.engine import applied_writes, changes
from runstream_service.engine.applied_writes import WriteId
from runstream_service.engine.statements import in_ids, in_texts, lock_rows
from runstream_service.engine.tables import Alert, AlertRule, AlertState, LoggedModel, Run

#: Runs that one call names.
MAX_NAMED = 1_000


def move(
    caller: Caller, run_ids: Sequence[str], experiment_id: str, write: WriteId | None
) -> list[str]:
    """Move active runs, and the runs below them in the same experiment, to another experiment.

    Returns:
        The ids of the runs that were in another experiment before; of a write that was applied
        before, of those that it concerns and that are in the experiment.

    Raises:
        NotFound, PermissionDenied, FailedPrecondition: as `active_run` and `lock_active`.
        FailedPrecondition: the experiment would have too many rules for alerts.
        ResourceExhausted: the runs are too many.
    """
    target = experiments.lock_active(caller, experiment_id, GrantRole.WRITER).id
    runs = _lock_families(run_ids)
    is_applied = applied_writes.to_experiment.was_applied(target, write)
    if is_applied:
        return [run.uuid for run in runs if run.experiment_id == target]
    _check_named(caller, run_ids, runs)
    moved = [run for run in runs if run.experiment_id != target]
    rules = AlertRule.run.in_(in_ids(run.id for run in moved))
    if more := AlertRule.select().where(rules).count():
        check_room(target, more)
    applied_writes.to_experiment.record(target, write)
    if moved:
        _move(moved, target)
    return [run.uuid for run in moved]


def _lock_families(run_ids: Sequence[str]) -> list[Any]:
    """Return the runs of these ids and those below them, locked until the commit."""
    for _ in range(2):  # again, for child runs that came while others had locked these
        these = Run.id.in_(in_ids(find_families(run_ids)))
        lock_rows(Run.select(Run.id).where(these).order_by(Run.id))
    columns = (Run.id, Run.uuid, Run.experiment, Run.deleted)
    return list(Run.select(*columns).where(these & ~Run.purging).order_by(Run.id))


def _check_named(caller: Caller, run_ids: Sequence[str], runs: Sequence[Any]) -> None:
    """Check that the caller may write to each run that they name."""
    find_role = KnownRoles().role_on
    found = {run.uuid: run for run in runs}
    for run_id in run_ids:
        run = found.get(run_id)
        if run is None:
            raise not_found_error(run_id)
        check_writable(caller, run_id, run.experiment_id, find_role, is_deleted=run.deleted)


def _move(runs: Sequence[Any], target: int) -> None:
    ids = [run.id for run in runs]
    sources = {run.experiment_id for run in runs}
    datasets.move(ids, target)
    LoggedModel.update(experiment=target).where(
        LoggedModel.experiment.in_(in_ids(sources))
        & LoggedModel.source_run_id.in_(in_texts(run.uuid for run in runs))
    ).execute()
    _move_alerts(ids, target)
    moved = {Run.experiment: target, Run.revision: renewed_revision()}
    Run.update(moved).where(Run.id.in_(in_ids(ids))).execute()
    changes.record_moved_runs({run.id: run.experiment_id for run in runs})


def _move_alerts(runs: Sequence[int], target: int) -> None:
    """Move the alerts of runs and their own rules; those of experiments forget the runs."""
    for table in (Alert, AlertRule):
        table.update(experiment=target).where(table.run.in_(in_ids(runs))).execute()
    of_experiments = AlertRule.select(AlertRule.id).where(AlertRule.run.is_null())
    AlertState.delete().where(
        AlertState.run.in_(in_ids(runs)) & AlertState.rule.in_(of_experiments)
    ).execute()
