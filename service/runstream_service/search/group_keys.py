"""The keys that runs are grouped by and compared in, and what runs have of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from runstream_service.engine.budget import Budget
from runstream_service.engine.numbers import parse_number
from runstream_service.engine.statements import ANY_IDS, Statement, array_of
from runstream_service.engine.statuses import RunStatus
from runstream_service.engine.tables import NAN, Dataset, Input, InputTag, Param, Run, RunTag
from runstream_service.search.conditions import find_column
from runstream_service.search.order import MISSING, NOT_A_NUMBER, NUMBER, TEXT
from runstream_service.search.parse import ParseError, parse_key
from runstream_service.search.run_filter import CONTEXT_TAG, DATASETS, NAMED_GROUPS
from runstream_service.search.scope import PARENT_TAG
from runstream_service.search.tree import Key

#: What a run has of a key: nothing, a text, or the names of several datasets in their order.
Texts = tuple[str, ...]

_ATTRIBUTES = {"run_name": Run.name, "status": Run.status, "user_id": Run.user_id}
_OF_RUNS = Run.id.in_(ANY_IDS)


def _of_datasets(column: Any) -> Statement:
    query = Input.select(Input.run, column).join(Dataset).where(Input.run.in_(ANY_IDS))
    if column is InputTag.value:
        query = Input.select(Input.run, column).join(InputTag, on=(InputTag.input == Input.id))
        query = query.where((InputTag.key == CONTEXT_TAG) & Input.run.in_(ANY_IDS))
    return Statement(query)


def _of_pairs(table: Any) -> Statement:
    query = table.select(table.run, table.value)
    return Statement(query.where((table.key == "") & table.run.in_(ANY_IDS)))


_PAIRS = {"params": _of_pairs(Param), "tags": _of_pairs(RunTag)}
_DATASETS = {name: _of_datasets(column) for name, column in DATASETS.items()}
_OF_ATTRIBUTES = {
    name: Statement(Run.select(Run.id, column).where(_OF_RUNS))
    for name, column in _ATTRIBUTES.items()
}


@dataclass(frozen=True)
class TextKey:
    """A key of texts.

    Attributes:
        text: as it stands in the request, and so may in a filter.
        key: what it names.
    """

    text: str
    key: Key

    @property
    def is_parent(self) -> bool:
        """Whether its values are ids of runs."""
        return self.key == Key("tags", PARENT_TAG)

    def read(self, runs: Iterable[int], budget: Budget) -> dict[int, Texts]:
        """Return what these runs have, each text charged once; runs without it are left out."""
        found: dict[int, Texts] = {}
        same: dict[Any, Texts] = {}
        for run, value in self._rows(array_of(runs)):
            texts = same.get(value)
            if texts is None:
                is_status = self.key == Key("attributes", "status")
                text = RunStatus(value).name if is_status else value
                budget.charge([(text,)], 0)
                same[value] = texts = (text,)
            if run not in found:
                found[run] = texts
            elif texts[0] not in found[run]:  # of another dataset
                found[run] = tuple(sorted((*found[run], *texts)))
        return found

    def condition(self, texts: Texts) -> str:
        """Return the filter that finds runs with just this; empty if the grammar has none."""
        if not texts:
            return f"{self.text} IS NULL"
        if len(texts) > 1:  # what says that there is no other dataset names one
            return ""
        found = f"{self.text} = {_quoted(texts[0])}"
        is_one_of_many = self.key.group == "datasets"
        return f"{found} AND NOT {self.text} != {_quoted(texts[0])}" if is_one_of_many else found

    def _rows(self, runs: Any) -> Any:
        if self.key.group in _PAIRS:
            return _PAIRS[self.key.group].stream(self.key.name, runs)
        if self.key.group != "datasets":
            return _OF_ATTRIBUTES[self.key.name].stream(runs)
        context = (CONTEXT_TAG,) if self.key.name == "context" else ()
        return _DATASETS[self.key.name].stream(*context, runs)


def text_key(text: str) -> TextKey:
    """Return the key of texts that a text of a request is; raises ParseError."""
    key = parse_key(text)
    if key.group == "datasets":
        find_column(DATASETS, key)
    elif key.group == "attributes":
        find_column(_ATTRIBUTES, key, NAMED_GROUPS)
    elif key.group not in _PAIRS:
        expected = "a param, a tag, a dataset's name, run_name, status or user_id"
        raise ParseError(1, repr(text), expected)
    return TextKey(text, key)


def parse_keys(
    field: str, texts: Sequence[str], parse: Callable[[str], Any], limits: tuple[int, int]
) -> list[Any]:
    """Return the keys of a field of a request.

    Args:
        field: its name.
        texts: what it says.
        parse: makes a key of a text.
        limits: how few and how many they may be.

    Raises:
        InvalidArgument: one is malformed, or they are too few or too many.
    """
    few, many = limits
    if not few <= len(texts) <= many:
        wrong = ParseError(1, f"a list of {len(texts)} keys", f"{few} to {many}")
        raise wrong.to_invalid_argument(field, ", ".join(texts))
    keys = []
    for text in texts:
        try:
            keys.append(parse(text))
        except ParseError as error:
            raise error.to_invalid_argument(field, text) from None
    return keys


def sort_key(texts: Texts) -> list[Any]:
    """Return what orders values: numbers, NaN, other texts, and what is missing (S5)."""
    if not texts:
        return [MISSING, 0, []]
    number = parse_number(texts[0]) if len(texts) == 1 else None
    if number is None:
        return [TEXT, 0, list(texts)]
    if number == NAN:
        return [NOT_A_NUMBER, 0, list(texts)]
    return [NUMBER, number, list(texts)]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
