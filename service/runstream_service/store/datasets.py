"""Datasets, and what they were to runs (P4)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from peewee import EXCLUDED, JOIN, fn

from runstream_service.store import writes
from runstream_service.store.budget import Budget
from runstream_service.store.experiments import ids_of
from runstream_service.store.models import Dataset, Input, InputTag, Run, database
from runstream_service.store.run_state import active_run
from runstream_service.store.statement import LISTED, among, listed, written
from runstream_service.store.writes import WriteId

#: Uses of datasets that are told at once.
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


@dataclass(frozen=True)
class DatasetInput:
    """A dataset and the tags of its use by one run."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str
    profile: str
    tags: Mapping[str, str] = field(kw_only=True)


_OF_RUNS = written(
    Input.select(Input.id, Input.run, *_DATASET)
    .join(Dataset)
    .where(Input.run.in_(LISTED))
    .order_by(Input.id)
)
_TAGS = written(
    InputTag.select(InputTag.input, InputTag.key, InputTag.value)
    .where(InputTag.input.in_(LISTED))
    .order_by(InputTag.key)
)


def log_inputs(run_id: str, inputs: Sequence[DatasetInput], write: WriteId | None) -> None:
    """Record what an active run read.

    What was said first of a dataset of the experiment stands; tags are added to its use.

    Raises:
        NotFound, FailedPrecondition: as `active_run`.
    """
    run = active_run(run_id)
    if not writes.accept(run, write):
        return
    experiment = Run.select(Run.experiment).where(Run.id == run).scalar()
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
        input_id = Input.select(Input.id).where(use).scalar()
        if input_id is None:
            input_id = Input.insert(run=run, dataset=dataset).execute()
        for key, value in read.tags.items():
            InputTag.insert(input=input_id, key=key, value=value).on_conflict(
                conflict_target=[InputTag.input, InputTag.key],
                update={InputTag.value: EXCLUDED.value},
            ).execute()


class Summary(NamedTuple):
    """A dataset and what it was to runs."""

    experiment_id: int
    name: str
    digest: str
    context: str


def summaries(experiment_ids: Sequence[str]) -> list[Summary]:
    """Return the datasets of experiments with each of their contexts, newest first."""
    context = fn.COALESCE(InputTag.value, "")
    query = (
        Dataset.select(Dataset.experiment, Dataset.name, Dataset.digest, context)
        .join(Input)
        .join(InputTag, JOIN.LEFT_OUTER, on=_CONTEXT)
        .where(Dataset.experiment.in_(among(ids_of(experiment_ids))))
        .group_by(Dataset.id, context)
        .order_by(Dataset.id.desc(), context)
        .limit(SUMMARIES)
    )
    rows: Iterable[Any] = query.tuples()
    return [Summary._make(row) for row in rows]


def inputs_of(runs: Sequence[int], budget: Budget) -> dict[int, list[DatasetInput]]:
    """Return what each of these runs read, in the order in which it was logged.

    Raises:
        TooLargeError: it is larger than the budget.
    """
    found = database.execute_sql(_OF_RUNS, (listed(runs),))
    rows = list(budget.take_all(found, *range(2, 2 + len(_DATASET))))
    if not rows:
        return {}
    tags: dict[int, dict[str, str]] = {row[0]: {} for row in rows}
    for use, key, value in budget.take_all(database.execute_sql(_TAGS, (listed(tags),)), 1, 2):
        tags[use][key] = value
    inputs: dict[int, list[DatasetInput]] = defaultdict(list)
    for use, run, *dataset in rows:
        inputs[run].append(DatasetInput(*dataset, tags=tags[use]))
    return inputs
