"""What versions of registered models use: runs and logged models that therefore stay.

Deleting a run or an experiment keeps its files, so versions of it can be loaded. What would take
the files away is refused, and a purge leaves it out.
"""

from __future__ import annotations

from typing import Any

from runstream.errors import FailedPrecondition
from runstream_service.access.registry_visibility import EXPERIMENT, with_owners
from runstream_service.engine.statements import execute
from runstream_service.engine.tables import (
    Experiment,
    LoggedModel,
    ModelVersion,
    RegisteredModel,
    Run,
)

# Versions that an error names.
_NAMED = 5

#: The conditions that no version uses a run, a logged model, or what an experiment has.
UNUSED_RUN = Run.id.not_in(ModelVersion.select(ModelVersion.run).where(ModelVersion.run >= 0))
UNUSED_MODEL = LoggedModel.id.not_in(
    ModelVersion.select(ModelVersion.logged_model).where(ModelVersion.logged_model >= 0)
)
UNUSED_EXPERIMENT = Experiment.id.not_in(with_owners(ModelVersion.select(EXPERIMENT)))


def count_kept(before: int, experiment: int | None = None) -> int:
    """Return how many versions keep something that is deleted from a purge.

    Args:
        before: only what was deleted before this time, in milliseconds since the epoch.
        experiment: only of this experiment, by its internal id; None for all.
    """
    deleted = Experiment.deleted & (Experiment.deleted_time < before)
    kept = (Run.deleted & (Run.deleted_time < before)) | EXPERIMENT.in_(
        Experiment.select(Experiment.id).where(deleted)
    )
    query = with_owners(ModelVersion.select(ModelVersion.id)).where(kept)
    return int((query if experiment is None else query.where(experiment == EXPERIMENT)).count())


def check_model_unused(model_id: str, model: int) -> None:
    """Raise FailedPrecondition if a version has the files of a logged model, by both its ids."""
    _check_unused(ModelVersion.logged_model == model, f"The logged model {model_id}", model_id)


def check_files_unused(owner_id: str, owner: int, path: str) -> None:
    """Raise FailedPrecondition if a version has files at a path, below it or around it.

    Args:
        owner_id: the id of the run or logged model that has the files.
        owner: its internal id.
        path: the path below its artifacts; empty for all.
    """
    column = ModelVersion.logged_model if owner_id.startswith("m-") else ModelVersion.run
    condition = column == owner
    if path:
        around = ["", *(path[:i] for i, character in enumerate(path) if character == "/"), path]
        below = (ModelVersion.artifact_path > f"{path}/") & (
            ModelVersion.artifact_path < f"{path}0"
        )
        condition &= ModelVersion.artifact_path.in_(around) | below
    _check_unused(condition, f"{path or 'What is there'!r} of {owner_id}", owner_id)


def check_runs_unused(runs: Any) -> None:
    """Raise FailedPrecondition if a version has files of runs that meet a condition."""
    _check_unused(ModelVersion.run.in_(Run.select(Run.id).where(runs)), "A run", "")


def check_experiment_unused(experiment: int) -> None:
    """Raise FailedPrecondition if a version has files of an experiment, by its internal id."""
    _check_unused(experiment == EXPERIMENT, f"The experiment {experiment}", str(experiment))


def _check_unused(condition: Any, what: str, value: str) -> None:
    query = with_owners(ModelVersion.select(RegisteredModel.name, ModelVersion.version))
    order = (RegisteredModel.name, ModelVersion.version)
    rows = list(execute(query.where(condition).order_by(*order).limit(_NAMED + 1)))
    if not rows:
        return
    names = ", ".join(f"{name}/{version}" for name, version in rows[:_NAMED])
    raise FailedPrecondition(
        f"{what} is used by versions of registered models, which would lose their files: {names}"
        f"{' and others' if len(rows) > _NAMED else ''}; delete the versions first",
        reason="MODEL_VERSIONS_USE_IT",
        field="model_versions",
        value=value,
        versions=names,
    )
