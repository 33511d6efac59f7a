"""The keys of a filter over runs, and its condition over the columns of `Run` (S1)."""

from __future__ import annotations

from typing import Any

from peewee import fn

from runstream_service.engine.statuses import RunStatus
from runstream_service.engine.tables import Dataset, Input, InputTag, Param, Run, RunTag, Series
from runstream_service.search.conditions import (
    Expression,
    check_texts,
    combine,
    find_column,
    integer_condition,
    is_satisfied_by,
    not_null,
    number_condition,
    text_condition,
    text_or_number_condition,
)
from runstream_service.search.times import to_milliseconds
from runstream_service.search.tree import Condition, Filter

CONTEXT_TAG = "mlflow.data.context"

TIMES = {"start_time": Run.start_time, "end_time": Run.end_time}
NUMBERS = {**TIMES, "duration": Run.end_time - Run.start_time}
TEXTS = {
    "run_id": Run.uuid,
    "run_name": Run.name,
    "user_id": Run.user_id,
    "artifact_uri": Run.artifact_uri,
}
PAIRS: dict[str, Any] = {"params": Param, "tags": RunTag}
#: Groups of keys that people leave out before a dot.
NAMED_GROUPS = ("metrics", *PAIRS)

EXTREMES = {"minimum": Series.min_value, "maximum": Series.max_value}
DATASETS = {"name": Dataset.name, "digest": Dataset.digest, "context": InputTag.value}


class RunFilter:
    """Translates the tree of a filter.

    Conditions on what a run logged are subqueries, in one of two forms that mean the same. An
    uncorrelated subquery (`id IN ...`) finds the runs through an index on its values, which is
    fast where few runs are found. A correlated subquery (`EXISTS ...`) looks for a row of one run,
    which is fast where runs are scanned in an order and many of them satisfy the filter.
    """

    def __init__(self, *, correlated: bool) -> None:
        self._correlated = correlated

    def translate(self, tree: Filter) -> Expression:
        """Return the condition.

        Raises:
            ParseError: a key cannot be searched, or not with this operand.
        """
        return combine(tree, self._condition)

    def _condition(self, condition: Condition) -> Expression:
        key = condition.key
        if key.group == "metrics":
            return self._of_key(Series, condition, number_condition(Series.last_value, condition))
        if key.group in EXTREMES:
            extreme = EXTREMES[key.group]
            wanted = not_null(extreme, number_condition(extreme, condition))
            return self._of_key(Series, condition, wanted)
        if key.group in PAIRS:
            table = PAIRS[key.group]
            wanted = text_or_number_condition(table.value, table.number, condition)
            return self._of_key(table, condition, wanted)
        if key.group == "datasets":
            return self._dataset(condition)
        return _attribute(condition)

    def _of_key(self, table: Any, condition: Condition, wanted: Expression) -> Expression:
        """Return the condition that a row of the key is there and is as wanted."""
        rows = table.key == condition.key.name
        rows = rows if wanted is None else rows & wanted
        return self._subquery(table.select(table.run).where(rows), table.run)

    def _dataset(self, condition: Condition) -> Expression:
        column = find_column(DATASETS, condition.key)
        query = Input.select(Input.run).join(Dataset)
        if column is InputTag.value:
            # There is no foreign key between the two by which Peewee could join them by itself.
            query = query.switch(Input).join(InputTag, on=(InputTag.input == Input.id))
            query = query.where(InputTag.key == CONTEXT_TAG)
        wanted = text_condition(column, condition)
        return self._subquery(query if wanted is None else query.where(wanted), Input.run)

    def _subquery(self, query: Any, run: Any) -> Expression:
        if self._correlated:
            return fn.EXISTS(query.where(run == Run.id))
        return Run.id.in_(query)


def _attribute(condition: Condition) -> Expression:
    key = condition.key
    if key.name == "status":
        return _status(condition)
    column = find_column(TEXTS | {"status": Run.status} | NUMBERS, key, NAMED_GROUPS)
    if key.name in TEXTS:
        return not_null(column, text_condition(column, condition))
    if key.name in TIMES:
        condition = to_milliseconds(condition)
    return not_null(column, integer_condition(column, condition))


def _status(condition: Condition) -> Expression:
    """Compare the names of the statuses, which are few, and then the numbers in the column."""
    check_texts(condition)
    found = [status for status in RunStatus if is_satisfied_by(status.name, condition)]
    return Run.status.in_(found)
