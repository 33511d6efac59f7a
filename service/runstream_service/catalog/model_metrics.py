"""Points of runs that are metrics of a logged model (docs/decisions/0030-metrics-of-models.md).

Such a point is a point of its run like any other; here it is stored once more for the model.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from peewee import Select, fn

from runstream_service.engine.batch import ModelPoint
from runstream_service.engine.statements import ANY_IDS, Statement, array_of
from runstream_service.engine.tables import ModelMetric, Run

#: So many of the latest points of a metric of a model are read, for each run and dataset.
LATEST_POINTS = 100

_COLUMNS = [
    ModelMetric.owner,
    ModelMetric.run,
    ModelMetric.key,
    ModelMetric.step,
    ModelMetric.timestamp,
    ModelMetric.value,
    ModelMetric.dataset_name,
    ModelMetric.dataset_digest,
]
_INSERT = Statement(
    ModelMetric.insert_many([(0, 0, "", 0, 0, 0.0, "", "")], _COLUMNS).on_conflict_ignore()
)
_AGE = fn.ROW_NUMBER().over(
    partition_by=[
        ModelMetric.owner,
        ModelMetric.key,
        ModelMetric.run,
        ModelMetric.dataset_name,
        ModelMetric.dataset_digest,
    ],
    order_by=[ModelMetric.step.desc(), ModelMetric.timestamp.desc()],
)


class LoggedPoint(NamedTuple):
    """A point of a model, and the run that logged it."""

    key: str
    step: int
    timestamp: int
    value: float
    dataset_name: str
    dataset_digest: str
    run_id: str


def insert_points(run: int, points: Sequence[ModelPoint], models: Mapping[str, int]) -> None:
    """Insert points of a run for their models; inserting one again changes nothing (M4).

    Args:
        run: internal id of the run.
        points: the points.
        models: the internal ids of their models.
    """
    stored = ModelMetric.value.db_value
    rows = (
        (models[p.model_id], run, p.key, p.step, p.timestamp, stored(p.value), *p[-2:])
        for p in points
    )
    _INSERT.run_for_each(rows)


def _select_latest() -> Statement:
    aged = (
        ModelMetric.select(*_COLUMNS, Run.uuid, _AGE.alias("age"))
        .join(Run)
        .where(ModelMetric.owner.in_(ANY_IDS))
        .alias("aged")
    )
    names = ["owner_id", "key", "step", "timestamp", "value", "dataset_name", "dataset_digest"]
    columns = [getattr(aged.c, name) for name in [*names, "uuid"]]
    latest = Select((aged,), columns).where(aged.c.age <= 0)
    return Statement(latest.order_by(*columns[:4]))


_SELECT_LATEST = _select_latest()


def read_model_points(models: Sequence[int]) -> dict[int, list[LoggedPoint]]:
    """Return the metrics of each of these models, ordered by key, step and timestamp."""
    found: dict[int, list[LoggedPoint]] = defaultdict(list)
    rows = _SELECT_LATEST.stream(array_of(models), LATEST_POINTS)
    for owner, key, step, timestamp, value, *others in rows:
        found[owner].append(LoggedPoint(key, step, timestamp, float(value), *others))
    return found
