"""Removing for good what is deleted of one experiment, as `purge` does with all (E6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from peewee import fn

from runstream.errors import FailedPrecondition
from runstream.rules import INT64_MAX
from runstream_service.access.caller import Caller, GrantRole
from runstream_service.access.visibility import check_role, role_on
from runstream_service.care import hidden_copies
from runstream_service.care.purge import Purged, hide
from runstream_service.care.purge_models import hide_models
from runstream_service.catalog import blobs, experiments, version_use
from runstream_service.catalog.run_families import find_families
from runstream_service.engine.statements import execute, in_ids, in_texts, lock_rows
from runstream_service.engine.tables import (
    Artifact,
    Experiment,
    LoggedModel,
    ModelArtifact,
    Run,
    Series,
)
from runstream_service.points.removal import count_points

#: Runs that one call names.
MAX_NAMED = 1_000

#: Runs that one call hides at the most.
MAX_HIDDEN = 10_000

_WHOLE = Experiment.purging | (Experiment.deleted & (Experiment.id != 0))


class Scope(NamedTuple):
    """What of an experiment is to be removed.

    Attributes:
        experiment: its internal id.
        is_whole: whether it goes itself, with all that it has.
        to_hide: runs that are still found, by their internal ids.
    """

    experiment: int
    is_whole: bool
    to_hide: list[int]


def find_scope(
    caller: Caller, experiment_id: str, run_ids: Sequence[str], limit: int | None
) -> Scope:
    """Return what a caller asks to remove, on a reader's thread.

    Args:
        caller: who asks.
        experiment_id: the experiment.
        run_ids: only these of its runs, if there are any.
        limit: how many runs to find at the most.

    Raises:
        NotFound, PermissionDenied: as `experiments.lock`, for an owner.
        FailedPrecondition: a run is active, or a version of a registered model uses a run that is
            named, or the experiment that is to go as a whole.
        ResourceExhausted: runs that are named are too many with their child runs.
    """
    (experiment,) = experiments.parse_ids([experiment_id])
    # One without a name is gone, and only keeps its id from others.
    named = (Experiment.id == experiment) & (Experiment.name != "")
    if not Experiment.select().where(named).exists() or role_on(caller, experiment) is None:
        raise experiments.not_found_error(experiment_id)
    check_role(caller, experiment, GrantRole.OWNER)
    query = Experiment.select().where((Experiment.id == experiment) & _WHOLE)
    is_whole = not run_ids and query.exists()
    if is_whole:
        version_use.check_experiment_unused(experiment)
    runs = (Run.experiment == experiment) & ~Run.purging
    if run_ids:
        named = runs & Run.uuid.in_(in_texts(run_ids))
        _check_deleted(named)
        version_use.check_runs_unused(named)
        runs &= Run.id.in_(in_ids(find_families(run_ids)))
    if not is_whole:
        runs &= Run.deleted & version_use.UNUSED_RUN
    # Child runs are mostly newer than their parents, by which they are found: so they are hidden
    # before them, and a call that broke off is gone on with by the same request.
    found = Run.select(Run.id).where(runs).order_by(Run.id.desc()).limit(limit)
    return Scope(experiment, is_whole, [row[0] for row in execute(found)])


def count(scope: Scope) -> tuple[Purged, bool]:
    """Return what is to be removed, on a reader's thread, and whether that is nothing at all.

    What a purge that broke off has left is counted, too, but for the runs, which are hidden.
    """
    left = hidden_runs(scope.experiment, None)
    runs = Run.select(Run.id).where(Run.id.in_(in_ids([*scope.to_hide, *left])))
    models = LoggedModel.select(LoggedModel.id).where(
        (LoggedModel.experiment == scope.experiment) & scope.is_whole
    )
    whole = Series.run.in_(in_ids(scope.to_hide))
    points = Series.select(fn.SUM(Series.count)).where(whole).scalar() or 0
    points += sum(map(count_points, left))
    files, size = blobs.count_owned(runs, models)
    found = Purged(
        int(scope.is_whole),
        len(scope.to_hide),
        points,
        models.count(),
        files,
        size,
        version_use.count_kept(INT64_MAX, scope.experiment),
    )
    return found, not (scope.is_whole or scope.to_hide or left)


def hide_runs(experiment: int, runs: Sequence[int]) -> int:
    """Hide those of some runs that are deleted still, and still of an experiment; count them."""
    purged = Experiment.select(Experiment.id).where(Experiment.purging)
    to_hide = (Run.deleted & version_use.UNUSED_RUN) | Run.experiment.in_(purged)
    return hide(runs, to_hide & (Run.experiment == experiment))


def hide_experiment(experiment: int) -> bool:
    """Hide an experiment, if it is deleted still; return whether it is hidden."""
    this = Experiment.id == experiment
    lock_rows(Experiment.select(Experiment.id).where(this))
    to_hide = this & _WHOLE & ~Experiment.purging & version_use.UNUSED_EXPERIMENT
    if Experiment.update(purging=True).where(to_hide).execute():
        hide_models()
    return bool(Experiment.select().where(this & Experiment.purging).exists())


def hidden_runs(experiment: int, limit: int | None) -> list[int]:
    """Return hidden runs of an experiment that are not removed yet, by their internal ids."""
    # The run with the maximum id stays, empty, in experiment 0.
    runs = (Run.experiment == experiment) & Run.purging & (Run.artifact_uri != "")
    runs &= ~hidden_copies.in_use()
    return [row[0] for row in execute(Run.select(Run.id).where(runs).order_by(Run.id).limit(limit))]


def blobs_of_runs(runs: Sequence[int]) -> list[int]:
    """Return the blobs of the files of some runs, by internal ids."""
    return _blobs(Artifact, Artifact.run.in_(in_ids(runs)))


def blobs_of_models(experiment: int) -> list[int]:
    """Return the blobs of the files of all models of an experiment."""
    models = LoggedModel.select(LoggedModel.id).where(LoggedModel.experiment == experiment)
    return _blobs(ModelArtifact, ModelArtifact.owner.in_(models))


def _blobs(table: Any, owned: Any) -> list[int]:
    return [row[0] for row in execute(table.select(table.blob).distinct().where(owned))]


def _check_deleted(runs: Any) -> None:
    active = Run.select(Run.uuid).where(runs & ~Run.deleted).order_by(Run.id).first()
    if active is not None:
        raise FailedPrecondition(
            f"The run {active.uuid} is active: what is removed for good is deleted first",
            reason="RUN_ACTIVE",
            field="run_ids",
            value=active.uuid,
        )
