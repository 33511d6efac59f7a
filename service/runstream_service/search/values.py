"""The values that runs have under a key, for whoever writes a filter, on a reader's thread."""

from __future__ import annotations

from typing import Any, NamedTuple

from peewee import SQL, fn

from runstream_service.engine import reading
from runstream_service.engine.statements import execute, stream
from runstream_service.engine.statuses import RunStatus
from runstream_service.engine.tables import NAN, Dataset, Input, InputTag, Run, Series
from runstream_service.search.conditions import Expression, find_column
from runstream_service.search.run_filter import (
    CONTEXT_TAG,
    DATASETS,
    EXTREMES,
    NAMED_GROUPS,
    NUMBERS,
    PAIRS,
    TEXTS,
)
from runstream_service.search.scope import Scope
from runstream_service.search.tree import Key

#: Characters of the longest value that is listed.
VALUE_CHARACTERS = 500


class ValueCount(NamedTuple):
    """A value, and how many runs have it."""

    value: str
    runs: int


class Range(NamedTuple):
    """The least and the greatest of some numbers; None if there are none."""

    minimum: float | None
    maximum: float | None


class _Values(NamedTuple):
    """Where the values of a key are: rows of a query, with a column of texts, or of numbers."""

    rows: Any
    text: Expression
    number: Expression


def most_frequent_values(scope: Scope, key: Key, contains: str, limit: int) -> list[ValueCount]:
    """Return the values of a key that most runs have, the most frequent first.

    Args:
        scope: the runs.
        key: the key; metrics and times have no values but a range.
        contains: what each value contains, in any case.
        limit: how many values to return.

    Raises:
        ParseError: there is no such key.
    """
    values = _values(scope, key)
    if values.text is None:
        return []
    query = values.rows(values.text, fn.COUNT(SQL("*"))).group_by(values.text)
    if key.group == "attributes" and key.name == "status":
        counts = {RunStatus(number).name: count for number, count in execute(query)}
        found = [ValueCount(*pair) for pair in sorted(counts.items(), key=lambda pair: -pair[1])]
        return [one for one in found if contains.casefold() in one.value.casefold()][:limit]
    query = query.where(fn.LENGTH(values.text) <= VALUE_CHARACTERS)
    query = query.order_by(SQL("2").desc(), SQL("1"))
    if not contains:
        return [ValueCount(*row) for row in execute(query.limit(limit))]
    return _containing(stream(query), contains.casefold(), limit)


def range_of_values(scope: Scope, key: Key) -> Range:
    """Return the range of those values of a key that are numbers; raises ParseError as above."""
    values = _values(scope, key)
    if values.number is None:
        return Range(None, None)
    query = values.rows(fn.MIN(values.number), fn.MAX(values.number))
    if key.group != "attributes":  # NaN is a text
        query = query.where(values.number < NAN)
    minimum, maximum = execute(query).fetchone()
    return Range(*(None if end is None else float(end) for end in (minimum, maximum)))


def _containing(rows: Any, text: str, limit: int) -> list[ValueCount]:
    """Return the first rows of a cursor whose value contains a text, whose case is folded."""
    found: list[ValueCount] = []
    try:
        for value, runs in rows:
            reading.check()
            if text in value.casefold():
                found.append(ValueCount(value, runs))
                if len(found) == limit:
                    break
    finally:
        rows.close()
    return found


def _values(scope: Scope, key: Key) -> _Values:
    conditions = scope.conditions()
    if key.group == "attributes":
        column = find_column(TEXTS | {"status": Run.status} | NUMBERS, key, NAMED_GROUPS)
        texts, numbers = (None, column) if key.name in NUMBERS else (column, None)
        return _Values(lambda *columns: Run.select(*columns).where(*conditions), texts, numbers)
    if key.group == "datasets":
        return _Values(_of_datasets(conditions, key), DATASETS[key.name], None)
    table = PAIRS.get(key.group, Series)
    columns = {"metrics": (None, Series.last_value)} | {
        group: (None, extreme) for group, extreme in EXTREMES.items()
    }
    texts, numbers = columns.get(key.group) or (table.value, table.number)
    return _Values(
        lambda *selected: (
            table.select(*selected).join(Run).where(table.key == key.name, *conditions)
        ),
        texts,
        numbers,
    )


def _of_datasets(conditions: list[Expression], key: Key) -> Any:
    find_column(DATASETS, key)

    def rows(*columns: Any) -> Any:
        query = Input.select(*columns).join(Run, on=(Run.id == Input.run)).switch(Input)
        query = query.join(Dataset, on=(Dataset.id == Input.dataset)).switch(Input)
        if key.name == "context":
            query = query.join(InputTag, on=(InputTag.input == Input.id))
            query = query.where(InputTag.key == CONTEXT_TAG)
        return query.where(*conditions)

    return rows
