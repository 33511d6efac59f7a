"""Translates the conditions of a filter into conditions of SQL, for all searches (S1 to S3).

A new operator goes into filter.lark, `parse.py`, and the functions here that translate it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from peewee import SQL, NodeList, Value

from runstream_service.engine.statements import is_text
from runstream_service.engine.tables import NAN
from runstream_service.search.parse import ParseError
from runstream_service.search.patterns import check_pattern, match, sql_match
from runstream_service.search.tree import And, Condition, Filter, Key, Not
from runstream_service.search.tree import Value as Operand

#: An SQL expression: `Expression` of Peewee, which has no types.
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

_FALSE, _TRUE = SQL("1 = 0"), SQL("1 = 1")


def combine(tree: Filter, translate: Callable[[Condition], Expression]) -> Expression:
    """Return the expression of a tree, each of whose conditions `translate` translates."""
    if isinstance(tree, Condition):
        return translate(tree)
    if isinstance(tree, Not):
        return ~combine(tree.part, translate)
    # A flat list of parts: nested in pairs, they would soon be too deep for SQLite.
    parts = [combine(part, translate) for part in tree.parts]
    return NodeList(parts, glue=" AND " if isinstance(tree, And) else " OR ", parens=True)


def find_column(columns: dict[str, Any], key: Key, groups: Iterable[str] = ()) -> Any:
    """Return the column of a key; raises ParseError with the names of all columns.

    Args:
        columns: the columns, by name.
        key: the key.
        groups: the groups in which the caller may have meant the name, such as `metrics`.
    """
    column = columns.get(key.name)
    if column is None:
        raise ParseError(
            key.column,
            repr(key.name),
            " or ".join(columns),
            hint=_other_groups(key.name, groups),
            attribute=key.name,
        )
    return column


def _other_groups(name: str, groups: Iterable[str]) -> str:
    key = name if name.isidentifier() else f"`{name}`"
    ways = [f"a {group.removesuffix('s')} is {group}.{key}" for group in groups]
    return ", ".join(ways)


def check_texts(condition: Condition) -> None:
    """Raise ParseError if an operator or operand is not of texts."""
    operator, operands = condition.operator, condition.operands
    for operand, position in zip(operands, condition.columns, strict=True):
        if not isinstance(operand, str):
            raise ParseError(position, repr(operand), "a string in quotes")
    _check_no_order(condition, "= != LIKE ILIKE RLIKE or IN before a text")
    if operator in ("LIKE", "ILIKE", "RLIKE"):
        check_pattern(operator, str(operands[0]), condition.escape, condition.columns[0])


def text_condition(column: Any, condition: Condition) -> Expression:
    """Return the condition on a column of text; None if any text satisfies it."""
    check_texts(condition)
    operator, texts = condition.operator, [str(operand) for operand in condition.operands]
    if operator == "EXISTS":
        return None
    if operator in ("=", "IN"):
        return is_text(column, texts)
    if operator in COMPARE:
        return COMPARE[operator](column, texts[0])
    return sql_match(condition, column)


def text_or_number_condition(column: Any, as_number: Any, condition: Condition) -> Expression:
    """Return the condition on a column of texts of which some are numbers; None for any text.

    Operands in quotes are compared as texts, others as numbers. A text that is not a number
    equals no number.

    Args:
        column: the column.
        as_number: the column of the numbers that `parse_number` made of the texts.
        condition: the condition.
    """
    operator = condition.operator
    _check_no_order(condition, "a number without quotes, or = != LIKE ILIKE RLIKE IN before a text")
    texts, numbers = _split_by_type(condition)
    if not numbers.operands:
        return text_condition(column, condition)
    is_number = number_condition(as_number, numbers)
    if operator == "IN" and texts.operands:
        return text_condition(column, texts) | is_number
    return as_number.is_null() | is_number if operator == "!=" else is_number


def number_condition(column: Any, condition: Condition) -> Expression:
    """Return the condition on a column of numbers; None if any number satisfies it.

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
    compared = COMPARE[operator](column, operands[0])
    return compared & (column < _as_stored(NAN)) if operator in (">", ">=") else compared


def integer_condition(column: Any, condition: Condition) -> Expression:
    """Return the condition on a column of integers; None if any integer satisfies it."""
    operator = condition.operator
    check_numbers(condition)
    if operator == "EXISTS":
        return None
    operands = [operand for operand in condition.operands if operand == operand]
    if len(operands) < len(condition.operands) and (operator != "IN" or not operands):
        return _TRUE if operator == "!=" else _FALSE  # no integer is NaN
    values = [_as_integer_or_double(operand) for operand in operands]
    if operator == "IN":
        return column.in_(values)
    if operator == "BETWEEN":
        return (column >= values[0]) & (column <= values[1])
    return COMPARE[operator](column, values[0])


def not_null(column: Any, condition: Expression) -> Expression:
    """Return a condition that is false, and not null, where the column is null.

    A condition on a null is null itself, and so is its NOT.
    """
    return column.is_null(False) if condition is None else column.is_null(False) & condition


def check_numbers(condition: Condition) -> None:
    """Raise ParseError if an operator or operand is not of numbers."""
    if condition.operator in ("LIKE", "ILIKE", "RLIKE"):
        raise ParseError(condition.key.column, f"a number with {condition.operator}", "a text")
    for operand, position in zip(condition.operands, condition.columns, strict=True):
        if not isinstance(operand, int | float):
            raise ParseError(position, repr(operand), "a number")


def is_satisfied_by(text: str, condition: Condition) -> bool:
    """Return whether a text satisfies a condition that `check_texts` has checked."""
    operator, operands = condition.operator, [str(operand) for operand in condition.operands]
    if operator == "EXISTS":
        return True
    if operator == "IN":
        return text in operands
    if operator in COMPARE:
        return bool(COMPARE[operator](text, operands[0]))
    return match(operator, operands[0], condition.escape, text)


def _check_no_order(condition: Condition, expected: str) -> None:
    """Raise ParseError if texts are compared by their order, which params and tags do not have.

    As text, '10' comes before '9', which is not what somebody who compares a param means (S2).
    """
    if condition.operator not in _ORDERS:
        return
    for operand, position in zip(condition.operands, condition.columns, strict=True):
        if isinstance(operand, str):
            raise ParseError(position, f"{operand!r} after {condition.operator}", expected)


def _split_by_type(condition: Condition) -> tuple[Condition, Condition]:
    """Return a condition on the operands that are texts, and one on those that are numbers."""
    pairs = list(zip(condition.operands, condition.columns, strict=True))
    texts = [pair for pair in pairs if isinstance(pair[0], str)]
    numbers = [pair for pair in pairs if not isinstance(pair[0], str)]
    return _with_operands(condition, texts), _with_operands(condition, numbers)


def _with_operands(condition: Condition, pairs: Sequence[tuple[Operand, int]]) -> Condition:
    operands, columns = [operand for operand, _ in pairs], [column for _, column in pairs]
    return replace(condition, operands=operands, columns=columns)


def _as_integer_or_double(value: Any) -> Any:
    stored = Value(value, converter=False)
    return stored.cast("DOUBLE PRECISION") if isinstance(value, float) else stored


def _as_stored(value: Any) -> Any:
    # Without a conversion to the type of the column, which would turn 1.5 into 1.
    return Value(NAN if value != value else value, converter=False)
