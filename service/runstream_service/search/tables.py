"""Searching rows of one table with params or tags beside it, on a reader's thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from peewee import JOIN, Case, fn

from runstream_service.engine.models import NAN, database
from runstream_service.search.conditions import (
    combined,
    number,
    one_of,
    text,
    text_or_number,
    there,
)
from runstream_service.search.order import (
    Place,
    Term,
    after,
    parse_order,
    selected,
    text_terms,
)
from runstream_service.search.parse import Misplaced, parse
from runstream_service.search.runs import Found
from runstream_service.search.times import in_milliseconds
from runstream_service.search.tree import Condition, OrderKey


class Measured(Protocol):
    """Metrics of the rows of a table."""

    def condition(self, condition: Condition) -> Any:
        """Return a condition on a metric."""

    def latest(self, name: str, place: int) -> Any:
        """Return the latest value of a metric, for the key at a place of the order."""


@dataclass(frozen=True)
class Searchable:
    """What can be searched for.

    Attributes:
        table: the table.
        texts: its columns of text, by the name of the attribute.
        times: its columns of times, in milliseconds, as well.
        pairs: by group, a table of keys and values and its column of the row that they belong to.
        order: columns that ties go by, in the end the id.
        ordered_by: columns that an attribute is ordered by, where that is another.
        special: conditions on attributes that are no plain comparison.
        metrics: what was measured of its rows, if anything was.
    """

    table: Any
    texts: Mapping[str, Any]
    times: Mapping[str, Any]
    pairs: Mapping[str, tuple[Any, str]]
    order: Sequence[Term]
    ordered_by: Mapping[str, Any] = field(default_factory=dict)
    special: Mapping[str, Callable[[Condition], Any]] = field(default_factory=dict)
    metrics: Measured | None = None

    @property
    def columns(self) -> dict[str, Any]:
        """All columns, by the name of the attribute."""
        return {**self.texts, **self.times}

    def pair(self, group: str, name: str, column: int) -> tuple[Any, str]:
        """Return the table of a group; raises Misplaced, naming those that there are."""
        if group not in self.pairs:
            groups = " or ".join(f"a {known.rstrip('s')}" for known in self.pairs)
            raise Misplaced(column, repr(f"{group}.{name}"), f"{groups} or an attribute")
        return self.pairs[group]


class TableSearch:
    """A search.

    Raises:
        InvalidArgument: filter or order is malformed.
    """

    def __init__(
        self, what: Searchable, conditions: Sequence[Any], filter_text: str, order_by: Sequence[str]
    ) -> None:
        """Prepare it.

        Args:
            what: what is searched for.
            conditions: conditions beside the filter.
            filter_text: the filter.
            order_by: the order.
        """
        keys = parse_order(order_by)
        self._what = what
        self._conditions = list(conditions)
        try:
            if tree := parse(filter_text):
                self._conditions.append(combined(tree, self._condition))
        except Misplaced as error:
            raise error.refusal("filter", filter_text) from None
        self._query = what.table.select()
        self._terms: list[Term] = []
        for place, (key, order) in enumerate(zip(keys, order_by, strict=True)):
            try:
                self._terms += self._terms_of(key, place)
            except Misplaced as error:
                raise error.refusal("order_by", order) from None
        self._terms += what.order

    @property
    def terms(self) -> int:
        """How many parts a place in the order has."""
        return len(self._terms)

    def page(self, limit: int, place: Place | None) -> list[Found]:
        """Return up to `limit` rows that come after a place."""
        conditions = list(self._conditions)
        if place is not None:
            conditions.append(after(self._terms, place))
        columns, order = selected(self._terms)
        query = self._query.select(self._what.table.id, *columns).order_by(*order).limit(limit)
        rows = database.execute(query.where(*conditions) if conditions else query)
        return [Found(row[0], row[1:]) for row in rows]

    def _terms_of(self, order: OrderKey, place: int) -> list[Term]:
        key, descending, what = order.key, order.descending, self._what
        if key.group == "metrics" and what.metrics is not None:
            value = what.metrics.latest(key.name, place)
            kind = Case(None, [(value.is_null(), 2), (value == NAN, 1)], 0)
            return [Term(kind), Term(value, descending)]
        if key.group == "attributes":
            column = what.ordered_by.get(key.name)
            return [Term(one_of(what.columns, key) if column is None else column, descending)]
        table, owner = what.pair(key.group, key.name, 1)
        pair = table.alias()
        beside = (getattr(pair, owner) == what.table.id) & (pair.key == key.name)
        self._query = self._query.join_from(what.table, pair, JOIN.LEFT_OUTER, on=beside)
        return text_terms(pair.value, fn.text_number(pair.value), descending)

    def _condition(self, condition: Condition) -> Any:
        key, what = condition.key, self._what
        if key.group == "metrics" and what.metrics is not None:
            return what.metrics.condition(condition)
        if key.group == "attributes":
            if special := what.special.get(key.name):
                return special(condition)
            column = one_of(what.columns, key)
            if key.name in what.texts:
                return there(column, text(column, condition))
            return there(column, number(column, in_milliseconds(condition)))
        table, owner = what.pair(key.group, key.name, key.column)
        pair = table.select().where(
            (getattr(table, owner) == what.table.id) & (table.key == key.name)
        )
        found = text_or_number(table.value, fn.text_number(table.value), condition)
        return fn.EXISTS(pair if found is None else pair.where(found))
