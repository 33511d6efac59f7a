"""Which params decide a number of runs, on a reader's thread.

Runs are compared by their ranks: a run that diverged to 1e30 counts as the worst, and no more. They
are read at once, and then computed with in turns (docs/decisions/0066-importance-of-params.md).
"""

from __future__ import annotations

import time
from enum import Enum, auto
from typing import NamedTuple

import numpy as np

from runstream.errors import ResourceExhausted
from runstream_service.engine.budget import ANSWER_BYTES, TooLargeError
from runstream_service.search.group_statistics import Floats, NumberKey, read_numbers
from runstream_service.search.importance_forest import (
    MIN_ROWS,
    TREES,
    ImportanceForest,
    tree_class,
)
from runstream_service.search.param_columns import NO_VALUE, ParamColumn, read_columns
from runstream_service.search.rank_statistics import (
    average_ranks,
    correlation_ratio,
    rank_correlation,
)
from runstream_service.search.run_search import RunSearch

#: Runs that are read at most, the newest, and the fewest that say anything.
MAX_RUNS = 5_000
MIN_RUNS = 5

#: Seconds for which trees are grown; a forest of many runs and params then has fewer.
GROWING_SECONDS = 10.0

# Seconds that one turn of a thread grows trees.
_TURN_SECONDS = 0.2


class Method(Enum):
    """How importance is computed; it is not, where there are too few runs."""

    UNSPECIFIED = auto()
    PERMUTATION = auto()
    RANK_CORRELATION = auto()


class Importance(NamedTuple):
    """How much a param matters.

    Attributes:
        key: the key of the param.
        importance: from 0 to 1.
        correlation: the rank correlation with the number; None where there is none.
        run_count: how many of the runs have the param.
        value_count: how many different values they have.
    """

    key: str
    importance: float
    correlation: float | None
    run_count: int
    value_count: int


class ParamImportance:
    """One computation of importance.

    Attributes:
        run_count: how many runs there are.
        read_count: how many of them were read.
        used_count: how many of those have the number.
        nan_count: how many of those read have NaN.
        param_count: how many params differ between the runs that are used.
    """

    def __init__(self, search: RunSearch, key: NumberKey) -> None:
        """Read the runs that a search finds, and their params.

        Raises:
            ResourceExhausted: the values of the params are too many.
        """
        self.run_count = search.count()
        runs = [row.id for row in search.page(MAX_RUNS, None)]
        self.read_count = len(runs)
        (numbers,) = read_numbers([key], runs)
        found = {run: value for run, value in zip(*numbers, strict=True) if value == value}
        used = [run for run in runs if run in found]
        self.used_count = len(used)
        self.nan_count = len(numbers.runs) - len(found)
        self.param_count = 0
        self._columns: list[ParamColumn] = []
        self._ranks = average_ranks(np.array([found[run] for run in used], np.float64))
        self._end: float | None = None
        if self.used_count >= MIN_RUNS:
            self._read_params(used)
        self._forest = self._plant()

    @property
    def method(self) -> Method:
        """How it is computed."""
        if self.used_count < MIN_RUNS:
            return Method.UNSPECIFIED
        return Method.PERMUTATION if self._forest else Method.RANK_CORRELATION

    @property
    def score(self) -> float | None:
        """The share of the differences that a forest foretells; None without one."""
        return self._forest.score() if self._forest else None

    def compute(self) -> bool:
        """Compute for one turn; return whether there is more to do."""
        if self._forest is None:
            return False
        now = time.monotonic()
        self._end = self._end or now + GROWING_SECONDS
        while self._forest.trees < TREES:
            self._forest.grow_tree()
            if time.monotonic() > self._end:
                return False
            if time.monotonic() > now + _TURN_SECONDS:
                return True
        return False

    def results(self) -> list[Importance]:
        """Return the params, the most important first, once all is computed."""
        if self._forest:
            values = self._forest.shares().tolist()
        else:
            values = [_strength(column, self._ranks) for column in self._columns]
        made = [
            Importance(
                column.key,
                value,
                _correlation(column, self._ranks),
                int((column.ranks != NO_VALUE).sum()),
                column.value_count,
            )
            for column, value in zip(self._columns, values, strict=True)
        ]
        return sorted(made, key=lambda one: (-one.importance, -abs(one.correlation or 0), one.key))

    def _read_params(self, runs: list[int]) -> None:
        try:
            self._columns, self.param_count = read_columns(runs)
        except TooLargeError:
            raise ResourceExhausted(
                f"The values of the params of these runs take more than {ANSWER_BYTES} bytes: ask "
                "for fewer experiments, or by a narrower filter",
                reason="TOO_MANY_VALUES",
                field="filter",
                limit=ANSWER_BYTES,
            ) from None

    def _plant(self) -> ImportanceForest | None:
        if not self._columns or self.used_count < MIN_ROWS or tree_class() is None:
            return None
        return ImportanceForest([column.ranks for column in self._columns], self._ranks)


def _correlation(column: ParamColumn, ranks: Floats) -> float | None:
    """Return the rank correlation over the runs that have a param of numbers."""
    there = column.ranks != NO_VALUE
    if not column.is_numeric or not np.ptp(column.ranks[there]):
        return None
    return rank_correlation(column.ranks[there], ranks[there])


def _strength(column: ParamColumn, ranks: Floats) -> float:
    """Return how far a param explains the ranks of all runs: a root of a share of variance."""
    correlation = _correlation(column, ranks)
    if correlation is None:
        return correlation_ratio(column.ranks, ranks)
    of_those = ranks[column.ranks != NO_VALUE]
    share = of_those.var() * len(of_those) / (ranks.var() * len(ranks)) if ranks.var() else 0.0
    return abs(correlation) * float(np.sqrt(share))
