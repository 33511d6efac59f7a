"""Removing logged models for good, as `purge` does runs: those deleted, and of purged experiments.

A deleted model is not found any more, so it can be removed in several steps.
"""

from __future__ import annotations

import time
from itertools import chain
from typing import Any

from runstream_service.care.purge_step import delete_files, delete_pieces, end_of_step
from runstream_service.catalog.artifact_owners import owner_of_model
from runstream_service.catalog.version_use import UNUSED_MODEL
from runstream_service.engine.clock import now
from runstream_service.engine.statements import Statement, delete_up_to, execute
from runstream_service.engine.tables import (
    Experiment,
    LoggedModel,
    LoggedModelParam,
    LoggedModelTag,
    ModelWrite,
)

_DELETE_UP_TO = [
    delete_up_to(LoggedModelParam.owner, LoggedModelParam.key),
    delete_up_to(LoggedModelTag.owner, LoggedModelTag.key),
    delete_up_to(ModelWrite.owner, ModelWrite.id),
]
# Models that one step removes.
_MODELS = 1_000

_DELETE = Statement(LoggedModel.delete().where(LoggedModel.id == 0))


def purged_models(before: int, experiments: Any) -> Any:
    """Return the condition of the models that a purge removes.

    Args:
        before: only those deleted before this time, in milliseconds since the epoch.
        experiments: the condition of the experiments that are purged, with all their models.
    """
    in_experiments = LoggedModel.experiment.in_(Experiment.select(Experiment.id).where(experiments))
    return ((LoggedModel.deleted_time < before) & UNUSED_MODEL) | in_experiments


def hide_models() -> None:
    """Delete the models of experiments that a purge has hidden."""
    in_experiments = LoggedModel.experiment.in_(
        Experiment.select(Experiment.id).where(Experiment.purging)
    )
    LoggedModel.update(deleted_time=now()).where(
        in_experiments & LoggedModel.deleted_time.is_null()
    ).execute()


def remove_models(before: int) -> tuple[int, bool]:
    """Remove models that a purge removes for a step.

    Returns:
        How many models are deleted, and whether any are left.
    """
    return _remove(purged_models(before, Experiment.purging))


def remove_models_of(experiment: int) -> tuple[int, bool]:
    """Do what `remove_models` does, with those of an experiment that is hidden."""
    return _remove((LoggedModel.experiment == experiment) & LoggedModel.deleted_time.is_null(False))


def _remove(which: Any) -> tuple[int, bool]:
    models = LoggedModel.select(LoggedModel.id).where(which)
    deleted, end = 0, end_of_step()
    for (model,) in execute(models.order_by(LoggedModel.id).limit(_MODELS)):
        files = delete_files(owner_of_model(model))
        for _ in chain(files, delete_pieces(_DELETE_UP_TO, model)):
            if time.monotonic() > end:
                return deleted, True
        _DELETE.run(model)
        deleted += 1
    return deleted, deleted == _MODELS
