"""The order of what is found, and the place in it where a page goes on (S5, S6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_
from typing import Any

from peewee import Case

from runstream_service.engine.models import NAN
from runstream_service.search.parse import Misplaced, parse_order_key
from runstream_service.search.tree import OrderKey

ORDER_KEYS = 10

#: What the terms of an order are for one row; None where a value is missing.
Place = Sequence[Any]


@dataclass(frozen=True)
class Term:
    """An expression to order by. Where it is null for two rows, the terms after it decide."""

    expression: Any
    descending: bool = False

    def beyond(self, value: Any) -> Any:
        """Return the condition of coming later than a value."""
        return self.expression < value if self.descending else self.expression > value

    def from_on(self, value: Any) -> Any:
        """Return the condition of not coming earlier than a value."""
        return self.expression <= value if self.descending else self.expression >= value


# Where a param or a tag stands in an order that it is sorted by (S5).
NUMBER, NOT_A_NUMBER, TEXT, MISSING = range(4)


def text_terms(column: Any, as_number: Any, descending: bool) -> list[Term]:
    """Return the terms of a column of texts: numbers, NaN, other texts, and those that are missing.

    Args:
        column: the column.
        as_number: the column of what `number_of` it is.
        descending: the direction of numbers and of texts.
    """
    kinds = [
        (column.is_null(), MISSING),
        (as_number.is_null(), TEXT),
        (as_number == NAN, NOT_A_NUMBER),
    ]
    rank = Case(None, kinds, NUMBER)
    return [Term(rank), Term(as_number, descending), Term(column, descending)]


def parse_order(texts: Sequence[str]) -> list[OrderKey]:
    """Return the keys of an `order_by`.

    Raises:
        InvalidArgument: one is malformed, or there are too many.
    """
    if len(texts) > ORDER_KEYS:
        many = Misplaced(1, f"an order of {len(texts)} keys", f"at most {ORDER_KEYS}")
        raise many.refusal("order_by", ", ".join(texts))
    return [_order_key(text) for text in texts]


def selected(terms: Sequence[Term]) -> tuple[list[Any], list[Any]]:
    """Return the terms for SELECT, where they have names, and for ORDER BY, by these names."""
    columns = [term.expression.alias(f"term_{i}") for i, term in enumerate(terms)]
    return columns, [
        column.desc() if term.descending else column.asc()
        for term, column in zip(terms, columns, strict=True)
    ]


def after(terms: Sequence[Term], place: Place) -> Any:
    """Return the condition of coming after a place."""
    # Where a value is missing, the term before says so of all that are level there.
    values = [pair for pair in zip(terms, place, strict=True) if pair[1] is not None]
    # The first says nothing new, but in a form that an index on the first term can be entered by.
    return terms[0].from_on(place[0]) & _beyond(values)


def _beyond(values: Sequence[tuple[Term, Any]]) -> Any:
    """Return the condition of coming later, by halves: term by term is too deep for SQLite."""
    if len(values) == 1:
        term, value = values[0]
        return term.beyond(value)
    middle = len(values) // 2
    level = [term.expression == value for term, value in values[:middle]]
    return _beyond(values[:middle]) | (reduce(and_, level) & _beyond(values[middle:]))


def _order_key(text: str) -> OrderKey:
    try:
        return parse_order_key(text)
    except Misplaced as error:
        raise error.refusal("order_by", text) from None
