"""Deleting runs and restoring them, alone or with their child runs, on the writer's thread (R2)."""

from __future__ import annotations

from functools import reduce
from operator import and_

from runstream_service.access.caller import Caller, GrantRole
from runstream_service.access.visibility import granted
from runstream_service.catalog import experiments
from runstream_service.catalog.run_families import families
from runstream_service.catalog.runs import lock
from runstream_service.engine import applied_writes, changes
from runstream_service.engine.applied_writes import WriteId
from runstream_service.engine.clock import now
from runstream_service.engine.statements import lock_rows
from runstream_service.engine.tables import Experiment, Run


def delete(caller: Caller, run_id: str, with_children: bool, write: WriteId | None) -> None:
    """Delete a run, and if asked its child runs and theirs.

    Those already deleted stay as they are, and so do child runs to whose experiment the caller may
    not write.

    Raises:
        NotFound, PermissionDenied: as `lock`.
    """
    run = lock(caller, run_id)
    if not applied_writes.to_run.accept(run.id, write):
        return
    how = {"deleted": True, "deleted_time": now(), "deleted_by": caller.name or None}
    if not run.deleted:
        Run.update(**how).where(Run.id == run.id).execute()
        changes.record_runs([run.id])
    if with_children:
        active = reduce(
            and_,
            granted(caller, Run.experiment, GrantRole.WRITER),
            Run.id.in_(families(Run.id == run.id)) & ~Run.deleted,
        )
        lock_rows(Run.select(Run.id).where(active).order_by(Run.id))
        deleted = Run.update(**how, deleted_with_run=run.id).where(active).returning(Run.id)
        changes.record_runs([child.id for child in deleted.execute()])


def restore(caller: Caller, run_id: str, write: WriteId | None) -> None:
    """Restore a run and those that were deleted with it; what is active stays as it is.

    Runs that were deleted with it stay deleted if their experiment is, or if the caller may not
    write to it.

    Raises:
        NotFound, PermissionDenied: as `lock`.
        FailedPrecondition: its experiment is deleted.
    """
    run = lock(caller, run_id)
    with_run = reduce(
        and_,
        granted(caller, Run.experiment, GrantRole.WRITER),
        (Run.id == run.id) | (Run.deleted_with_run == run.id),
    )
    with_experiments = Experiment.id.in_(Run.select(Run.experiment).where(with_run))
    lock_rows(Experiment.select(Experiment.id).where(with_experiments).order_by(Experiment.id))
    experiments.check_active(run.experiment_id)
    if not applied_writes.to_run.accept(run.id, write):
        return
    lock_rows(Run.select(Run.id).where(with_run).order_by(Run.id))
    of_active = Run.experiment.in_(Experiment.select(Experiment.id).where(~Experiment.deleted))
    restored = (
        Run.update(
            deleted=False,
            deleted_time=None,
            deleted_by=None,
            deleted_with_run=None,
            deleted_with_experiment=False,
        )
        .where(with_run & Run.deleted & ~Run.purging & of_active)
        .returning(Run.id)
    )
    changes.record_runs([each.id for each in restored.execute()])
