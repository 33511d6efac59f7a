"""Searching rows of one table with params or tags beside it, on a reader's thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from peewee import JOIN, Case, fn

from runstream_service.engine.statements import execute
from runstream_service.engine.tables import NAN
from runstream_service.search.conditions import (
    combine,
    find_column,
    integer_condition,
    not_null,
    text_condition,
    text_or_number_condition,
)
from runstream_service.search.order import (
    FoundRow,
    SortKey,
    SortTerm,
    after_key,
    parse_order,
    select_and_order,
    text_terms,
)
from runstream_service.search.parse import ParseError, parse
from runstream_service.search.times import to_milliseconds
from runstream_service.search.tree import Condition, OrderKey


class MetricsOfRows(Protocol):
    """The metrics of the rows of a table."""

    def condition(self, condition: Condition) -> Any:
        """Return a condition on a metric."""

    def latest(self, name: str, position: int) -> Any:
        """Return the latest value of a metric, for the key at a position of the order."""


@dataclass(frozen=True)
class SearchableTable:
    """A table that can be searched, with its attributes and groups of keys.

    Attributes:
        table: the table.
        texts: its columns of text, by the name of the attribute.
        times: its columns of times, in milliseconds, by the name of the attribute.
        pairs: by group, a table of keys and values, and its column that refers to `table`.
        order: the last terms of each order, in the end the id.
        ordered_by: the columns that some attributes are ordered by instead of their own.
        translate: functions that translate conditions on other attributes, such as a status.
        metrics: the metrics of its rows, if they have any.
    """

    table: Any
    texts: Mapping[str, Any]
    times: Mapping[str, Any]
    pairs: Mapping[str, tuple[Any, str]]
    order: Sequence[SortTerm]
    ordered_by: Mapping[str, Any] = field(default_factory=dict)
    translate: Mapping[str, Callable[[Condition], Any]] = field(default_factory=dict)
    metrics: MetricsOfRows | None = None

    @property
    def columns(self) -> dict[str, Any]:
        """All columns, by the name of the attribute."""
        return {**self.texts, **self.times}

    @property
    def groups(self) -> list[str]:
        """The groups of keys that rows have."""
        return [*(() if self.metrics is None else ("metrics",)), *self.pairs]

    def pair(self, group: str, name: str, column: int) -> tuple[Any, str]:
        """Return the table of a group; raises ParseError, naming those that there are."""
        if group not in self.pairs:
            groups = " or ".join(f"a {known.rstrip('s')}" for known in self.pairs)
            raise ParseError(column, repr(f"{group}.{name}"), f"{groups} or an attribute")
        return self.pairs[group]


class TableSearch:
    """A search; its filter is parsed and translated once.

    Raises:
        InvalidArgument: filter or order is malformed.
    """

    def __init__(
        self,
        what: SearchableTable,
        conditions: Sequence[Any],
        filter_text: str,
        order_by: Sequence[str],
    ) -> None:
        """Parse and translate the filter and the order.

        Args:
            what: the table that is searched.
            conditions: conditions that every found row satisfies besides the filter.
            filter_text: the filter.
            order_by: the order.
        """
        keys = parse_order(order_by)
        self._what = what
        self._conditions = list(conditions)
        try:
            if tree := parse(filter_text):
                self._conditions.append(combine(tree, self._condition))
        except ParseError as error:
            raise error.to_invalid_argument("filter", filter_text) from None
        self._query = what.table.select()
        self._terms: list[SortTerm] = []
        for position, (key, order) in enumerate(zip(keys, order_by, strict=True)):
            try:
                self._terms += self._terms_of(key, position)
            except ParseError as error:
                raise error.to_invalid_argument("order_by", order) from None
        self._terms += what.order

    @property
    def sort_key_length(self) -> int:
        """The number of values in the sort key of a row."""
        return len(self._terms)

    def page(self, limit: int, after: SortKey | None) -> list[FoundRow]:
        """Return up to `limit` rows that come after a sort key."""
        conditions = list(self._conditions)
        if after is not None:
            conditions.append(after_key(self._terms, after))
        columns, order = select_and_order(self._terms)
        query = self._query.select(self._what.table.id, *columns).order_by(*order).limit(limit)
        rows = execute(query.where(*conditions) if conditions else query)
        return [FoundRow(row[0], row[1:]) for row in rows]

    def _terms_of(self, order: OrderKey, position: int) -> list[SortTerm]:
        key, descending, what = order.key, order.descending, self._what
        if key.group == "metrics" and what.metrics is not None:
            value = what.metrics.latest(key.name, position)
            kind = Case(None, [(value.is_null(), 2), (value == NAN, 1)], 0)
            return [SortTerm(kind), SortTerm(value, descending)]
        if key.group == "attributes":
            column = what.ordered_by.get(key.name)
            return [
                SortTerm(
                    find_column(what.columns, key, what.groups) if column is None else column,
                    descending,
                )
            ]
        table, owner = what.pair(key.group, key.name, 1)
        pair = table.alias()
        beside = (getattr(pair, owner) == what.table.id) & (pair.key == key.name)
        self._query = self._query.join_from(what.table, pair, JOIN.LEFT_OUTER, on=beside)
        return text_terms(pair.value, pair.number, descending)

    def _condition(self, condition: Condition) -> Any:
        key, what = condition.key, self._what
        if key.group == "metrics" and what.metrics is not None:
            return what.metrics.condition(condition)
        if key.group == "attributes":
            if translate := what.translate.get(key.name):
                return translate(condition)
            column = find_column(what.columns, key, what.groups)
            if key.name in what.texts:
                return not_null(column, text_condition(column, condition))
            return not_null(column, integer_condition(column, to_milliseconds(condition)))
        table, owner = what.pair(key.group, key.name, key.column)
        pair = table.select().where(
            (getattr(table, owner) == what.table.id) & (table.key == key.name)
        )
        found = text_or_number_condition(table.value, table.number, condition)
        return fn.EXISTS(pair if found is None else pair.where(found))
