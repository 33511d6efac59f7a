"""From the tree of a filter over runs to a condition of SQL (S1 to S3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from peewee import SQL, NodeList, Value, fn

from runstream_service.engine.models import (
    NAN,
    Dataset,
    Input,
    InputTag,
    Param,
    Run,
    RunTag,
    Series,
)
from runstream_service.engine.statuses import RunStatus
from runstream_service.search.parse import Misplaced
from runstream_service.search.patterns import check_pattern, match, sql_match
from runstream_service.search.times import in_milliseconds
from runstream_service.search.tree import And, Condition, Filter, Key, Not
from runstream_service.search.tree import Value as Operand

#: Of SQL: `Expression` of Peewee, which has no types.
Expression = Any

COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": eq,
    "!=": ne,
    "<": lt,
    "<=": le,
    ">": gt,
    ">=": ge,
}
_ORDERS = ("<", "<=", ">", ">=", "BETWEEN")
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
EXTREMES = {"minimum": Series.min_value, "maximum": Series.max_value}
DATASETS = {"name": Dataset.name, "digest": Dataset.digest, "context": InputTag.value}

_FALSE = SQL("1 = 0")


class RunConditions:
    """Makes the condition of a filter over the columns of `Run`.

    Conditions on what a run logged are subqueries, in one of two forms that mean the same.
    Driving: the runs are among those that the subquery finds, through an index on its values, so
    it is fast where few are found. Checking: a row of this run exists, so it is fast where runs
    come in an order and many are found.
    """

    def __init__(self, *, driving: bool) -> None:
        self._driving = driving

    def of(self, tree: Filter) -> Expression:
        """Return the condition.

        Raises:
            Misplaced: a key or an operand is none that can be searched.
        """
        return combined(tree, self._condition)

    def _condition(self, condition: Condition) -> Expression:
        key = condition.key
        if key.group == "metrics":
            found = number(Series.last_value, condition)
            return self._logged(Series, (Series.key == key.name), found)
        if key.group in EXTREMES:
            extreme = EXTREMES[key.group]
            found = there(extreme, number(extreme, condition))
            return self._logged(Series, (Series.key == key.name), found)
        if key.group in PAIRS:
            table = PAIRS[key.group]
            found = text_or_number(table.value, table.number, condition)
            return self._logged(table, (table.key == key.name), found)
        if key.group == "datasets":
            return self._dataset(condition)
        return _attribute(condition)

    def _logged(self, table: Any, of_key: Expression, condition: Expression) -> Expression:
        found = of_key if condition is None else of_key & condition
        return self._found(table.select(table.run).where(found), table.run)

    def _dataset(self, condition: Condition) -> Expression:
        column = one_of(DATASETS, condition.key)
        query = Input.select(Input.run).join(Dataset)
        if column is InputTag.value:
            # The two ways to a row meet in no foreign key that Peewee could find by itself.
            query = query.switch(Input).join(InputTag, on=(InputTag.input == Input.id))
            query = query.where(InputTag.key == CONTEXT_TAG)
        found = text(column, condition)
        return self._found(query if found is None else query.where(found), Input.run)

    def _found(self, query: Any, run: Any) -> Expression:
        if self._driving:
            return Run.id.in_(query)
        return fn.EXISTS(query.where(run == Run.id))


def combined(tree: Filter, condition: Callable[[Condition], Expression]) -> Expression:
    """Return the expression of a tree whose conditions `condition` translates."""
    if isinstance(tree, Condition):
        return condition(tree)
    if isinstance(tree, Not):
        return ~combined(tree.part, condition)
    # Side by side: each part inside the one before would soon be too deep for SQLite.
    parts = [combined(part, condition) for part in tree.parts]
    return NodeList(parts, glue=" AND " if isinstance(tree, And) else " OR ", parens=True)


def one_of(columns: dict[str, Any], key: Key) -> Any:
    """Return the column of a key; raises Misplaced, naming those that there are."""
    column = columns.get(key.name)
    if column is None:
        raise Misplaced(key.column, repr(key.name), " or ".join(columns), attribute=key.name)
    return column


def text(column: Any, condition: Condition) -> Expression:
    """Return the condition on a column of text; None if any text will do."""
    operator, operands = condition.operator, condition.operands
    for operand, place in zip(operands, condition.columns, strict=True):
        if not isinstance(operand, str):
            raise Misplaced(place, repr(operand), "a string in quotes")
    if operator == "EXISTS":
        return None
    if operator == "IN":
        return column.in_(operands)
    _check_no_order(condition, "= != LIKE ILIKE RLIKE or IN before a text")
    if operator in COMPARE:
        return COMPARE[operator](column, operands[0])
    check_pattern(operator, str(operands[0]), condition.escape, condition.columns[0])
    return sql_match(operator, str(operands[0]), condition.escape, column)


def text_or_number(column: Any, as_number: Any, condition: Condition) -> Expression:
    """Return the condition on a column of texts of which some are numbers; None if any will do.

    Operands in quotes are compared as texts, others as numbers. A text that is no number equals
    none.

    Args:
        column: the column.
        as_number: the column of what `number_of` it is.
        condition: the condition.
    """
    operator = condition.operator
    _check_no_order(condition, "a number without quotes, or = != LIKE ILIKE RLIKE IN before a text")
    texts, numbers = _by_type(condition)
    if not numbers.operands:
        return text(column, condition)
    found = number(as_number, numbers)
    if operator == "IN" and texts.operands:
        return text(column, texts) | found
    return as_number.is_null() | found if operator == "!=" else found


def number(column: Any, condition: Condition) -> Expression:
    """Return the condition on a column of numbers; None if any number will do.

    NaN is the text `NAN`, greater than all numbers: it equals NaN and is in no order (M3).
    """
    operator = condition.operator
    check_numbers(condition)
    if operator == "EXISTS":
        return None
    if operator in _ORDERS and any(x != x for x in condition.operands):
        return _FALSE
    operands = [_as_stored(operand) for operand in condition.operands]
    if operator == "IN":
        return column.in_(operands)
    if operator == "BETWEEN":
        return (column >= operands[0]) & (column <= operands[1])
    found = COMPARE[operator](column, operands[0])
    return found & (column < _as_stored(NAN)) if operator in (">", ">=") else found


def there(column: Any, found: Expression) -> Expression:
    """Return the condition on a column that may be null, of which `found` says more, if not None.

    A condition on a null would be null itself, and so would be its NOT.
    """
    return column.is_null(False) if found is None else column.is_null(False) & found


def check_numbers(condition: Condition) -> None:
    """Raise Misplaced if an operator or operand is not of numbers."""
    if condition.operator in ("LIKE", "ILIKE", "RLIKE"):
        raise Misplaced(condition.key.column, f"a number with {condition.operator}", "a text")
    for operand, place in zip(condition.operands, condition.columns, strict=True):
        if isinstance(operand, str):
            raise Misplaced(place, repr(operand), "a number")


def _check_no_order(condition: Condition, expected: str) -> None:
    """Raise Misplaced if a text is asked for by its place in an order, which texts do not have.

    As characters '10' comes before '9', which nobody means who compares a param (S2).
    """
    if condition.operator not in _ORDERS:
        return
    for operand, place in zip(condition.operands, condition.columns, strict=True):
        if isinstance(operand, str):
            raise Misplaced(place, f"{operand!r} after {condition.operator}", expected)


def _by_type(condition: Condition) -> tuple[Condition, Condition]:
    """Return a condition on the operands that are texts, and one on those that are numbers."""
    pairs = list(zip(condition.operands, condition.columns, strict=True))
    texts = [pair for pair in pairs if isinstance(pair[0], str)]
    numbers = [pair for pair in pairs if not isinstance(pair[0], str)]
    return _with_operands(condition, texts), _with_operands(condition, numbers)


def _with_operands(condition: Condition, pairs: Sequence[tuple[Operand, int]]) -> Condition:
    operands, columns = [operand for operand, _ in pairs], [column for _, column in pairs]
    return replace(condition, operands=operands, columns=columns)


def _as_stored(value: Any) -> Any:
    # Not converted to the type of the column, which would make 1 of 1.5.
    return Value(NAN if value != value else value, converter=False)


def _attribute(condition: Condition) -> Expression:
    key = condition.key
    if key.name == "status":
        return _status(condition)
    column = one_of(TEXTS | {"status": Run.status} | NUMBERS, key)
    if key.name in TEXTS:
        return there(column, text(column, condition))
    if key.name in TIMES:
        condition = in_milliseconds(condition)
    return there(column, number(column, condition))


def _status(condition: Condition) -> Expression:
    """Compare the names of the states, of which there are few, and then the numbers."""
    text(Run.name, condition)  # checks the operands
    return Run.status.in_([status for status in RunStatus if matches(status.name, condition)])


def matches(name: str, condition: Condition) -> bool:
    """Return whether a condition on a text is true of one."""
    operator, operands = condition.operator, [str(operand) for operand in condition.operands]
    if operator == "EXISTS":
        return True
    if operator == "IN":
        return name in operands
    if operator in COMPARE:
        return bool(COMPARE[operator](name, operands[0]))
    return match(operator, operands[0], condition.escape, name)
