"""Copying runs to an experiment (R11).

A copy is hidden at first (`hidden_copies.py`). Steps fill it (`run_copy_rows.py`), and when all
copies of a request are whole, one transaction shows them. Their ids follow from the request: that
is how the same request goes on with them, and finds them once they are there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from runstream.errors import FailedPrecondition
from runstream_service.access.caller import Caller, GrantRole
from runstream_service.access.visibility import KnownRoles
from runstream_service.care import hidden_copies
from runstream_service.care.run_copy_rows import Pair, changed_error
from runstream_service.catalog import experiments
from runstream_service.catalog.artifact_locations import join_location
from runstream_service.catalog.run_data import RunRow
from runstream_service.catalog.run_families import find_families
from runstream_service.catalog.run_state import deleted_error, not_found_error, revision_for
from runstream_service.engine import changes
from runstream_service.engine.applied_writes import WriteId
from runstream_service.engine.clock import now
from runstream_service.engine.statements import Statement, execute, in_ids, in_texts, lock_rows
from runstream_service.engine.statuses import RunStatus
from runstream_service.engine.tables import Run

#: Runs that one call names.
MAX_NAMED = 1_000

_GOING_ON = (RunStatus.RUNNING, RunStatus.SCHEDULED)
_SHOW = Statement(
    Run.update(
        {
            Run.uuid: "",
            Run.deleted: False,
            Run.deleted_time: None,
            Run.purging: False,
            Run.revision: 0,
        }
    ).where(Run.id == 0)
)


_COLUMNS = [
    Run.uuid,
    Run.experiment,
    Run.name,
    Run.user_id,
    Run.status,
    Run.start_time,
    Run.end_time,
    Run.artifact_uri,
    Run.deleted,
    Run.deleted_with_experiment,
    Run.deleted_time,
    Run.purging,
    Run.revision,
]
_INSERT = Statement(
    Run.insert_many([("", 0, "", "", 0, 0, 0, "", True, False, 0, True, 0)], _COLUMNS)
)
_SET_REVISION = Statement(Run.update({Run.revision: 0}).where(Run.id == 0))


class Plan(NamedTuple):
    """The copies of a request.

    Attributes:
        pairs: all runs and their copies.
        to_copy: those whose copy is not whole.
        is_done: whether the copies are there for all to see.
    """

    pairs: list[Pair]
    to_copy: list[Pair]
    is_done: bool

    @property
    def copies(self) -> Mapping[str, str]:
        """The ids of the copies, by those of their runs."""
        return {pair.source_id: pair.copy_id for pair in self.pairs}


def begin(caller: Caller, run_ids: Sequence[str], experiment_id: str, write: WriteId) -> Plan:
    """Make the rows of the copies that are not there yet, hidden, on the writer's thread.

    Raises:
        NotFound, PermissionDenied, FailedPrecondition: as `lock_active`; NotFound, if a run is not
            there or the caller does not see it.
        FailedPrecondition: a run is deleted, goes on, or has its files elsewhere.
        ResourceExhausted: the runs are too many.
    """
    target = experiments.lock_active(caller, experiment_id, GrantRole.WRITER)
    these = Run.id.in_(in_ids(find_families(run_ids))) & ~Run.purging
    runs = _read(Run.select().where(these))
    find_role = KnownRoles().role_on
    seen = [run for run in runs if find_role(caller, run.experiment_id) is not None]
    seen_ids, named = {run.uuid for run in seen}, set(run_ids)
    for run_id in run_ids:
        if run_id not in seen_ids:
            raise not_found_error(run_id)
    pairs = [_pair(run, target.id, write) for run in seen]
    shown = _find_shown(pairs)
    if shown:
        return Plan([pair for pair in pairs if pair.copy_id in shown], [], is_done=True)
    for run in seen:
        _check(run, is_named=run.uuid in named)
    pairs = [pair for pair, run in zip(pairs, seen, strict=True) if not run.deleted]
    states = {run.uuid: run.status for run in hidden_copies.find(pair.hidden_id for pair in pairs)}
    missing = [pair for pair in pairs if pair.hidden_id not in states]
    by_id = {run.id: _with_revision(run) for run in seen} if missing else {}
    _INSERT.run_for_each(_row(pair, by_id[pair.source], target) for pair in missing)
    unfinished = RunStatus.SCHEDULED
    to_copy = [pair for pair in pairs if states.get(pair.hidden_id, unfinished) == unfinished]
    return Plan(pairs, to_copy, is_done=False)


def show(caller: Caller, experiment_id: str, pairs: Sequence[Pair]) -> None:
    """Show copies that are whole, on the writer's thread.

    Raises:
        NotFound, PermissionDenied, FailedPrecondition: as `lock_active`.
        Aborted: a run was logged to meanwhile, or a purge has removed a copy.
    """
    experiments.lock_active(caller, experiment_id, GrantRole.WRITER)
    sources = Run.select().where(Run.id.in_(in_ids(pair.source for pair in pairs)))
    lock_rows(sources.order_by(Run.id))
    found = {run.id: run for run in _read(sources.where(~Run.purging))}
    copies = {run.uuid: run for run in hidden_copies.find(pair.hidden_id for pair in pairs)}
    shown = []
    for pair in pairs:
        source, copy = found.get(pair.source), copies.get(pair.hidden_id)
        if copy is None:
            raise hidden_copies.removed_error(pair.source_id)
        if source is None or source.revision != copy.revision:
            hidden_copies.take_over([copy.id])
            raise changed_error(pair.source_id)
        shown.append((pair.copy_id, False, None, False, revision_for(copy.status), copy.id))
    _SHOW.run_for_each(shown)
    changes.record_runs([row[-1] for row in shown])


def _pair(run: Any, target: int, write: WriteId) -> Pair:
    text = f"{write.writer} {write.sequence} {target} {run.uuid}"
    copy_id = hashlib.sha256(text.encode()).hexdigest()[:32]
    return Pair(run.id, run.uuid, copy_id, hidden_copies.hidden_id(copy_id))


def _read(query: Any) -> list[Any]:
    """Return runs as plain rows: Peewee takes several times as long to make objects of them."""
    return [RunRow._make(row) for row in execute(query.order_by(Run.id))]


def _find_shown(pairs: Sequence[Pair]) -> set[str]:
    ids = in_texts(pair.copy_id for pair in pairs)
    return {row[0] for row in execute(Run.select(Run.uuid).where(Run.uuid.in_(ids)))}


def _check(run: Any, *, is_named: bool) -> None:
    """Check that a run can be copied, or is left out.

    Raises:
        FailedPrecondition: it cannot.
    """
    if run.deleted:
        if is_named:
            raise deleted_error(run.uuid)
        return
    if run.status in _GOING_ON:
        raise FailedPrecondition(
            f"The run {run.uuid} goes on: it is copied once it has ended",
            reason="RUN_GOES_ON",
            field="run_ids",
            value=run.uuid,
        )
    if not run.artifact_uri.startswith("mlflow-artifacts:/"):
        raise FailedPrecondition(
            f"The artifacts of run {run.uuid} are at {run.artifact_uri}, which is not under this "
            "server",
            reason="ARTIFACTS_ELSEWHERE",
            field="run_ids",
            value=run.uuid,
            artifact_uri=run.artifact_uri,
        )


def _with_revision(run: Any) -> Any:
    """Return a run that has a revision: it may have ended before there were any."""
    if run.revision is not None:
        return run
    revision = revision_for(run.status)
    _SET_REVISION.run(revision, run.id)
    return run._replace(revision=revision)


def _row(pair: Pair, run: Any, target: Any) -> tuple[Any, ...]:
    return (
        pair.hidden_id,
        target.id,
        run.name,
        run.user_id,
        RunStatus.SCHEDULED,
        run.start_time,
        run.end_time,
        join_location(target.artifact_location, f"{pair.copy_id}/artifacts"),
        True,
        False,
        now(),
        True,
        run.revision,
    )
