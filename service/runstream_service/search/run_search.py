"""Searching runs, on a reader's thread.

There are three ways to a page. Where the filter finds few runs, their ids are found through the
indexes on values, and the runs are sorted. Where it finds many, runs are scanned in the order that
is asked for, through an index on it, and the filter is tested on each until the page is full. Where
it finds many, and the experiments have few of the runs of the database, it is tested on each of
theirs, and the runs are sorted. Queries of bounded length decide which.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from peewee import JOIN, Case, Join, fn

from runstream_service.engine.statements import (
    execute,
    has_statistics,
    in_ids,
    ordered_join,
)
from runstream_service.engine.statuses import RunStatus
from runstream_service.engine.tables import NAN, Run, Series
from runstream_service.search.conditions import Expression, find_column
from runstream_service.search.order import (
    MISSING,
    NOT_A_NUMBER,
    NUMBER,
    TEXT,
    FoundRow,
    SortKey,
    SortTerm,
    after_key,
    parse_order,
    select_and_order,
    text_terms,
)
from runstream_service.search.parse import ParseError, parse
from runstream_service.search.run_filter import (
    EXTREMES,
    NAMED_GROUPS,
    NUMBERS,
    PAIRS,
    TEXTS,
    RunFilter,
)
from runstream_service.search.scope import Scope, max_sorted
from runstream_service.search.tree import Filter, OrderKey

#: How many times as many runs may be tested one by one as are sorted at most.
MAX_TESTED = 3

_TABLES = {"metrics": Series, **PAIRS}
_STATUS_NAME = Case(None, [(Run.status == status, status.name) for status in RunStatus])
_LAST_TERMS = (SortTerm(Run.start_time, descending=True), SortTerm(Run.uuid))


@dataclass(frozen=True)
class _Segment:
    """Runs that have the same value of the first term of an order, which are scanned together.

    Attributes:
        rank: that value.
        table: the tables to select them from.
        conditions: which rows of the tables they are.
        equal_terms: how many of the first terms have one value for all of them.
    """

    rank: int
    table: Any
    conditions: Sequence[Expression]
    equal_terms: int


class RunSearch:
    """A search for runs; its filter is parsed once, and translated once into each form it needs.

    Raises:
        InvalidArgument: filter or order is malformed.
    """

    def __init__(self, scope: Scope, filter_text: str, order_by: Sequence[str]) -> None:
        self._scope = scope
        order_keys = parse_order(order_by)
        self._uncorrelated: Expression | None = None
        try:
            self._filter: Filter | None = parse(filter_text)
            if self._filter:
                self._uncorrelated = RunFilter(correlated=False).translate(self._filter)
        except ParseError as error:
            raise error.to_invalid_argument("filter", filter_text) from None
        self._joins: list[tuple[Any, Expression]] = []
        self._terms: list[SortTerm] = []
        for order_key, text in zip(order_keys, order_by, strict=True):
            try:
                self._terms += self._terms_of(order_key)
            except ParseError as error:
                raise error.to_invalid_argument("order_by", text) from None
        self._is_by_time = not order_keys
        self._terms += _LAST_TERMS
        can_scan = order_keys and order_keys[0].key.group in _TABLES
        self._scanned_key = order_keys[0].key.name if can_scan else None

    @property
    def sort_key_length(self) -> int:
        """The number of values in the sort key of a row."""
        return len(self._terms)

    def count(self) -> int:
        """Return how many runs it finds."""
        return int(Run.select(fn.COUNT(Run.id)).where(*self._conditions_by_index()).scalar())

    def rows(self, limit: int, *columns: Any) -> list[tuple[Any, ...]]:
        """Return columns of up to `limit` of the runs that it finds, in no order."""
        query = Run.select(*columns).where(*self._conditions_by_index()).limit(limit)
        return list(execute(query).fetchall())

    def page(self, limit: int, after: SortKey | None, offset: int = 0) -> list[FoundRow]:
        """Return up to `limit` runs after a sort key, without the first `offset` of them."""
        most_sorted = max_sorted(offset + limit)
        if self._is_tested_on_each(most_sorted):
            return self._sort(self._conditions_by_run(), limit, after, offset)
        ids = self._find_ids(most_sorted)
        if ids is not None:
            return self._sort([Run.id.in_(in_ids(ids))], limit, after, offset)
        if self._scanned_key is None:
            in_order_of_time = self._is_by_time and self._scope.is_scanned(offset + limit)
            return self._sort(self._conditions_by_run(not in_order_of_time), limit, after, offset)
        page: list[FoundRow] = []
        for segment in self._segments(self._scanned_key):
            if len(page) < limit and (after is None or segment.rank >= after[0]):
                found = self._scan(segment, limit - len(page), after, offset)
                if offset:
                    offset = 0 if found else max(0, offset - self._count(segment, after))
                page += found
        return page

    def _conditions_by_index(self) -> list[Expression]:
        """Return the conditions in the form that finds all runs through indexes on values."""
        if self._uncorrelated is None:
            return self._scope.conditions()
        # Without statistics SQLite would always assume that an experiment has few runs.
        return [
            *self._scope.conditions(indexed=not self._scope.is_large()),
            self._uncorrelated,
        ]

    def _conditions_by_run(self, indexed: bool = True) -> list[Expression]:
        """Return the conditions in the form that is tested on one run after the other.

        Args:
            indexed: whether the database may look the experiments up in an index.
        """
        conditions = self._scope.conditions(indexed=indexed)
        return conditions if self._correlated is None else [*conditions, self._correlated]

    @cached_property
    def _correlated(self) -> Expression | None:
        if self._filter is None:
            return None
        return RunFilter(correlated=True).translate(self._filter)

    def _is_tested_on_each(self, limit: int) -> bool:
        """Return whether it is faster to test the filter on each run of these experiments.

        The indexes on values lead to runs of all experiments. Each has to be looked up to see of
        which it is, and that takes longer than the test. PostgreSQL weighs that up by itself.

        Args:
            limit: runs to which the indexes should lead at most, if they are taken.
        """
        return (
            self._filter is not None
            and not has_statistics()
            and self._scope.is_large()
            and not self._scope.has_more_than(MAX_TESTED * limit)
            and RunFilter(correlated=False).finds_more_than(limit, self._filter)
        )

    def _find_ids(self, limit: int) -> list[int] | None:
        """Return the ids of all runs that it finds, or None if they are more than `limit`."""
        if self._filter is None and self._scanned_key is None:
            return None
        query = Run.select(Run.id).where(*self._conditions_by_index()).limit(limit + 1)
        ids = [row[0] for row in execute(query)]
        return ids if len(ids) <= limit else None

    def _sort(
        self, conditions: Sequence[Expression], limit: int, after: SortKey | None, offset: int
    ) -> list[FoundRow]:
        if after is not None:
            conditions = [*conditions, after_key(self._terms, after)]
        return self._select(_join(Run, self._joins), conditions, limit, offset)

    def _segments(self, key: str) -> Iterator[_Segment]:
        """Yield the segments that the first key of the order makes, in their order."""
        (first, on), *others = self._joins
        value = self._terms[1].expression
        scanned = _join(ordered_join(first, Run, on), others)
        of_key = first.key == key
        if first.model is Series:
            yield _Segment(0, scanned, [of_key, value < NAN], 1)
            yield _Segment(1, scanned, [of_key, value == NAN], 2)
            yield _Segment(2, _join(Run, self._joins), [value.is_null()], 2)
        else:
            yield _Segment(NUMBER, scanned, [of_key, value < NAN], 1)
            yield _Segment(NOT_A_NUMBER, scanned, [of_key, value == NAN], 2)
            yield _Segment(TEXT, scanned, [of_key, value.is_null()], 2)
            yield _Segment(MISSING, _join(Run, self._joins), [first.value.is_null()], 3)

    def _scan(
        self, segment: _Segment, limit: int, after: SortKey | None, offset: int
    ) -> list[FoundRow]:
        conditions = self._conditions_of(segment, after)
        return self._select(segment.table, conditions, limit, offset, segment.equal_terms)

    def _count(self, segment: _Segment, after: SortKey | None) -> int:
        """Return how many runs of a segment come after a sort key."""
        query = Run.select(fn.COUNT(Run.id)).from_(segment.table)
        return int(query.where(*self._conditions_of(segment, after)).scalar())

    def _conditions_of(self, segment: _Segment, after: SortKey | None) -> list[Expression]:
        skip = segment.equal_terms
        conditions = [*segment.conditions, *self._conditions_by_run()]
        if after is not None and segment.rank == after[0]:
            conditions.append(after_key(self._terms[skip:], after[skip:]))
        return conditions

    def _select(
        self,
        table: Any,
        conditions: Sequence[Expression],
        limit: int,
        offset: int,
        skip_terms: int = 0,
    ) -> list[FoundRow]:
        columns, order = select_and_order(self._terms)
        query = (
            Run.select(Run.id, *columns)
            .from_(table)
            .where(*conditions)
            .order_by(*order[skip_terms:])
            .limit(limit)
            .offset(offset)
        )
        # The driver's rows: a sort key must come back as it is stored, NaN as its text.
        return [FoundRow(row[0], row[1:]) for row in execute(query)]

    def _terms_of(self, order: OrderKey) -> list[SortTerm]:
        key, descending = order.key, order.descending
        if key.group in _TABLES:
            table = _TABLES[key.group].alias()
            self._joins.append((table, (table.run == Run.id) & (table.key == key.name)))
            if table.model is Series:
                value = table.last_value
                rank = Case(None, [(value.is_null(), 2), (value == NAN, 1)], 0)
                return [SortTerm(rank), SortTerm(value, descending)]
            return text_terms(table.value, table.number, descending)
        if key.group in EXTREMES:
            series = Series.alias()
            self._joins.append((series, (series.run == Run.id) & (series.key == key.name)))
            value = getattr(series, EXTREMES[key.group].name)
            return [SortTerm(_nulls_last(value)), SortTerm(value, descending)]
        if key.group == "attributes" and key.name == "status":
            return [SortTerm(_STATUS_NAME, descending)]
        if key.group == "attributes":
            column = find_column(NUMBERS | TEXTS | {"status": Run.status}, key, NAMED_GROUPS)
            if key.name in ("end_time", "duration"):
                return [SortTerm(_nulls_last(column)), SortTerm(column, descending)]
            return [SortTerm(column, descending)]
        raise ParseError(1, repr(f"{key.group}.{key.name}"), "a metric, param, tag or attribute")


def _nulls_last(column: Any) -> Expression:
    return Case(None, [(column.is_null(), 1)], 0)


def _join(table: Any, others: Sequence[tuple[Any, Expression]]) -> Any:
    for other, on in others:
        table = Join(table, other, JOIN.LEFT_OUTER, on)
    return table
