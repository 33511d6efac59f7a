"""Runs: writing happens on the writer's thread, reading on a reader's."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from runstream.contract.run_names import NAME_TAG, choose_name
from runstream.errors import AlreadyExists
from runstream_service.access.caller import Caller, GrantRole
from runstream_service.access.visibility import VisibleStatement, check_role, visible
from runstream_service.catalog import experiments, run_rows
from runstream_service.catalog.run_data import LoggedRun, RunRow, with_data, with_data_if_small
from runstream_service.catalog.run_state import (
    check_writable,
    deleted_error,
    not_found_error,
    state_for_write,
)
from runstream_service.catalog.run_tags import tag_not_found_error
from runstream_service.engine import applied_writes, changes
from runstream_service.engine.applied_writes import WriteId
from runstream_service.engine.catalog_writes import RunUpdate
from runstream_service.engine.clock import now
from runstream_service.engine.statements import Statement, execute, in_texts
from runstream_service.engine.tables import Run, RunTag

_OF_UUID = Run.select().where(Run.uuid == "")
_SELECT_STORED = Statement(_OF_UUID)
_SELECT = VisibleStatement(_OF_UUID, Run.experiment)
_LOCK = VisibleStatement(_OF_UUID, Run.experiment, lock=True)


@dataclass(frozen=True)
class NewRun:
    """The run that a caller asks for; empty fields are filled in."""

    experiment_id: str
    user_id: str
    name: str
    start_time: int | None
    tags: Sequence[tuple[str, str]]
    run_id: str
    heartbeat: bool


def create(caller: Caller, new: NewRun) -> LoggedRun:
    """Create a run, or return the one that the same call created before (R1).

    Raises:
        NotFound, FailedPrecondition: the experiment is not there, or deleted.
        PermissionDenied: the caller may not write to it.
        InvalidArgument: name and name tag differ (R3).
        AlreadyExists: the run id is taken by a run with other content.
    """
    experiment = experiments.keep_active(caller, new.experiment_id)
    tags = dict(new.tags)
    name = choose_name(new.name, tags)
    if new.run_id:
        for existing in _SELECT_STORED.models(Run, new.run_id):
            return _existing_run(existing, new, experiment, name, tags)
    run, all_tags = run_rows.insert(
        new.run_id or secrets.token_hex(16),
        experiment,
        name=name,
        user_id=new.user_id,
        start_time=now() if new.start_time is None else new.start_time,
        heartbeat=new.heartbeat,
        tags=tags,
    )
    return LoggedRun(run, (), (), all_tags)


def get(caller: Caller, run_id: str) -> Run:
    """Return a run, active or deleted.

    Raises:
        NotFound: there is none of this id that the caller sees.
    """
    return _only(run_id, _SELECT.models(caller, Run, run_id))


def lock(caller: Caller, run_id: str) -> Run:
    """Return what `get` does, of a run that is to be changed: it is locked until the commit.

    Raises:
        NotFound: as `get`.
        PermissionDenied: the caller may not write to its experiment.
    """
    run = _only(run_id, _LOCK.models(caller, Run, run_id))
    check_role(caller, run.experiment_id, GrantRole.WRITER)
    return run


def get_row(caller: Caller, run_id: str) -> Run:
    """Return what `get` does as a plain row, which is faster and cannot be saved."""
    row = _SELECT.first(caller, run_id)
    if row is None:
        raise not_found_error(run_id)
    found: Any = RunRow._make(row)
    return found  # type: ignore[no-any-return]


def existing_ids(caller: Caller, run_ids: Sequence[str]) -> list[str]:
    """Return those of the ids that runs have which the caller sees, each once, in their order."""
    query = Run.select(Run.uuid).where(
        Run.uuid.in_(in_texts(run_ids)), *visible(caller, Run.experiment)
    )
    existing = {row[0] for row in execute(query)}
    return [run_id for run_id in dict.fromkeys(run_ids) if run_id in existing]


def internal_ids(caller: Caller, run_ids: Sequence[str]) -> dict[str, int]:
    """Return the internal ids of runs by their ids.

    Raises:
        NotFound: there is no such run that the caller sees.
    """
    query = Run.select(Run.uuid, Run.id).where(
        Run.uuid.in_(in_texts(run_ids)), *visible(caller, Run.experiment)
    )
    found: dict[str, int] = dict(execute(query))
    for run_id in run_ids:
        if run_id not in found:
            raise not_found_error(run_id)
    return found


def get_with_data(caller: Caller, run_id: str) -> LoggedRun:
    """Return a run with all that it logged.

    Raises:
        NotFound: as `get`.
        ResourceExhausted: it logged more than an answer can hold.
    """
    return with_data(get_row(caller, run_id))


def get_with_data_if_small(caller: Caller, run_id: str) -> LoggedRun | None:
    """Return a run with all that it logged, or None if that takes more than some milliseconds.

    Raises:
        NotFound: as `get`.
    """
    return with_data_if_small(get_row(caller, run_id))


def update(caller: Caller, run_id: str, change: RunUpdate, write: WriteId | None) -> Run:
    """Change an active run and return it.

    Raises:
        NotFound, PermissionDenied, FailedPrecondition: as `active_run`.
    """
    run = run_rows.lock(run_id)
    if run is None:
        raise not_found_error(run_id)
    check_writable(caller, run_id, run.experiment_id, is_deleted=run.deleted)
    if not applied_writes.to_run.accept(run.id, write):
        return run  # type: ignore[no-any-return] # a RunRow
    return run_rows.update(run, change)  # type: ignore[no-any-return]


def delete_tag(caller: Caller, run_id: str, key: str, write: WriteId | None) -> None:
    """Delete a tag of an active run; deleting `mlflow.runName` changes nothing (R3).

    Raises:
        NotFound, PermissionDenied, FailedPrecondition: as `active_run`; NotFound also if there is
            no such tag (P3).
    """
    state = state_for_write(caller, run_id)
    run = state.id
    if key == NAME_TAG or applied_writes.to_run.was_applied(run, write):
        return
    if not RunTag.delete().where((RunTag.run == run) & (RunTag.key == key)).execute():
        raise tag_not_found_error(run_id, key)
    applied_writes.to_run.record(run, write)
    changes.record_deleted_tags(run_id, state.experiment_id, [key])


def _only(run_id: str, found: list[Run]) -> Run:
    if not found:
        raise not_found_error(run_id)
    return found[0]


def _existing_run(
    run: Run, new: NewRun, experiment: experiments.ActiveExperiment, name: str, tags: dict[str, str]
) -> LoggedRun:
    """Return the existing run with its data, if it is what the caller asks for."""
    if run.experiment_id != experiment.id:  # which the caller may not see
        raise exists_error(run.uuid, "experiment_id")
    found = with_data(run)
    existing_tags = dict(found.tags)
    asked_start = new.start_time
    differing = [
        field
        for field, asked, is_there in (
            ("user_id", new.user_id, run.user_id),
            ("run_name", name or run.name, run.name),
            ("start_time", run.start_time if asked_start is None else asked_start, run.start_time),
            ("tags", tags.items() <= existing_tags.items(), True),
        )
        if asked != is_there
    ]
    if differing:
        raise exists_error(run.uuid, differing[0])
    if run.deleted:
        raise deleted_error(run.uuid)
    return found


def exists_error(run_id: str, differing: str) -> AlreadyExists:
    return AlreadyExists(
        f"Run with id={run_id} already exists with another {differing}",
        reason="RUN_EXISTS",
        field=differing,
        value=run_id,
    )
