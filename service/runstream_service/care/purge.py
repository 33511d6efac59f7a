"""Removing deleted runs and experiments for good, in steps (E5).

A purge first hides what it removes, in one transaction: the rows become `purging`, which nothing
finds and nothing restores, and a run gives up its uuid. Then it removes the rows that refer to
them, for a short time in each transaction, so that the writer is soon free for others. A purge
that broke off leaves runs that are `purging`, and the next purge continues with them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from peewee import fn

from runstream_service.care import hidden_copies
from runstream_service.care.purge_models import hide_models, purged_models
from runstream_service.care.purge_step import ROWS_AT_ONCE, delete_files, delete_pieces, end_of_step
from runstream_service.catalog import blobs, datasets
from runstream_service.catalog.artifact_owners import owner_of_run
from runstream_service.catalog.version_use import UNUSED_EXPERIMENT, UNUSED_RUN, count_kept
from runstream_service.engine import changes
from runstream_service.engine.statements import (
    ANY_IDS,
    Statement,
    array_of,
    delete_up_to,
    execute,
    lock_rows,
)
from runstream_service.engine.tables import (
    Alert,
    AlertRule,
    AlertState,
    Console,
    ConsoleLine,
    Dataset,
    Document,
    Experiment,
    ExperimentTag,
    ExperimentWrite,
    Grant,
    Input,
    LoggedModel,
    ModelInput,
    ModelMetric,
    Output,
    Param,
    Run,
    RunTag,
    Series,
    Write,
)
from runstream_service.points.removal import count_points, remove_points

# Runs that one step hides.
RUNS = 100

_DELETE_UP_TO = [
    delete_up_to(Param.run, Param.key),
    delete_up_to(RunTag.run, RunTag.key),
    delete_up_to(Write.run, Write.id),
    delete_up_to(Output.run, Output.id),
    delete_up_to(ModelInput.run, ModelInput.id),
    delete_up_to(ModelMetric.run, ModelMetric.id),
    delete_up_to(ConsoleLine.run, ConsoleLine.number),
    delete_up_to(Console.run, Console.run),
    delete_up_to(AlertState.run, AlertState.rule),
    delete_up_to(Alert.run, Alert.id),
    delete_up_to(AlertRule.run, AlertRule.id),
]
_DELETE_FROM_EXPERIMENT = [
    delete_up_to(Document.experiment, Document.id),
    delete_up_to(Alert.experiment, Alert.id),
    delete_up_to(AlertRule.experiment, AlertRule.id),
]
_SELECT_INPUTS = Statement(Input.select(Input.id, Input.dataset).where(Input.run == 0).limit(0))
_DELETE_INPUTS = Statement(Input.delete().where(Input.id.in_(ANY_IDS)))


@dataclass
class Purged:
    """Counts of what is removed, or would be; artifacts are counted once for each content.

    Attributes:
        model_versions: the versions of registered models because of which something stays.
    """

    experiments: int = 0
    runs: int = 0
    points: int = 0
    logged_models: int = 0
    artifacts: int = 0
    artifact_bytes: int = 0
    model_versions: int = 0


def count(before: int) -> Purged:
    """Return what a purge would remove, on a reader's thread.

    Args:
        before: only what was deleted before this time, in milliseconds since the epoch.
    """
    experiments = _experiments(before)
    with_runs = experiments | Experiment.purging  # some were hidden by a purge that broke off
    runs = _runs(before) | Run.experiment.in_(Experiment.select(Experiment.id).where(with_runs))
    hidden = Run.purging & ~hidden_copies.in_use()
    purged_runs = Run.select(Run.id).where((runs & ~Run.purging) | hidden)
    models = LoggedModel.select(LoggedModel.id).where(purged_models(before, with_runs))
    whole = Run.select(Run.id).where(runs & ~Run.purging)
    points = Series.select(fn.SUM(Series.count)).where(Series.run.in_(whole)).scalar() or 0
    points += sum(count_points(run.id) for run in Run.select(Run.id).where(hidden))
    files, size = blobs.count_unused(purged_runs, models)
    return Purged(
        experiments=Experiment.select().where(experiments).count(),
        runs=Run.select().where(runs & ~Run.purging).count(),
        points=points,
        logged_models=models.count(),
        artifacts=files,
        artifact_bytes=size,
        model_versions=count_kept(before),
    )


def hide_experiments(before: int) -> int:
    """Hide deleted experiments, with their models; return how many they are."""
    lock_rows(Experiment.select(Experiment.id).where(_experiments(before)).order_by(Experiment.id))
    hidden = Experiment.update(purging=True).where(_experiments(before)).execute()
    hide_models()
    return int(hidden)


def runs_to_remove(before: int) -> list[int]:
    """Return the runs to remove, by their internal ids, on a reader's thread."""
    found = Run.purging | _runs(before) | Run.experiment.in_(_purging_experiments())
    query = Run.select(Run.id).where(found & ~hidden_copies.in_use()).order_by(Run.id)
    return [row[0] for row in execute(query)]


def experiments_to_remove() -> list[int]:
    """Return the experiments that are hidden, on a reader's thread."""
    query = _purging_experiments().order_by(Experiment.id)
    return [row[0] for row in execute(query)]


def hide_runs(runs: Sequence[int], before: int) -> tuple[int, list[int]]:
    """Hide those of the runs that are still to be removed.

    Returns:
        How many were hidden by this call; and all of them that are hidden.
    """
    count = hide(runs, _runs(before) | Run.experiment.in_(_purging_experiments()))
    purging = Run.select(Run.id).where(Run.id.in_(runs) & Run.purging).order_by(Run.id)
    return count, [row[0] for row in execute(purging)]


def hide(runs: Sequence[int], condition: Any) -> int:
    """Hide those of the runs that meet a condition; return how many this call has hidden."""
    # Nobody restores a run meanwhile, moves it, or logs to it.
    lock_rows(Run.select(Run.id).where(Run.id.in_(runs)).order_by(Run.id))
    hidden = list(
        Run.select(Run.id, Run.uuid, Run.experiment)
        .where(Run.id.in_(runs) & condition & ~Run.purging)
        .order_by(Run.id)
    )
    for run in hidden:
        changes.record_purged_run(run.uuid, run.experiment_id)
    Run.update(
        purging=True,
        uuid=hidden_copies.purged_id(),
        deleted_with_experiment=False,  # restoring the experiment does not concern it any more
        deleted_with_run=None,
    ).where(Run.id.in_([run.id for run in hidden])).execute()
    return len(hidden)


def remove_rows(runs: Sequence[int]) -> tuple[int, list[int]]:
    """Remove rows of hidden runs for a step, and the runs that have none left.

    Returns:
        How many points were removed, and which runs are left.
    """
    hidden_copies.take_over(runs)
    points, end = 0, end_of_step()
    for done, run in enumerate(runs):
        for removed in _remove_pieces(run):
            points += removed
            if time.monotonic() > end:
                return points, list(runs[done:])
        _delete_run(run)
    return points, []


def remove_rows_of_experiment(experiment: int) -> bool:
    """Remove documents, alerts and rules of a hidden experiment for a step.

    Returns:
        Whether any may be left.
    """
    end = end_of_step()
    return any(time.monotonic() > end for _ in delete_pieces(_DELETE_FROM_EXPERIMENT, experiment))


def delete_experiment(experiment: int) -> None:
    """Remove a hidden experiment that has no runs any more.

    Ids are never used again (E1), and SQLite gives a new row the maximum id plus one. So the
    experiment with the maximum id stays, without a name, until a purge that finds a higher id.
    """
    former = (Experiment.name == "") & (Experiment.id != _max_id(Experiment))
    Experiment.delete().where(former).execute()  # no two have the same name, nor none
    runs = Run.select(Run.id).where(Run.experiment == experiment)
    empty = (Experiment.id == experiment) & Experiment.purging & ~fn.EXISTS(runs)
    if Experiment.delete().where(empty & (Experiment.id != _max_id(Experiment))).execute():
        return
    if Experiment.update(name="", artifact_location="").where(empty).execute():
        ExperimentTag.delete().where(ExperimentTag.experiment == experiment).execute()
        ExperimentWrite.delete().where(ExperimentWrite.owner == experiment).execute()
        Dataset.delete().where(Dataset.experiment == experiment).execute()
        Grant.delete().where(Grant.experiment == experiment).execute()


def _experiments(before: int) -> Any:
    """Return the condition of the experiments to hide; 0 always stays (E1)."""
    old = Experiment.deleted & (Experiment.deleted_time < before)
    return old & ~Experiment.purging & (Experiment.id != 0) & UNUSED_EXPERIMENT


def _runs(before: int) -> Any:
    return Run.deleted & (Run.deleted_time < before) & UNUSED_RUN


def _purging_experiments() -> Any:
    return Experiment.select(Experiment.id).where(Experiment.purging)


def _remove_pieces(run: int) -> Iterator[int]:
    """Remove all that a run has piece by piece; yield how many points each piece had."""
    yield from delete_files(owner_of_run(run))
    yield from delete_pieces(_DELETE_UP_TO, run)
    while inputs := _SELECT_INPUTS.rows(run, ROWS_AT_ONCE):
        _DELETE_INPUTS.run(array_of(row[0] for row in inputs))
        datasets.delete_unused(row[1] for row in inputs)
        yield 0
    yield from remove_points(run)


def _delete_run(run: int) -> None:
    """Remove a run that has no rows left.

    The writer caches summaries by the ids of runs, which therefore must not be used again: the run
    with the maximum id stays, empty, as with experiments.
    """
    if not Run.delete().where((Run.id == run) & (Run.id != _max_id(Run))).execute():
        empty = {Run.experiment: 0, Run.name: "", Run.user_id: "", Run.artifact_uri: ""}
        Run.update(empty).where(Run.id == run).execute()


def _max_id(table: Any) -> Any:
    other = table.alias()
    return other.select(fn.MAX(other.id))
