"""Datasets, and the datasets and models that runs read (P4)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from peewee import JOIN, SQL, Value, fn

from runstream_service.access.caller import Caller
from runstream_service.access.visibility import visible
from runstream_service.catalog.experiments import parse_ids
from runstream_service.catalog.run_state import active_run
from runstream_service.engine import applied_writes
from runstream_service.engine.applied_writes import WriteId
from runstream_service.engine.budget import Budget
from runstream_service.engine.catalog_writes import DatasetInput
from runstream_service.engine.statements import ANY_IDS, Statement, array_of, execute, in_ids
from runstream_service.engine.tables import Dataset, Input, InputTag, ModelInput, Run

#: An answer has at most so many summaries of datasets.
SUMMARIES = 1_000

_CONTEXT = (InputTag.input == Input.id) & (InputTag.key == "mlflow.data.context")
_DATASET = (
    Dataset.name,
    Dataset.digest,
    Dataset.source_type,
    Dataset.source,
    Dataset.schema,
    Dataset.profile,
)


_OF_RUNS = Statement(
    Input.select(Input.id, Input.run, *_DATASET)
    .join(Dataset)
    .where(Input.run.in_(ANY_IDS))
    .order_by(Input.id)
)
_MODELS = Statement(
    ModelInput.select(ModelInput.run, ModelInput.model_id)
    .where(ModelInput.run.in_(ANY_IDS))
    .order_by(ModelInput.id)
)
_TAGS = Statement(
    InputTag.select(InputTag.input, InputTag.key, InputTag.value)
    .where(InputTag.input.in_(ANY_IDS))
    .order_by(InputTag.key)
)
_USED = fn.EXISTS(Input.select(Input.id).where(Input.dataset == Dataset.id))
_DELETE_UNUSED = Statement(Dataset.delete().where(Dataset.id.in_(ANY_IDS) & ~_USED))


def log_inputs(
    caller: Caller,
    run_id: str,
    inputs: Sequence[DatasetInput],
    models: Sequence[str],
    write: WriteId | None,
) -> None:
    """Record datasets and models that an active run read.

    The first description of a dataset in an experiment stands, and so do the tags of its first use.

    Raises:
        NotFound, PermissionDenied, FailedPrecondition: as `active_run`.
    """
    run = active_run(caller, run_id)
    if not applied_writes.to_run.accept(run, write):
        return
    experiment = Run.select(Run.experiment).where(Run.id == run).scalar()
    insert_inputs(run, experiment, inputs, models)


def insert_inputs(
    run: int, experiment: int, inputs: Sequence[DatasetInput], models: Sequence[str]
) -> None:
    """Record what a run read, as `log_inputs` does, by the internal ids of run and experiment."""
    for read in inputs:
        same = (
            (Dataset.experiment == experiment)
            & (Dataset.name == read.name)
            & (Dataset.digest == read.digest)
        )
        dataset = Dataset.select(Dataset.id).where(same).scalar()
        if dataset is None:
            dataset = Dataset.insert(
                experiment=experiment,
                name=read.name,
                digest=read.digest,
                source_type=read.source_type,
                source=read.source,
                schema=read.schema,
                profile=read.profile,
            ).execute()
        use = (Input.run == run) & (Input.dataset == dataset)
        if Input.select(Input.id).where(use).exists():
            continue
        input_id = Input.insert(run=run, dataset=dataset).execute()
        for key, value in read.tags.items():
            InputTag.insert(input=input_id, key=key, value=value).execute()
    for model_id in models:
        ModelInput.insert(run=run, model_id=model_id).on_conflict_ignore().execute()


def move(runs: Sequence[int], experiment: int) -> None:
    """Give the datasets that runs read to the experiment that the runs are moved to.

    What the experiment says of a dataset already stands, also for these runs.

    Args:
        runs: internal ids of runs that are locked.
        experiment: the internal id of the experiment.
    """
    of_runs = Input.run.in_(in_ids(runs))
    read = sorted(row[0] for row in execute(Input.select(Input.dataset).distinct().where(of_runs)))
    if not read:
        return
    described = [Dataset.name, Dataset.digest, Dataset.source_type]
    described += [Dataset.source, Dataset.schema, Dataset.profile]
    known = (
        Dataset.select(Value(experiment, converter=False), *described)
        .where(Dataset.id.in_(in_ids(read)))
        .order_by(Dataset.id)
    )
    Dataset.insert_from(known, [Dataset.experiment, *described]).on_conflict_ignore().execute()
    there, before = Dataset.alias(), Dataset.alias()
    same = (there.name == before.name) & (there.digest == before.digest)
    moved = (
        there.select(there.id)
        .join(before, on=same)
        .where((there.experiment == experiment) & (before.id == Input.dataset))
    )
    Input.update(dataset=moved).where(of_runs).execute()
    delete_unused(read)


def delete_unused(datasets: Iterable[int]) -> None:
    """Delete those of some datasets, by their internal ids, that no run read."""
    _DELETE_UNUSED.run(array_of(datasets))


class Summary(NamedTuple):
    """A dataset, and one context in which runs used it."""

    experiment_id: int
    name: str
    digest: str
    context: str


def summaries(caller: Caller, experiment_ids: Sequence[str]) -> list[Summary]:
    """Return the datasets of experiments that the caller sees, with each context, newest first."""
    context = fn.COALESCE(InputTag.value, SQL("''"))  # a placeholder would be another each time
    query = (
        Dataset.select(Dataset.experiment, Dataset.name, Dataset.digest, context)
        .join(Input)
        .join(InputTag, JOIN.LEFT_OUTER, on=_CONTEXT)
        .where(
            Dataset.experiment.in_(in_ids(parse_ids(experiment_ids))),
            *visible(caller, Dataset.experiment),
        )
        .group_by(Dataset.id, Dataset.experiment, Dataset.name, Dataset.digest, context)
        .order_by(Dataset.id.desc(), context)
        .limit(SUMMARIES)
    )
    rows: Iterable[Any] = query.tuples()
    return [Summary._make(row) for row in rows]


def read_inputs(runs: Any, budget: Budget) -> dict[int, list[DatasetInput]]:
    """Return the datasets that each of these runs read, in the order in which they were logged.

    Raises:
        TooLargeError: it is larger than the budget.
    """
    found = _OF_RUNS.stream(runs)
    rows = list(budget.fetch_all(found, *range(2, 2 + len(_DATASET))))
    if not rows:
        return {}
    tags: dict[int, dict[str, str]] = {row[0]: {} for row in rows}
    for use, key, value in budget.fetch_all(_TAGS.stream(array_of(tags)), 1, 2):
        tags[use][key] = value
    inputs: dict[int, list[DatasetInput]] = defaultdict(list)
    for use, run, *dataset in rows:
        inputs[run].append(DatasetInput(*dataset, tags=tags[use]))
    return inputs


def read_model_inputs(runs: Any, budget: Budget) -> dict[int, list[str]]:
    """Return the models that each of these runs read, in the order in which they were logged.

    Raises:
        TooLargeError: they are larger than the budget.
    """
    models: dict[int, list[str]] = defaultdict(list)
    for run, model_id in budget.fetch_all(_MODELS.stream(runs), 1):
        models[run].append(model_id)
    return models
