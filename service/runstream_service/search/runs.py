"""Searching runs, on a reader's thread.

There are two ways to a page. Where the filter finds few runs, they are gathered through the
indexes on values and sorted. Where it finds many, runs are walked in the order that is asked for,
through an index on it, and checked one by one until the page is full. A bounded probe tells which.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from peewee import JOIN, Case, Join, fn

from runstream_service.engine.models import NAN, Run, Series, database
from runstream_service.engine.statements import in_values
from runstream_service.engine.statuses import RunStatus
from runstream_service.search.conditions import (
    EXTREMES,
    NUMBERS,
    PAIRS,
    TEXTS,
    Expression,
    RunConditions,
    one_of,
)
from runstream_service.search.order import (
    MISSING,
    NOT_A_NUMBER,
    NUMBER,
    TEXT,
    Place,
    Term,
    after,
    parse_order,
    selected,
    text_terms,
)
from runstream_service.search.parse import Misplaced, parse
from runstream_service.search.scope import Scope, most_gathered
from runstream_service.search.tree import Filter, OrderKey

_TABLES = {"metrics": Series, **PAIRS}
_STATES = Case(None, [(Run.status == status, status.name) for status in RunStatus])
_LAST = (Term(Run.start_time, descending=True), Term(Run.uuid))


class Found(NamedTuple):
    """What was found, by its internal id, and its place in the order."""

    id: int
    place: Place


@dataclass(frozen=True)
class _Part:
    """Runs that are level in the first term of an order.

    Attributes:
        rank: their value of that term.
        table: what to select them from.
        conditions: which rows of it they are.
        level: how many terms are the same for all of them.
    """

    rank: int
    table: Any
    conditions: Sequence[Expression]
    level: int


class RunSearch:
    """A search for runs.

    Raises:
        InvalidArgument: filter or order is malformed.
    """

    def __init__(self, scope: Scope, filter_text: str, order_by: Sequence[str]) -> None:
        self._scope = scope
        keys = parse_order(order_by)
        try:
            self._filter: Filter | None = parse(filter_text)
            if self._filter:  # whether its keys can be searched
                RunConditions(driving=True).of(self._filter)
        except Misplaced as error:
            raise error.refusal("filter", filter_text) from None
        self._joined: list[tuple[Any, Expression]] = []
        self._terms: list[Term] = []
        for key, text in zip(keys, order_by, strict=True):
            try:
                self._terms += self._terms_of(key)
            except Misplaced as error:
                raise error.refusal("order_by", text) from None
        self._terms += _LAST
        walks = keys and keys[0].key.group in _TABLES
        self._walked = keys[0].key.name if walks else None

    @property
    def terms(self) -> int:
        """How many parts a place in the order has."""
        return len(self._terms)

    def count(self) -> int:
        """Return how many runs it finds."""
        return int(Run.select(fn.COUNT(Run.id)).where(*self._driven()).scalar())

    def page(self, limit: int, place: Place | None) -> list[Found]:
        """Return up to `limit` runs that come after a place."""
        found = self._few(most_gathered(limit))
        if found is not None:
            return self._gathered([Run.id.in_(in_values(found))], limit, place)
        if self._walked is None:
            return self._gathered(self._checked(), limit, place)
        page: list[Found] = []
        for part in self._parts(self._walked):
            if len(page) < limit and (place is None or part.rank >= place[0]):
                page += self._rows(part, limit - len(page), place)
        return page

    def _checked(self) -> list[Expression]:
        """Return the conditions in the form for runs that come one by one."""
        conditions = self._scope.conditions()
        if self._filter:
            conditions.append(RunConditions(driving=False).of(self._filter))
        return conditions

    def _driven(self) -> list[Expression]:
        """Return the conditions in the form for finding all runs."""
        if self._filter is None:
            return self._scope.conditions()
        driving = RunConditions(driving=True).of(self._filter)
        # Without statistics SQLite would always believe that an experiment has few runs.
        return [*self._scope.conditions(indexed=not self._scope.is_large()), driving]

    def _few(self, most: int) -> list[int] | None:
        """Return the ids of all runs that it finds if they are `most` at most."""
        if self._filter is None and self._walked is None:
            return None
        query = Run.select(Run.id).where(*self._driven()).limit(most + 1)
        found = [row[0] for row in database.execute(query)]
        return found if len(found) <= most else None

    def _gathered(
        self, conditions: Sequence[Expression], limit: int, place: Place | None
    ) -> list[Found]:
        if place is not None:
            conditions = [*conditions, after(self._terms, place)]
        return self._select(_joined(Run, self._joined), conditions, limit)

    def _parts(self, key: str) -> Iterator[_Part]:
        """Yield the parts that the first key of the order makes, in their order."""
        (first, on), *others = self._joined
        value = self._terms[1].expression
        # CROSS JOIN is how SQLite is told to keep to the order of the tables.
        walked = _joined(Join(first, Run, JOIN.CROSS, on), others)
        if first.model is Series:
            yield _Part(0, walked, [first.key == key, value < NAN], 1)
            yield _Part(1, walked, [first.key == key, value == NAN], 2)
            yield _Part(2, _joined(Run, self._joined), [value.is_null()], 2)
        else:
            yield _Part(NUMBER, walked, [first.key == key, value < NAN], 1)
            yield _Part(NOT_A_NUMBER, walked, [first.key == key, value == NAN], 2)
            yield _Part(TEXT, walked, [first.key == key, value.is_null()], 2)
            yield _Part(MISSING, _joined(Run, self._joined), [first.value.is_null()], 3)

    def _rows(self, part: _Part, limit: int, place: Place | None) -> list[Found]:
        terms = self._terms[part.level :]
        conditions = [*part.conditions, *self._checked()]
        if place is not None and part.rank == place[0]:
            conditions.append(after(terms, place[part.level :]))
        return self._select(part.table, conditions, limit, part.level)

    def _select(
        self, table: Any, conditions: Sequence[Expression], limit: int, level: int = 0
    ) -> list[Found]:
        columns, order = selected(self._terms)
        query = (
            Run.select(Run.id, *columns)
            .from_(table)
            .where(*conditions)
            .order_by(*order[level:])
            .limit(limit)
        )
        # The driver's rows: a place must come back as it is stored, NaN as its text.
        return [Found(row[0], row[1:]) for row in database.execute(query)]

    def _terms_of(self, order: OrderKey) -> list[Term]:
        key, descending = order.key, order.descending
        if key.group in _TABLES:
            table = _TABLES[key.group].alias()
            self._joined.append((table, (table.run == Run.id) & (table.key == key.name)))
            if table.model is Series:
                value = table.last_value
                rank = Case(None, [(value.is_null(), 2), (value == NAN, 1)], 0)
                return [Term(rank), Term(value, descending)]
            return text_terms(table.value, table.number, descending)
        if key.group in EXTREMES:
            series = Series.alias()
            self._joined.append((series, (series.run == Run.id) & (series.key == key.name)))
            value = getattr(series, EXTREMES[key.group].name)
            return [Term(Case(None, [(value.is_null(), 1)], 0)), Term(value, descending)]
        if key.group == "attributes" and key.name == "status":
            return [Term(_STATES, descending)]
        if key.group == "attributes":
            column = one_of(NUMBERS | TEXTS | {"status": Run.status}, key)
            if key.name in ("end_time", "duration"):
                return [Term(Case(None, [(column.is_null(), 1)], 0)), Term(column, descending)]
            return [Term(column, descending)]
        raise Misplaced(1, repr(f"{key.group}.{key.name}"), "a metric, param, tag or attribute")


def _joined(table: Any, others: Sequence[tuple[Any, Expression]]) -> Any:
    for other, on in others:
        table = Join(table, other, JOIN.LEFT_OUTER, on)
    return table
