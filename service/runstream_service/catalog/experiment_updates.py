"""Changes of experiments that are there, on the writer's thread."""

from __future__ import annotations

from typing import Any

from runstream.errors import NotFound
from runstream_service.access.caller import Caller, GrantRole
from runstream_service.catalog.experiment_creation import check_name_is_free
from runstream_service.catalog.experiments import (
    lock,
    lock_active,
    upsert_tag,
)
from runstream_service.engine import applied_writes, changes
from runstream_service.engine.applied_writes import WriteId
from runstream_service.engine.clock import now
from runstream_service.engine.statements import lock_rows
from runstream_service.engine.tables import Experiment, ExperimentTag, Run


def rename(caller: Caller, experiment_id: str, name: str, write: WriteId | None) -> None:
    """Give an active experiment another name.

    Raises:
        NotFound, PermissionDenied, FailedPrecondition: as `lock_active`.
        AlreadyExists: another experiment has the name.
    """
    experiment = lock_active(caller, experiment_id, GrantRole.OWNER)
    if applied_writes.to_experiment.was_applied(experiment.id, write):
        return
    if experiment.name != name:
        check_name_is_free(caller, name)
    applied_writes.to_experiment.record(experiment.id, write)
    _touch(experiment, name=name)


def delete(caller: Caller, experiment_id: str, write: WriteId | None) -> None:
    """Delete an active experiment, and with it its active runs (E3).

    Raises:
        NotFound: there is no active experiment of this id that the caller sees.
        PermissionDenied: the caller is no owner of it.
    """
    experiment = lock(caller, experiment_id, GrantRole.OWNER)
    if applied_writes.to_experiment.was_applied(experiment.id, write):
        return
    _check_stage(experiment, deleted=False)
    applied_writes.to_experiment.record(experiment.id, write)
    how = {"deleted": True, "deleted_time": now(), "deleted_by": caller.name or None}
    _touch(experiment, **how)
    _update_runs(
        (Run.experiment == experiment) & ~Run.deleted,
        **how,
        deleted_with_experiment=True,
    )


def restore(caller: Caller, experiment_id: str, write: WriteId | None) -> None:
    """Restore a deleted experiment and the runs that were deleted with it (E3).

    Raises:
        NotFound: there is no deleted experiment of this id that the caller sees.
        PermissionDenied: the caller is no owner of it.
    """
    experiment = lock(caller, experiment_id, GrantRole.OWNER)
    if applied_writes.to_experiment.was_applied(experiment.id, write):
        return
    _check_stage(experiment, deleted=True)
    applied_writes.to_experiment.record(experiment.id, write)
    _touch(experiment, deleted=False, deleted_time=None, deleted_by=None)
    _update_runs(
        (Run.experiment == experiment) & Run.deleted_with_experiment,
        deleted=False,
        deleted_time=None,
        deleted_by=None,
        deleted_with_experiment=False,
    )


def set_tag(
    caller: Caller, experiment_id: str, key: str, value: str, write: WriteId | None
) -> None:
    """Set a tag of an active experiment.

    Raises:
        NotFound, PermissionDenied, FailedPrecondition: as `lock_active`.
    """
    experiment = lock_active(caller, experiment_id, GrantRole.WRITER)
    if applied_writes.to_experiment.accept(experiment.id, write):
        upsert_tag(experiment, key, value)
        _touch(experiment)


def delete_tag(caller: Caller, experiment_id: str, key: str, write: WriteId | None) -> None:
    """Delete a tag of an active experiment.

    Raises:
        NotFound, PermissionDenied, FailedPrecondition: as `lock_active`; NotFound also if there is
            no such tag.
    """
    experiment = lock_active(caller, experiment_id, GrantRole.WRITER)
    if applied_writes.to_experiment.was_applied(experiment.id, write):
        return
    tag = ExperimentTag.get_or_none(
        (ExperimentTag.experiment == experiment) & (ExperimentTag.key == key)
    )
    if tag is None:
        raise NotFound(
            f"No tag with name: {key} in experiment with id {experiment_id}",
            reason="TAG_NOT_FOUND",
            field="key",
            value=key,
        )
    applied_writes.to_experiment.record(experiment.id, write)
    tag.delete_instance()
    _touch(experiment)


def _touch(experiment: Experiment, **changes: object) -> None:
    Experiment.update(last_update_time=now(), **changes).where(
        Experiment.id == experiment.id
    ).execute()


def _update_runs(which: Any, **values: object) -> None:
    lock_rows(Run.select(Run.id).where(which).order_by(Run.id))
    changed = Run.update(**values).where(which).returning(Run.id).execute()
    changes.record_runs([run.id for run in changed])


def _check_stage(experiment: Experiment, *, deleted: bool) -> None:
    if experiment.deleted != deleted:
        stage = "deleted" if deleted else "active"
        raise NotFound(
            f"No {stage} Experiment with id={experiment.id} exists",
            reason="EXPERIMENT_NOT_FOUND",
            field="experiment_id",
            value=experiment.id,
            limit=stage,
        )
