"""The order of what is found, and where the next page starts in it (S5, S6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_
from typing import Any, NamedTuple

from peewee import Case

from runstream_service.engine.tables import NAN
from runstream_service.search.parse import ParseError, parse_order_key
from runstream_service.search.tree import OrderKey

ORDER_KEYS = 10

#: The values of the terms of an order for one row, as they are stored; None for a null.
SortKey = Sequence[Any]


class FoundRow(NamedTuple):
    """A row that was found, by its internal id."""

    id: int
    sort_key: SortKey


@dataclass(frozen=True)
class SortTerm:
    """An expression to order by. Where it is null for two rows, the terms after it decide."""

    expression: Any
    descending: bool = False

    def after(self, value: Any) -> Any:
        """Return the condition that the expression comes after a value."""
        return self.expression < value if self.descending else self.expression > value

    def at_or_after(self, value: Any) -> Any:
        """Return the condition that the expression comes after a value, or equals it."""
        return self.expression <= value if self.descending else self.expression >= value


# The ranks of params and tags that runs are ordered by (S5).
NUMBER, NOT_A_NUMBER, TEXT, MISSING = range(4)


def text_terms(column: Any, as_number: Any, descending: bool) -> list[SortTerm]:
    """Return the terms of a column of texts: numbers, NaN, other texts, and those that are missing.

    Args:
        column: the column.
        as_number: the column of the numbers that `parse_number` made of the texts.
        descending: the direction of numbers and of texts.
    """
    kinds = [
        (column.is_null(), MISSING),
        (as_number.is_null(), TEXT),
        (as_number == NAN, NOT_A_NUMBER),
    ]
    rank = Case(None, kinds, NUMBER)
    return [SortTerm(rank), SortTerm(as_number, descending), SortTerm(column, descending)]


def parse_order(texts: Sequence[str]) -> list[OrderKey]:
    """Return the keys of an `order_by`.

    Raises:
        InvalidArgument: one is malformed, or there are too many.
    """
    if len(texts) > ORDER_KEYS:
        many = ParseError(1, f"an order of {len(texts)} keys", f"at most {ORDER_KEYS}")
        raise many.to_invalid_argument("order_by", ", ".join(texts))
    return [_order_key(text) for text in texts]


def select_and_order(terms: Sequence[SortTerm]) -> tuple[list[Any], list[Any]]:
    """Return the columns for SELECT, which are named, and those for ORDER BY, by their names."""
    columns = [term.expression.alias(f"term_{i}") for i, term in enumerate(terms)]
    return columns, [
        column.desc() if term.descending else column.asc()
        for term, column in zip(terms, columns, strict=True)
    ]


def after_key(terms: Sequence[SortTerm], key: SortKey) -> Any:
    """Return the condition that a row comes after the row of a sort key."""
    # A null needs no comparison: the rank before it is the same for all rows that have the null.
    values = [pair for pair in zip(terms, key, strict=True) if pair[1] is not None]
    # The first condition follows from the others; SQLite needs it to enter an index on the term.
    return terms[0].at_or_after(key[0]) & _after_values(values)


def _after_values(values: Sequence[tuple[SortTerm, Any]]) -> Any:
    """Return the condition that a row comes after; by halves, as SQLite bounds the nesting."""
    if len(values) == 1:
        term, value = values[0]
        return term.after(value)
    middle = len(values) // 2
    equal = [term.expression == value for term, value in values[:middle]]
    return _after_values(values[:middle]) | (reduce(and_, equal) & _after_values(values[middle:]))


def _order_key(text: str) -> OrderKey:
    try:
        return parse_order_key(text)
    except ParseError as error:
        raise error.to_invalid_argument("order_by", text) from None
