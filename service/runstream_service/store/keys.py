"""The keys that runs of experiments logged under, on a reader's thread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from runstream_service.store.experiments import ids_of
from runstream_service.store.models import Param, Run, RunTag, Series, database
from runstream_service.store.statement import LISTED, listed, written


class Keys(NamedTuple):
    """Keys by what they are of, each list in the order of their characters."""

    metrics: list[str]
    params: list[str]
    tags: list[str]


def _of_experiments(table: Any) -> str:
    runs = Run.select(Run.id).where(Run.experiment.in_(LISTED) & ~Run.deleted & ~Run.purging)
    return written(table.select(table.key).distinct().where(table.run.in_(runs)))


_STATEMENTS = [_of_experiments(table) for table in (Series, Param, RunTag)]


def list_keys(experiment_ids: Sequence[str]) -> Keys:
    """Return the keys of all active runs of experiments."""
    of = (listed(ids_of(experiment_ids)),)
    return Keys(*(sorted(row[0] for row in database.execute_sql(s, of)) for s in _STATEMENTS))
