"""The params of many runs as columns of ranks, for what compares them with a number.

A rank is the place of a value among those that runs have: numbers in their order, then NaN, then
other texts (S5). So any double has a rank, and nothing depends on the unit of a param.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
from peewee import SQL, fn

from runstream_service.engine import reading
from runstream_service.engine.budget import Budget
from runstream_service.engine.statements import ANY_IDS, ANY_TEXTS, Statement, array_of
from runstream_service.engine.tables import Param
from runstream_service.search.group_keys import sort_key
from runstream_service.search.group_statistics import Integers
from runstream_service.search.order import NUMBER

#: Params that are read, of those that differ: the ones that most runs have.
MAX_PARAMS = 200

#: Texts of a param that are told apart, the most frequent ones; the others count as one.
MAX_TEXTS = 50

#: The rank of a param that a run does not have.
NO_VALUE = -1

# Characters by which texts are told apart.
_CHARACTERS = 100

_FETCH_ROWS = 1_000
_IS_SAME = fn.MIN(Param.value) == fn.MAX(Param.value)
_KEYS = Statement(
    Param.select(Param.key, fn.COUNT(Param.run), _IS_SAME)
    .where(Param.run.in_(ANY_IDS))
    .group_by(Param.key)
)
_TEXT = fn.SUBSTR(Param.value, SQL("1"), SQL(str(_CHARACTERS)))
_VALUES = Statement(
    Param.select(Param.run, Param.key, _TEXT).where(
        Param.run.in_(ANY_IDS) & Param.key.in_(ANY_TEXTS)
    )
)


class ParamColumn(NamedTuple):
    """A param of some runs.

    Attributes:
        key: its key.
        ranks: the rank of the value of each run, from 0, or `NO_VALUE`.
        is_numeric: whether all values are numbers.
        value_count: how many different values there are.
    """

    key: str
    ranks: Integers
    is_numeric: bool
    value_count: int


class ParamColumns(NamedTuple):
    """The params that differ between some runs, and how many there are with those not read."""

    columns: list[ParamColumn]
    total: int


def read_columns(runs: Sequence[int]) -> ParamColumns:
    """Return the params that differ between the runs of these internal ids, by key.

    Raises:
        TooLargeError: their keys and values are more than can be held.
    """
    budget = Budget()
    keys, total = _differing_keys(runs, budget)
    place = {run: i for i, run in enumerate(runs)}
    texts: dict[str, dict[str, int]] = {key: {} for key in keys}
    codes = {key: [NO_VALUE] * len(runs) for key in keys}
    cursor = _VALUES.stream(array_of(runs), array_of(keys))
    try:
        while rows := cursor.fetchmany(_FETCH_ROWS):
            reading.check()
            for run, key, text in rows:
                known = texts[key]
                if text not in known:
                    budget.charge([(text,)], 0)
                    known[text] = len(known)
                codes[key][place[run]] = known[text]
    finally:
        cursor.close()
    columns = [_column(key, list(texts[key]), np.array(codes[key])) for key in sorted(keys)]
    return ParamColumns([column for column in columns if np.ptp(column.ranks)], total)


def _differing_keys(runs: Sequence[int], budget: Budget) -> tuple[list[str], int]:
    """Return the keys of params that differ and that most runs have, and how many differ."""
    found = [
        (key, count)
        for key, count, is_same in budget.fetch_all(_KEYS.stream(array_of(runs)), 0)
        if count < len(runs) or not is_same
    ]
    found.sort(key=lambda one: (-one[1], one[0]))
    return [key for key, _ in found[:MAX_PARAMS]], len(found)


def _column(key: str, texts: list[str], codes: Integers) -> ParamColumn:
    """Make a column of codes, which are places in a list of texts."""
    order = [sort_key((text,)) for text in texts]
    places = sorted(range(len(texts)), key=order.__getitem__)
    counts = np.bincount(codes + 1, minlength=len(texts) + 1)[1:]
    is_text = [kind != NUMBER for kind, *_ in order]
    rare = _rare_texts([place for place in places if is_text[place]], counts)
    ranks, rank = np.full(len(texts) + 1, NO_VALUE), 0  # the last for what is not there

    def number_or_text(place: int) -> Any:
        return order[place][2] if is_text[place] else order[place][1]

    for _, same in groupby((place for place in places if place not in rare), number_or_text):
        ranks[list(same)] = rank
        rank += 1
    ranks[list(rare)] = rank
    return ParamColumn(key, ranks[codes], not any(is_text), rank + len(rare))


def _rare_texts(texts: list[int], counts: Integers) -> set[int]:
    """Return those of the texts that are not told apart."""
    by_frequency = sorted(texts, key=lambda text: -counts[text])
    return set(by_frequency[MAX_TEXTS:])
