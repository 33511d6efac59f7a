"""Searching logged models, on a reader's thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from operator import and_, or_
from typing import Any, NamedTuple

from peewee import fn

from runstream_service.access.caller import Caller
from runstream_service.access.visibility import visible
from runstream_service.engine.statements import in_ids
from runstream_service.engine.statuses import LoggedModelStatus
from runstream_service.engine.tables import (
    LoggedModel,
    LoggedModelParam,
    LoggedModelTag,
    ModelMetric,
)
from runstream_service.search.conditions import check_texts, is_satisfied_by, number_condition
from runstream_service.search.order import SortTerm
from runstream_service.search.table_search import SearchableTable, TableSearch
from runstream_service.search.tree import Condition


def _status(condition: Condition) -> Any:
    check_texts(condition)
    return LoggedModel.status.in_(
        [status for status in LoggedModelStatus if is_satisfied_by(status.name, condition)]
    )


_MODELS = SearchableTable(
    table=LoggedModel,
    texts={
        "name": LoggedModel.name,
        "model_id": LoggedModel.uid,
        "model_type": LoggedModel.model_type,
        "source_run_id": LoggedModel.source_run_id,
        "status": LoggedModel.status,
    },
    times={
        "creation_timestamp": LoggedModel.creation_time,
        "creation_time": LoggedModel.creation_time,
        "last_updated_timestamp": LoggedModel.last_update_time,
    },
    pairs={"params": (LoggedModelParam, "owner"), "tags": (LoggedModelTag, "owner")},
    order=(
        SortTerm(LoggedModel.creation_time, descending=True),
        SortTerm(LoggedModel.id, descending=True),
    ),
    translate={"status": _status},
)


class DatasetFilter(NamedTuple):
    """Datasets that models were measured with; an empty text stands for any."""

    name: str
    digest: str

    def condition(self) -> Any:
        """Return the condition on a row of `ModelMetric`."""
        found = [ModelMetric.id.is_null(False)]
        if self.name:
            found.append(ModelMetric.dataset_name == self.name)
        if self.digest:
            found.append(ModelMetric.dataset_digest == self.digest)
        return reduce(and_, found)


class _Metrics:
    """The metrics of models, on the datasets that the caller chooses."""

    def __init__(
        self, datasets: Sequence[DatasetFilter], ordered_by: Sequence[DatasetFilter]
    ) -> None:
        self._datasets = datasets
        self._ordered_by = ordered_by

    def condition(self, condition: Condition) -> Any:
        """Return the condition that a model has a point which satisfies it."""
        wanted = number_condition(ModelMetric.value, condition)
        points = self.points().where(ModelMetric.key == condition.key.name)
        return fn.EXISTS(points if wanted is None else points.where(wanted))

    def latest(self, name: str, position: int) -> Any:
        """Return the value of the last point by timestamp, step and the run that logged it."""
        of_model = (ModelMetric.owner == LoggedModel.id) & (ModelMetric.key == name)
        points = ModelMetric.select(ModelMetric.value).where(of_model)
        last = (ModelMetric.timestamp.desc(), ModelMetric.step.desc(), ModelMetric.run)
        found = points.where(self._ordered_by[position].condition()).order_by(*last).limit(1)
        return fn.COALESCE(found, None)  # makes a value of the query

    def points(self) -> Any:
        """Return the query of the points of a model on these datasets."""
        points = ModelMetric.select(ModelMetric.id).where(ModelMetric.owner == LoggedModel.id)
        if self._datasets:
            points = points.where(reduce(or_, [of.condition() for of in self._datasets]))
        return points


def logged_model_search(
    caller: Caller,
    experiments: Sequence[int] | None,
    filter_text: str,
    order_by: Sequence[str],
    datasets: Sequence[DatasetFilter] = (),
    ordered_with: Sequence[DatasetFilter] = (),
) -> TableSearch:
    """Return a search for the models of experiments that a caller sees, and that are not deleted.

    Args:
        caller: who searches.
        experiments: the experiments, by internal id; None for all.
        filter_text: the filter.
        order_by: the order.
        datasets: if there are any, only models that were measured with one of these.
        ordered_with: for each key of the order, the dataset of the points that count.

    Raises:
        InvalidArgument: filter or order is malformed.
    """
    metrics = _Metrics(datasets, ordered_with)
    conditions: list[Any] = [
        LoggedModel.deleted_time.is_null(),
        *visible(caller, LoggedModel.experiment),
    ]
    if experiments is not None:
        conditions.append(LoggedModel.experiment.in_(in_ids(experiments)))
    if datasets:
        conditions.append(fn.EXISTS(metrics.points()))
    return TableSearch(replace(_MODELS, metrics=metrics), conditions, filter_text, order_by)
