"""What in a filter that finds nothing may be a mistake: keys and values that no run has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from functools import cached_property
from itertools import islice
from typing import Any, NamedTuple

from runstream.errors import shorten
from runstream_service.engine.budget import Budget
from runstream_service.engine.statements import stream
from runstream_service.engine.statuses import RunStatus
from runstream_service.engine.tables import Param, Run, RunTag, Series
from runstream_service.search.run_filter import EXTREMES
from runstream_service.search.scope import Scope
from runstream_service.search.tree import Condition, Filter, Key, Not
from runstream_service.search.values import most_frequent_values

HINTS = 10
_SIMILAR = 3

# Keys that are compared with a mistyped one, and values: each takes some 20 microseconds.
_COMPARED = 5_000
_COMPARED_VALUES = 200

# What the names of people's things are called, by the group of a filter.
_SINGULAR = {"metrics": "metric", "params": "param", "tags": "tag"}
_TABLES: dict[str, Any] = {"metrics": Series, "params": Param, "tags": RunTag}


class Hint(NamedTuple):
    """What may be a mistake, and what may be meant.

    Attributes:
        column: where the key stands in the filter, counted from 1.
        message: a sentence for people.
        similar: keys or values as a filter has them, the most likely first.
    """

    column: int
    message: str
    similar: list[str]


class FilterHints:
    """Looks for mistakes of a filter over runs."""

    def __init__(self, scope: Scope, tree: Filter) -> None:
        """Take the scope of the search, and its filter, which is not malformed."""
        self._scope = scope
        self._tree = tree

    def find(self) -> list[Hint]:
        """Return the hints, in the order of the filter.

        Raises:
            TooLargeError: the runs have more keys than can be held.
        """
        hints: dict[tuple[Any, ...], Hint] = {}
        for condition in _conditions(self._tree):
            key = condition.key
            if (hint := self._missing_key(key)) is not None:
                hints.setdefault((key.group, key.name), hint)
            elif (hint := self._missing_value(condition)) is not None:
                hints.setdefault((key.group, key.name, condition.operands[0]), hint)
        return sorted(hints.values(), key=lambda hint: hint.column)[:HINTS]

    def _missing_key(self, key: Key) -> Hint | None:
        group = "metrics" if key.group in EXTREMES else key.group
        if group not in _TABLES or key.name in self._keys[group]:
            return None
        # The same name may be of another group, and a name without its folder is often meant.
        others = [other for other in _TABLES if key.name in self._keys[other]]
        near = [] if others else _nearest(key.name, self._keys[group])
        written = [f"{other}.{_quoted(key.name)}" for other in others]
        written += [f"{key.group}.{_quoted(name)}" for name in near]
        told = _question(written if others else map(shorten, near))
        return Hint(
            key.column, f"There is no {_SINGULAR[group]} {shorten(key.name)}.{told}", written
        )

    def _missing_value(self, condition: Condition) -> Hint | None:
        key, value = condition.key, condition.operands[0] if condition.operands else None
        if condition.operator != "=" or not isinstance(value, str):
            return None
        if key.group == "attributes" and key.name == "status":
            values = [status.name for status in RunStatus]
        elif key.group in ("params", "tags"):
            rows = most_frequent_values(self._scope, key, "", _COMPARED_VALUES)
            if len(rows) == _COMPARED_VALUES:
                return None  # there may be others
            values = [row.value for row in rows]
        else:
            return None
        if value in values:
            return None
        near = [_text(one) for one in _nearest(value, values)]
        what = (
            f"status {shorten(value)}"
            if key.name == "status" and key.group == "attributes"
            else f"{_SINGULAR[key.group]} {shorten(key.name)} = {_text(shorten(value))}"
        )
        return Hint(key.column, f"No run has the {what}.{_question(map(shorten, near))}", near)

    @cached_property
    def _keys(self) -> dict[str, set[str]]:
        budget = Budget()
        found = {}
        for group, table in _TABLES.items():
            query = table.select(table.key).distinct().join(Run).where(*self._scope.conditions())
            found[group] = {row[0] for row in budget.fetch_all(stream(query), 0)}
        return found


def _conditions(tree: Filter) -> Iterator[Condition]:
    if isinstance(tree, Condition):
        yield tree
    else:
        for part in [tree.part] if isinstance(tree, Not) else tree.parts:
            yield from _conditions(part)


def _nearest(name: str, names: Iterable[str]) -> Sequence[str]:
    """Return the names that are most like a name, by their letters without regard to case."""
    folded = name.casefold()
    about = [other for other in sorted(names) if abs(len(other) - len(name)) <= 2 + len(name) // 2]
    if same := [other for other in about if other.casefold() == folded]:
        return same[:_SIMILAR]
    # A name may have been written without its folder: `loss` for `val/loss`.
    inside = [
        other for other in sorted(names) if other.casefold().endswith((f"/{folded}", f".{folded}"))
    ]
    compared = {other.casefold(): other for other in islice(about, _COMPARED)}
    close = [compared[one] for one in get_close_matches(folded, compared, _SIMILAR, 0.6)]
    return list(dict.fromkeys([*inside, *close]))[:_SIMILAR]


def _question(names: Iterable[str]) -> str:
    told = list(names)
    if not told:
        return ""
    last = f" or {told[-1]}" if len(told) > 1 else told[-1]
    return f" Did you mean {', '.join(told[:-1])}{last}?"


def _quoted(name: str) -> str:
    if all(letter.isalnum() or letter in "_./:-" for letter in name):
        return name
    return '"{}"'.format(name.replace('"', '""'))


def _text(value: str) -> str:
    return "'{}'".format(value.replace("'", "''"))
