"""Removing logged models for good, as `purge` does runs: those deleted, and of purged experiments.

Nobody finds a deleted model any more, so one may go in several steps.
"""

from __future__ import annotations

from typing import Any

from runstream_service.engine.clock import now
from runstream_service.engine.statements import compile_sql
from runstream_service.engine.tables import (
    Experiment,
    LoggedModel,
    LoggedModelParam,
    LoggedModelTag,
    ModelArtifact,
    ModelWrite,
    database,
)


def _delete_some(table: Any, key: Any) -> str:
    some = table.select(key).where(table.owner == 0).limit(0)
    return compile_sql(table.delete().where((table.owner == 0) & key.in_(some)))


_DELETE_SOME = [
    _delete_some(ModelArtifact, ModelArtifact.path),
    _delete_some(LoggedModelParam, LoggedModelParam.key),
    _delete_some(LoggedModelTag, LoggedModelTag.key),
    _delete_some(ModelWrite, ModelWrite.id),
]
_DELETE = compile_sql(LoggedModel.delete().where(LoggedModel.id == 0))


def doomed(before: int, experiments: Any) -> Any:
    """Return the condition of the models that a purge removes.

    Args:
        before: only those deleted before this time, in milliseconds since the epoch.
        experiments: the condition of the experiments that go, whose models all go.
    """
    of_those = LoggedModel.experiment.in_(Experiment.select(Experiment.id).where(experiments))
    return (LoggedModel.deleted_time < before) | of_those


def hide_models() -> None:
    """Delete the models of experiments that a purge has taken out of sight."""
    of_those = LoggedModel.experiment.in_(
        Experiment.select(Experiment.id).where(Experiment.purging)
    )
    LoggedModel.update(deleted_time=now()).where(
        of_those & LoggedModel.deleted_time.is_null()
    ).execute()


def remove_models(before: int, rows: int) -> tuple[int, bool]:
    """Remove up to so many rows of the models that go.

    Returns:
        How many models are gone, and whether any are left.
    """
    going = LoggedModel.select(LoggedModel.id).where(doomed(before, Experiment.purging))
    gone = 0
    for (model,) in database.execute(going.order_by(LoggedModel.id).limit(rows + 1)):
        for statement in _DELETE_SOME:
            rows -= database.execute_sql(statement, (model, model, max(0, rows))).rowcount
        if rows <= 0:
            return gone, True
        database.execute_sql(_DELETE, (model,))
        gone += 1
        rows -= 1
    return gone, False
