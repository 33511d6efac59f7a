"""Removing logged models for good, as `purge` does runs: those deleted, and of purged experiments.

A deleted model is not found any more, so it can be removed in several steps.
"""

from __future__ import annotations

from typing import Any

from runstream_service.engine.clock import now
from runstream_service.engine.statements import compile_delete_up_to, compile_sql
from runstream_service.engine.tables import (
    Experiment,
    LoggedModel,
    LoggedModelParam,
    LoggedModelTag,
    ModelArtifact,
    ModelWrite,
    database,
)

_DELETE_UP_TO = [
    compile_delete_up_to(ModelArtifact.owner, ModelArtifact.path),
    compile_delete_up_to(LoggedModelParam.owner, LoggedModelParam.key),
    compile_delete_up_to(LoggedModelTag.owner, LoggedModelTag.key),
    compile_delete_up_to(ModelWrite.owner, ModelWrite.id),
]
_DELETE = compile_sql(LoggedModel.delete().where(LoggedModel.id == 0))


def purged_models(before: int, experiments: Any) -> Any:
    """Return the condition of the models that a purge removes.

    Args:
        before: only those deleted before this time, in milliseconds since the epoch.
        experiments: the condition of the experiments that are purged, with all their models.
    """
    in_experiments = LoggedModel.experiment.in_(Experiment.select(Experiment.id).where(experiments))
    return (LoggedModel.deleted_time < before) | in_experiments


def hide_models() -> None:
    """Delete the models of experiments that a purge has hidden."""
    in_experiments = LoggedModel.experiment.in_(
        Experiment.select(Experiment.id).where(Experiment.purging)
    )
    LoggedModel.update(deleted_time=now()).where(
        in_experiments & LoggedModel.deleted_time.is_null()
    ).execute()


def remove_models(before: int, rows: int) -> tuple[int, bool]:
    """Remove up to so many rows of the models that a purge removes.

    Returns:
        How many models are deleted, and whether any are left.
    """
    models = LoggedModel.select(LoggedModel.id).where(purged_models(before, Experiment.purging))
    deleted = 0
    for (model,) in database.execute(models.order_by(LoggedModel.id).limit(rows + 1)):
        for statement in _DELETE_UP_TO:
            rows -= database.execute_sql(statement, (model, model, max(0, rows))).rowcount
        if rows <= 0:
            return deleted, True
        database.execute_sql(_DELETE, (model,))
        deleted += 1
        rows -= 1
    return deleted, False
