"""The run of a batch that says more than points, params, tags and lines: found, or to be created.

Everything that can refuse such a batch is checked before anything of it is written, because what a
command wrote before it raised is committed with the others (engine/writer.py). A savepoint would
undo that, too, but not what is kept in memory: summaries of series, roles, heartbeats, by ids that
the next run or experiment of the same transaction would get.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from runstream.contract.run_names import NAME_TAG
from runstream_service.access.caller import Caller, GrantRole
from runstream_service.access.visibility import check_known_role
from runstream_service.catalog import experiment_creation, experiments, run_rows
from runstream_service.catalog.experiments import ActiveExperiment
from runstream_service.catalog.run_state import (
    check_writable,
    deleted_error,
    not_found_error,
    renew_revision,
)
from runstream_service.catalog.run_tags import (
    delete_tags,
    effective_tags,
    missing_tags,
    set_tags,
    tag_not_found_error,
)
from runstream_service.catalog.runs import exists_error
from runstream_service.engine import applied_writes, changes
from runstream_service.engine.applied_writes import WriteId
from runstream_service.engine.batch import Batch
from runstream_service.engine.catalog_writes import CatalogWrites, RunStart
from runstream_service.engine.statements import Statement
from runstream_service.engine.tables import Experiment

FindRole = Callable[[Caller, int], int | None]

_NAME = Statement(Experiment.select(Experiment.name).where(Experiment.id == 0))


class CheckedRun(NamedTuple):
    """A run to which a batch may be written.

    Attributes:
        row: the run, locked until the commit; None if it is to be created.
        is_applied: whether this write was applied before (P3).
        deleted_tags: the tags that are to be deleted, each once.
        experiment: that of a run which is to be created; None, if it is to be created, too.
    """

    row: Any
    is_applied: bool
    deleted_tags: Sequence[str] = ()
    experiment: ActiveExperiment | None = None


def check(caller: Caller, batch: Batch, writes: CatalogWrites, find_role: FindRole) -> CheckedRun:
    """Find the run of a batch, and check what the batch says of it; nothing is written.

    Raises:
        NotFound: there is no such run and no start, no such experiment, or no such tag.
        PermissionDenied: the caller may not write to the run, or to its experiment.
        FailedPrecondition: the run or its experiment is deleted.
        AlreadyExists: the id is that of another run than the batch starts.
        InvalidArgument: the id of the experiment is malformed.
    """
    row = run_rows.lock(batch.run_id)
    if writes.start is not None:
        found = _started_run(caller, batch, writes.start, row, find_role)
    elif row is None:
        raise not_found_error(batch.run_id)
    else:
        check_writable(caller, row.uuid, row.experiment_id, find_role, is_deleted=row.deleted)
        found = CheckedRun(row, applied_writes.to_run.was_applied(row.id, batch.write))
    if writes.deleted_tags and not found.is_applied:
        found = found._replace(deleted_tags=_check_tags(batch.run_id, row, writes.deleted_tags))
    return found


def create(
    caller: Caller, batch: Batch, writes: CatalogWrites, experiment: ActiveExperiment | None
) -> Any:
    """Create the run of a batch, and its experiment if that is None; return the row of the run."""
    start = writes.start
    if start is None:
        raise LookupError("a batch without a start has a run")  # by `check`
    if experiment is None:
        created = experiment_creation.insert(caller, start.experiment_name)
        experiment = experiments.keep(caller, start.experiment_id, start.experiment_name, created)
    run, _ = run_rows.insert(
        batch.run_id,
        experiment,
        name=start.name,
        user_id=start.user_id,
        start_time=start.start_time,
        heartbeat=start.heartbeat,
        tags=dict(batch.tags),
    )
    applied_writes.to_run.record_first(run.id, batch.write)
    return run


def write_ordered(
    row: Any, batch: Batch, writes: CatalogWrites, deleted_tags: Sequence[str]
) -> tuple[Any, Sequence[tuple[str, str]]]:
    """Record a write that was not applied before, and delete and set its tags.

    Args:
        row: the run, which is there.
        batch: what is written.
        writes: what it says besides.
        deleted_tags: those that `check` has found.

    Returns:
        The row of the run, and the tags that were set.
    """
    applied_writes.to_run.record(row.id, batch.write)
    if writes.update is None:
        renew_revision(row.id, row.revision)
    if deleted_tags:
        delete_tags(row.id, deleted_tags)
        changes.record_deleted_tags(row.uuid, row.experiment_id, deleted_tags)
    # Without a WriteId nothing tells that a start is no repetition, which changes no tag.
    is_admitted = writes.start is None or batch.write is not None
    tags = effective_tags(batch.tags) if is_admitted else ()
    set_tags(row.id, tags)
    name = dict(tags).get(NAME_TAG)
    return row._replace(name=name) if name else row, tags


def _started_run(
    caller: Caller, batch: Batch, start: RunStart, row: Any, find_role: FindRole
) -> CheckedRun:
    if row is None:
        return CheckedRun(None, False, (), _find_experiment(caller, start))
    role = find_role(caller, row.experiment_id)
    if role is None:
        _find_experiment(caller, start)  # what it raises says nothing of the run that is there
        raise exists_error(batch.run_id, "experiment_id")
    check_known_role(caller, row.experiment_id, role, GrantRole.WRITER)
    is_applied = _was_start_applied(row, start, batch.write)
    if row.deleted:
        raise deleted_error(batch.run_id)
    return CheckedRun(row, is_applied)


def _was_start_applied(row: Any, start: RunStart, write: WriteId | None) -> bool:
    """Return whether the write of a start was applied, once it is sure that the run is the same."""
    if applied_writes.to_run.was_applied(row.id, write):
        return True  # whatever became since of the name of the experiment
    if start.experiment_name:
        name = _NAME.first(row.experiment_id)
        is_same = name is not None and name[0] == start.experiment_name
    else:
        is_same = experiments.parse_ids([start.experiment_id])[0] == row.experiment_id
    if not is_same:
        raise exists_error(row.uuid, "experiment_id")
    if row.user_id != start.user_id:
        raise exists_error(row.uuid, "user_id")
    if row.start_time != start.start_time:
        raise exists_error(row.uuid, "start_time")
    return False


def _find_experiment(caller: Caller, start: RunStart) -> ActiveExperiment | None:
    """Return the experiment of a start, active and locked; None, if it is to be created."""
    key = start.experiment_id, start.experiment_name
    known = experiments.kept(caller, *key)
    if known is not None:
        return known
    if start.experiment_name:
        found = experiment_creation.find_active(caller, start.experiment_name)
    else:
        found = experiments.keep_active(caller, start.experiment_id)
    return None if found is None else experiments.keep(caller, *key, found)


def _check_tags(run_id: str, row: Any, keys: Sequence[str]) -> Sequence[str]:
    """Return tags that are to be deleted, once it is sure that they are there.

    That of the name stays as it is (R3).
    """
    keys = [key for key in dict.fromkeys(keys) if key != NAME_TAG]
    missing = keys if row is None else missing_tags(row.id, keys)
    if missing:
        raise tag_not_found_error(run_id, missing[0])
    return keys
