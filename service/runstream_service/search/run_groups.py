"""Runs in groups of the same values, on a reader's thread."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import total_ordering
from operator import attrgetter
from typing import Any

import numpy as np

from runstream.errors import ResourceExhausted
from runstream_service.access.caller import Caller
from runstream_service.access.visibility import visible
from runstream_service.engine.budget import ANSWER_BYTES, Budget, TooLargeError
from runstream_service.engine.statements import execute, in_ids, in_texts
from runstream_service.engine.tables import Run
from runstream_service.search.group_keys import TextKey, Texts, parse_keys, sort_key, text_key
from runstream_service.search.group_statistics import (
    NumberKey,
    Statistics,
    number_key,
    read_numbers,
    statistics_of_groups,
)
from runstream_service.search.order import MISSING, NUMBER
from runstream_service.search.parse import FILTER_CHARACTERS, ParseError, parse_order_key
from runstream_service.search.run_search import RunSearch
from runstream_service.search.tree import OrderKey

#: Runs that are grouped at most: what they are grouped by is in memory while they are.
MAX_RUNS = 200_000
MAX_BY = 5
MAX_KEYS = 100

# Runs whose ids a filter has room for.
_NAMED_RUNS = 500


@dataclass
class Group:
    """Runs that have the same values.

    Attributes:
        values: their values of the keys.
        order: what orders the group.
        runs: their internal ids.
        statuses: how many have each status.
        latest_start: when the latest started.
        numbers: statistics of the keys of numbers.
        texts: what they have in common: how many different values, and the one that all have.
    """

    values: tuple[Texts, ...]
    order: Order = field(init=False)
    runs: list[int] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    latest_start: int = 0
    numbers: list[Statistics] = field(default_factory=list)
    texts: list[tuple[int, Texts]] = field(default_factory=list)


@total_ordering
class Order:
    """The place of a group: a term that may be descending, and then its values.

    A term is a rank, which is ascending always, and what counts among those of the same rank.
    """

    def __init__(self, position: Sequence[Any], descending: bool) -> None:
        self.position = list(position)
        self._descending = descending

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Order) and self.position == other.position

    def __lt__(self, other: Order) -> bool:
        (rank, *term), *rest = self.position
        (other_rank, *other_term), *other_rest = other.position
        if rank != other_rank:
            return bool(rank < other_rank)
        if term != other_term:
            return bool((term < other_term) != self._descending)
        return bool(rest < other_rest)


class RunGroups:
    """A search for groups of runs.

    Raises:
        InvalidArgument: a key is malformed, or they are too few or too many.
    """

    def __init__(
        self,
        search: RunSearch,
        by: Sequence[str],
        number_keys: Sequence[str],
        text_keys: Sequence[str],
        order_by: str,
        statistic: str,
    ) -> None:
        """Parse the keys.

        Args:
            search: finds the runs.
            by: keys of texts, whose values make a group.
            number_keys: keys of numbers, of which statistics are told.
            text_keys: keys of texts, of which is told what is common.
            order_by: one of these keys and a direction, or empty.
            statistic: the field of `Statistics` by which numbers are ordered.
        """
        self._search = search
        self._by: list[TextKey] = parse_keys("by", by, text_key, (1, MAX_BY))
        self._numbers: list[NumberKey] = parse_keys(
            "number_keys", number_keys, number_key, (0, MAX_KEYS)
        )
        self._texts: list[TextKey] = parse_keys("text_keys", text_keys, text_key, (0, MAX_KEYS))
        self._order = self._parse_order(order_by) if order_by else None
        self._statistic = attrgetter(statistic)

    @property
    def position_length(self) -> int:
        """The number of values of a position."""
        return 1 + len(self._by)

    def find(self) -> list[Group]:
        """Return all groups in their order, with their runs and no more.

        Raises:
            ResourceExhausted: the runs are too many, or their values too large.
        """
        rows = self._search.rows(MAX_RUNS + 1, Run.id, Run.status, Run.start_time)
        if len(rows) > MAX_RUNS:
            raise ResourceExhausted(
                f"The filter finds more than {MAX_RUNS} runs, which are too many to group: ask for "
                "fewer experiments, or by a narrower filter",
                reason="TOO_MANY_RUNS",
                field="filter",
                limit=MAX_RUNS,
            )
        found: dict[tuple[Texts, ...], Group] = {}
        with _Values([row[0] for row in rows]) as values:
            columns = [values.read(key) for key in self._by]
        for run, status, start in rows:
            key = tuple(column.get(run, ()) for column in columns)
            group = found.get(key)
            if group is None:
                found[key] = group = Group(key, latest_start=start)
            group.runs.append(run)
            group.statuses[status] = group.statuses.get(status, 0) + 1
            group.latest_start = max(group.latest_start, start)
        groups = list(found.values())
        terms = self._order_terms(groups)
        descending = self._order is not None and self._order.descending
        for group, term in zip(groups, terms, strict=True):
            group.order = Order([term, *map(sort_key, group.values)], descending)
        return sorted(groups, key=attrgetter("order"))

    def page(self, groups: list[Group], limit: int, after: Sequence[Any] | None) -> list[Group]:
        """Return the groups after a position, with what is told of each."""
        first = 0
        if after is not None:
            descending = self._order is not None and self._order.descending
            first = bisect_right(groups, Order(after, descending), key=attrgetter("order"))
        page = groups[first : first + limit]
        self._describe(page)
        return page

    def filter_of(self, group: Group) -> str:
        """Return the filter that finds the runs of a group; empty if it would be too long."""
        parts = [key.condition(texts) for key, texts in zip(self._by, group.values, strict=True)]
        text = " AND ".join(parts)
        if all(parts) and len(text) <= FILTER_CHARACTERS:
            return text
        if len(group.runs) > _NAMED_RUNS:
            return ""
        ids = execute(Run.select(Run.uuid).where(Run.id.in_(in_ids(group.runs)))).fetchall()
        listed = ", ".join(f"'{row[0]}'" for row in ids)
        return f"run_id IN ({listed})"

    def run_ids(self, groups: Sequence[Group], limit: int) -> list[list[str]]:
        """Return of each group the ids of its runs, the latest started first, at most so many."""
        ids: list[list[str]] = [[] for _ in groups]
        if not limit:
            return ids
        place = {run: i for i, group in enumerate(groups) for run in group.runs}
        query = (
            Run.select(Run.id, Run.uuid)
            .where(Run.id.in_(in_ids(place)))
            .order_by(Run.start_time.desc(), Run.id.desc())
        )
        for run, uuid in execute(query):
            of_group = ids[place[run]]
            if len(of_group) < limit:
                of_group.append(uuid)
        return ids

    def run_names(self, caller: Caller, groups: Sequence[Group]) -> dict[tuple[int, Texts], str]:
        """Return the names of runs that are values, by the place of the key and the value."""
        names: dict[tuple[int, Texts], str] = {}
        for place, key in enumerate(self._by):
            if not key.is_parent:
                continue
            ids = [text for group in groups for text in group.values[place]]
            query = Run.select(Run.uuid, Run.name).where(
                Run.uuid.in_(in_texts(ids)), *visible(caller, Run.experiment)
            )
            names.update({(place, (uuid,)): name for uuid, name in execute(query)})
        return names

    def _parse_order(self, order_by: str) -> OrderKey:
        keys = [*(key.key for key in self._by), *(key.key for key in self._numbers)]
        try:
            order = parse_order_key(order_by)
        except ParseError as error:
            raise error.to_invalid_argument("order_by", order_by) from None
        if order.key in keys:
            return order
        unknown = ParseError(1, repr(order_by), "a key of by or number_keys")
        raise unknown.to_invalid_argument("order_by", order_by)

    def _order_terms(self, groups: Sequence[Group]) -> list[list[Any]]:
        if self._order is None:
            return [[0]] * len(groups)
        for place, key in enumerate(self._by):
            if key.key == self._order.key:
                return [sort_key(group.values[place]) for group in groups]
        numbers = [key for key in self._numbers if key.key == self._order.key][:1]
        terms = []
        for statistics in _statistics(numbers, groups)[0]:
            number = self._statistic(statistics)
            is_number = number is not None and number == number
            terms.append([NUMBER, number] if is_number else [MISSING, 0])
        return terms

    def _describe(self, groups: Sequence[Group]) -> None:
        by_key = _statistics(self._numbers, groups)
        with _Values([run for group in groups for run in group.runs]) as values:
            columns = [values.read(key) for key in self._texts]
        for i, group in enumerate(groups):
            group.numbers = [of_groups[i] for of_groups in by_key]
            for column in columns:
                different = {column.get(run, ()) for run in group.runs}
                group.texts.append((len(different), different.pop()))


class _Values:
    """Values of runs, which are more than an answer can hold where their texts are."""

    def __init__(self, runs: list[int]) -> None:
        self._runs = runs
        self._budget = Budget()

    def __enter__(self) -> _Values:
        return self

    def __exit__(self, _kind: object, error: object, _where: object) -> None:
        if isinstance(error, TooLargeError):
            raise ResourceExhausted(
                f"The values of these runs take more than {ANSWER_BYTES} bytes: group by, and ask "
                "for, keys of shorter or fewer values",
                reason="TOO_MANY_VALUES",
                field="by",
                limit=ANSWER_BYTES,
            ) from None

    def read(self, key: TextKey) -> dict[int, Texts]:
        return key.read(self._runs, self._budget)


def _statistics(keys: Sequence[NumberKey], groups: Sequence[Group]) -> list[list[Statistics]]:
    """Return the statistics of these groups for each key."""
    if not keys:
        return []
    place = {run: i for i, group in enumerate(groups) for run in group.runs}
    return [
        statistics_of_groups(
            np.fromiter(map(place.__getitem__, numbers.runs), np.int64, len(numbers.runs)),
            np.array(numbers.values, np.float64),
            len(groups),
        )
        for numbers in read_numbers(keys, place)
    ]
