"""The rows of runs, inserted and updated on the writer's thread; callers check what is asked.

A row here is a `RunRow`, because Peewee takes several times as long to make a `Run`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from runstream.contract import generated_names
from runstream.contract.run_names import NAME_TAG
from runstream_service.catalog.artifact_locations import join_location
from runstream_service.catalog.experiments import ActiveExperiment
from runstream_service.catalog.lost_runs import prepare_for_status, state_name
from runstream_service.catalog.run_data import RunRow
from runstream_service.catalog.run_resumptions import record_resumption
from runstream_service.catalog.run_state import revision_for
from runstream_service.catalog.run_tags import insert_tags, set_tags
from runstream_service.engine import changes
from runstream_service.engine.catalog_writes import RunUpdate
from runstream_service.engine.clock import now
from runstream_service.engine.statements import LockingStatement, Statement
from runstream_service.engine.statuses import RunStatus
from runstream_service.engine.tables import Experiment, Run

_GOING_ON = (RunStatus.RUNNING, RunStatus.SCHEDULED)
_COLUMNS: list[Any] = [
    Run.uuid,
    Run.experiment,
    Run.name,
    Run.user_id,
    Run.status,
    Run.start_time,
    Run.artifact_uri,
    Run.deleted,
    Run.deleted_with_experiment,
    Run.purging,
    Run.last_heartbeat,
]
# Where the columns are in a row.
_ID, *_POSITIONS = (RunRow._fields.index(each.column_name) for each in (Run.id, *_COLUMNS))
_INSERT = Statement(
    Run.insert_many([("", 0, "", "", 0, 0, "", False, False, False, 0)], _COLUMNS).returning(Run.id)
)
_LOCK = LockingStatement(Run.select().where(Run.uuid == ""))
# In the order of the model's fields, which is Peewee's.
_UPDATE = Statement(
    Run.update(
        {Run.name: "", Run.status: 0, Run.end_time: 0, Run.last_heartbeat: 0, Run.revision: 0}
    ).where(Run.id == 0)
)


def lock(run_id: str) -> Any:
    """Return the row of a run of whichever caller, locked until the commit; None, if none is."""
    row = _LOCK.first(run_id)
    return None if row is None else RunRow._make(row)


def insert(
    run_id: str,
    experiment: Experiment | ActiveExperiment,
    *,
    name: str,
    user_id: str,
    start_time: int,
    heartbeat: bool,
    tags: dict[str, str],
) -> tuple[Any, Sequence[tuple[str, str]]]:
    """Insert a run, and return its row and its tags, one of which is its name.

    Args:
        run_id: its id, which no run has.
        experiment: its experiment.
        name: its name; a readable one is generated for "".
        user_id: who started it.
        start_time: when.
        heartbeat: whether it is expected to send heartbeats, of which this is the first.
        tags: its tags.
    """
    values = (
        run_id,
        experiment.id,
        name or generated_names.generate(),
        user_id,
        RunStatus.RUNNING,
        start_time,
        join_location(experiment.artifact_location, f"{run_id}/artifacts"),
        False,
        False,
        False,
        now() if heartbeat else None,
    )
    row: list[Any] = [None] * len(RunRow._fields)
    row[_ID] = _INSERT.insert(*values)
    for position, value in zip(_POSITIONS, values, strict=True):
        row[position] = value
    run: Any = RunRow._make(row)
    all_tags = sorted((tags | {NAME_TAG: run.name}).items())
    insert_tags(run.id, all_tags)
    changes.record_run(run, all_tags)
    return run, all_tags


def update(run: Any, change: RunUpdate) -> Any:
    """Change an active run that is locked, and return its new row."""
    status, end_time = run.status, run.end_time
    last_heartbeat = now() if change.heartbeat else run.last_heartbeat
    was_going_on = run.status in _GOING_ON
    tags = [(NAME_TAG, change.name)] if change.name else []
    if change.status:
        status = change.status
        if status == RunStatus.RUNNING and not was_going_on:
            state = state_name(run)
            tags.append(record_resumption(run.id, state, run.end_time, now()))
        last_heartbeat = prepare_for_status(run, status, last_heartbeat)
        if status in _GOING_ON:
            end_time = None
    if change.end_time is not None:
        end_time = change.end_time
    name = change.name or run.name
    if change.name:
        set_tags(run.id, [(NAME_TAG, name)])
    revision = revision_for(status)
    is_ended = was_going_on and status not in _GOING_ON
    _UPDATE.run(name, status, end_time, last_heartbeat, revision, run.id)
    run = run._replace(
        name=name,
        status=status,
        end_time=end_time,
        last_heartbeat=last_heartbeat,
        revision=revision,
    )
    changes.record_run(run, tags, is_ended=is_ended)
    return run
