"""The keys of a filter over runs, and its condition over the columns of `Run` (S1)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from peewee import fn

from runstream_service.engine.statements import execute
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
from runstream_service.search.tree import And, Condition, Filter, Not

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

# Operators for which all rows of a key are looked at.
_OF_ALL_ROWS = ("!=", "LIKE", "ILIKE", "RLIKE")


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

    def finds_more_than(self, count: int, tree: Filter) -> bool:
        """Return whether indexes on values lead to more rows than that, whichever is taken.

        Each is asked for no more rows than that. No index of these leads to the runs that satisfy
        a NOT or a condition on an attribute, and none to texts that match a pattern.
        """
        if isinstance(tree, Not):
            return True
        if isinstance(tree, Condition):
            if tree.operator in _OF_ALL_ROWS:
                tree = replace(tree, operator="EXISTS", operands=(), columns=())
            query = self._values(tree)
            return query is None or bool(execute(query.limit(1).offset(count)).fetchall())
        parts = (self.finds_more_than(count, part) for part in tree.parts)
        return all(parts) if isinstance(tree, And) else any(parts)

    def _condition(self, condition: Condition) -> Expression:
        query = self._values(condition)
        if query is None:
            return _attribute(condition)
        run = query.selected_columns[0]
        if self._correlated:
            return fn.EXISTS(query.where(run == Run.id))
        return Run.id.in_(query)

    def _values(self, condition: Condition) -> Any:
        """Return the query of the runs of the values that are wanted; None for an attribute."""
        key = condition.key
        if key.group == "metrics":
            return _of_key(Series, condition, number_condition(Series.last_value, condition))
        if key.group in EXTREMES:
            extreme = EXTREMES[key.group]
            wanted = not_null(extreme, number_condition(extreme, condition))
            return _of_key(Series, condition, wanted)
        if key.group in PAIRS:
            table = PAIRS[key.group]
            wanted = text_or_number_condition(table.value, table.number, condition)
            return _of_key(table, condition, wanted)
        if key.group == "datasets":
            return _dataset(condition)
        return None


def _of_key(table: Any, condition: Condition, wanted: Expression) -> Any:
    """Return the query of the runs with a row of the key that is as wanted."""
    rows = table.key == condition.key.name
    return table.select(table.run).where(rows if wanted is None else rows & wanted)


def _dataset(condition: Condition) -> Any:
    column = find_column(DATASETS, condition.key)
    query = Input.select(Input.run).join(Dataset)
    if column is InputTag.value:
        # There is no foreign key between the two by which Peewee could join them by itself.
        query = query.switch(Input).join(InputTag, on=(InputTag.input == Input.id))
        query = query.where(InputTag.key == CONTEXT_TAG)
    wanted = text_condition(column, condition)
    return query if wanted is None else query.where(wanted)


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
