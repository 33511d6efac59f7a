"""Removing deleted runs and experiments for good, in steps (E5).

A purge first hides what it removes, in one transaction: the rows become `purging`, which nothing
finds and nothing restores, and a run gives up its uuid. Then it removes the rows that refer to
them, a bounded number in each transaction, so that the writer is soon free for others. A purge
that broke off leaves runs that are `purging`, and the next purge continues with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from peewee import fn

from runstream_service.care.purge_models import hide_models, purged_models
from runstream_service.catalog import blobs
from runstream_service.engine import changes
from runstream_service.engine.statements import (
    VALUES,
    compile_delete_up_to,
    compile_sql,
    json_array,
)
from runstream_service.engine.tables import (
    Artifact,
    Console,
    ConsoleLine,
    Dataset,
    Experiment,
    ExperimentTag,
    ExperimentWrite,
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
    database,
)
from runstream_service.points.removal import REMOVED_AT_ONCE, count_points, remove_points

# Rows that one step removes, and runs that one step hides.
ROWS = 5_000
RUNS = 100

_DELETE_UP_TO = [
    compile_delete_up_to(Param.run, Param.key),
    compile_delete_up_to(RunTag.run, RunTag.key),
    compile_delete_up_to(Write.run, Write.id),
    compile_delete_up_to(Artifact.run, Artifact.path),
    compile_delete_up_to(Output.run, Output.id),
    compile_delete_up_to(ModelInput.run, ModelInput.id),
    compile_delete_up_to(ModelMetric.run, ModelMetric.id),
    compile_delete_up_to(ConsoleLine.run, ConsoleLine.number),
    compile_delete_up_to(Console.run, Console.run),
]
_SELECT_INPUTS = compile_sql(Input.select(Input.id, Input.dataset).where(Input.run == 0).limit(0))
_DELETE_INPUTS = compile_sql(Input.delete().where(Input.id.in_(VALUES)))
_USED = fn.EXISTS(Input.select(Input.id).where(Input.dataset == Dataset.id))
_DELETE_DATASETS = compile_sql(Dataset.delete().where(Dataset.id.in_(VALUES) & ~_USED))


@dataclass
class Purged:
    """Counts of what is removed, or would be; artifacts are counted once for each content."""

    experiments: int = 0
    runs: int = 0
    points: int = 0
    logged_models: int = 0
    artifacts: int = 0
    artifact_bytes: int = 0


def count(before: int) -> Purged:
    """Return what a purge would remove, on a reader's thread.

    Args:
        before: only what was deleted before this time, in milliseconds since the epoch.
    """
    experiments = _experiments(before)
    with_runs = experiments | Experiment.purging  # some were hidden by a purge that broke off
    runs = _runs(before) | Run.experiment.in_(Experiment.select(Experiment.id).where(with_runs))
    purged_runs = Run.select(Run.id).where(runs | Run.purging)
    models = LoggedModel.select(LoggedModel.id).where(purged_models(before, with_runs))
    whole = Run.select(Run.id).where(runs & ~Run.purging)
    points = Series.select(fn.SUM(Series.count)).where(Series.run.in_(whole)).scalar() or 0
    points += sum(count_points(run.id) for run in Run.select(Run.id).where(Run.purging))
    files, size = blobs.count_unused(purged_runs, models)
    return Purged(
        experiments=Experiment.select().where(experiments).count(),
        runs=Run.select().where(runs & ~Run.purging).count(),
        points=points,
        logged_models=models.count(),
        artifacts=files,
        artifact_bytes=size,
    )


def hide_experiments(before: int) -> int:
    """Hide deleted experiments, with their models; return how many they are."""
    hidden = Experiment.update(purging=True).where(_experiments(before)).execute()
    hide_models()
    return int(hidden)


def runs_to_remove(before: int) -> list[int]:
    """Return the runs to remove, by their internal ids, on a reader's thread."""
    found = Run.purging | _runs(before) | Run.experiment.in_(_purging_experiments())
    query = Run.select(Run.id).where(found).order_by(Run.id)
    return [row[0] for row in database.execute(query)]


def experiments_to_remove() -> list[int]:
    """Return the experiments that are hidden, on a reader's thread."""
    query = _purging_experiments().order_by(Experiment.id)
    return [row[0] for row in database.execute(query)]


def hide_runs(runs: Sequence[int], before: int) -> tuple[int, list[int]]:
    """Hide those of the runs that are still to be removed.

    Returns:
        How many were hidden by this call; and all of them that are hidden.
    """
    to_hide = _runs(before) | Run.experiment.in_(_purging_experiments())
    hidden = list(
        Run.select(Run.id, Run.uuid, Run.experiment)
        .where(Run.id.in_(runs) & to_hide & ~Run.purging)
        .order_by(Run.id)
    )
    for run in hidden:
        changes.record_purged_run(run.uuid, run.experiment_id)
    Run.update(
        purging=True,
        uuid=fn.PRINTF("purged %d", Run.id),
        deleted_with_experiment=False,  # restoring the experiment does not concern it any more
        deleted_with_run=None,
    ).where(Run.id.in_([run.id for run in hidden])).execute()
    purging = Run.select(Run.id).where(Run.id.in_(runs) & Run.purging).order_by(Run.id)
    return len(hidden), [row[0] for row in database.execute(purging)]


def remove_rows(runs: Sequence[int]) -> tuple[int, list[int]]:
    """Remove up to 5,000 rows of hidden runs, and the runs that have none left.

    Returns:
        How many points were removed, and which runs are left.
    """
    points, budget = 0, ROWS
    for done, run in enumerate(runs):
        budget -= _remove_small_rows(run, budget)
        if budget <= 0:
            return points, list(runs[done:])
        most = min(budget, REMOVED_AT_ONCE)
        removed, rows = remove_points(run, most)
        points += removed
        budget -= rows
        if rows >= most:
            return points, list(runs[done:])
        _delete_run(run)
        budget -= 1
    return points, []


def delete_experiment(experiment: int) -> None:
    """Remove a hidden experiment that has no runs any more.

    Ids are never used again (E1), and SQLite gives a new row the maximum id plus one. So the
    experiment with the maximum id stays, without a name, until a purge that finds a higher id.
    """
    runs = Run.select(Run.id).where(Run.experiment == experiment)
    empty = (Experiment.id == experiment) & Experiment.purging & ~fn.EXISTS(runs)
    if Experiment.delete().where(empty & (Experiment.id != _max_id(Experiment))).execute():
        return
    if Experiment.update(name="", artifact_location="").where(empty).execute():
        ExperimentTag.delete().where(ExperimentTag.experiment == experiment).execute()
        ExperimentWrite.delete().where(ExperimentWrite.owner == experiment).execute()
        Dataset.delete().where(Dataset.experiment == experiment).execute()


def _experiments(before: int) -> Any:
    """Return the condition of the experiments to hide; 0 always stays (E1)."""
    old = Experiment.deleted & (Experiment.deleted_time < before)
    return old & ~Experiment.purging & (Experiment.id != 0)


def _runs(before: int) -> Any:
    return Run.deleted & (Run.deleted_time < before)


def _purging_experiments() -> Any:
    return Experiment.select(Experiment.id).where(Experiment.purging)


def _remove_small_rows(run: int, limit: int) -> int:
    """Remove params, tags, files, inputs and console of a run; return how many rows they were."""
    left = limit
    for statement in _DELETE_UP_TO:
        left -= database.execute_sql(statement, (run, run, left)).rowcount
    inputs = database.execute_sql(_SELECT_INPUTS, (run, left)).fetchall()
    if inputs:
        database.execute_sql(_DELETE_INPUTS, (json_array(row[0] for row in inputs),))
        database.execute_sql(_DELETE_DATASETS, (json_array(row[1] for row in inputs),))
    return limit - left + len(inputs)


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
