"""The runs that are searched and the searches, the same for every system."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

#: Runs with a tag that the tag search asks for: one of so many.
TEAMS = 10

#: Runs that the selective filter finds, however many there are.
SELECTED = 20

#: Runs that the tag search returns: all that it finds among 2,000.
TAGGED = 200

#: Least number of times that a search is measured.
REPEATS = 3


@dataclass(frozen=True)
class SearchedRun:
    """What a run logs."""

    metrics: dict[str, float]
    params: dict[str, str]
    tags: dict[str, str]


@dataclass(frozen=True)
class Search:
    """A search, and how many runs it returns."""

    filter: str
    order_by: list[str]
    max_results: int
    found: int


def searched_runs(count: int) -> Iterator[SearchedRun]:
    """Yield runs of 10 metrics, 10 params and 3 tags, random but the same in every process."""
    chance = random.Random(0)
    order = list(range(count))
    chance.shuffle(order)
    for i in order:
        yield SearchedRun(
            # metric_0 is a different number for every run, so that a filter selects exactly.
            {"metric_0": i / count, **{f"metric_{j}": chance.random() for j in range(1, 10)}},
            {f"param_{j}": str(chance.randrange(100)) for j in range(10)},
            {"team": f"team-{i % TEAMS}", "host": f"host-{i % 50}", "note": f"run number {i}"},
        )


def wide_runs(count: int, keys: int) -> Iterator[SearchedRun]:
    """Yield runs with so many metrics and params, by the name of `run N`."""
    chance = random.Random(0)
    for i in range(count):
        yield SearchedRun(
            {f"metric_{j}": chance.random() for j in range(keys)},
            {f"param_{j}": str(chance.randrange(100)) for j in range(keys)},
            {"mlflow.runName": f"run {i}"},
        )


def searches(count: int) -> dict[str, Search]:
    """Return the searches among so many runs, by the name of their figure."""
    threshold = (SELECTED - 0.5) / count
    return {
        "page": Search("", [], 1000, 1000),
        "filter": Search(
            f"metrics.metric_0 < {threshold!r}", ["metrics.metric_1 DESC"], 1000, SELECTED
        ),
        "tag": Search("tags.team = 'team-3'", ["metrics.metric_1 DESC"], TAGGED, TAGGED),
    }


def our_searches(count: int) -> dict[str, Search]:
    """Return these searches, and one by params that are numbers: texts, for the other systems."""
    by_number = Search("params.param_0 >= 80", ["params.param_1 DESC"], TAGGED, TAGGED)
    return {**searches(count), "number": by_number}


def best_seconds(work: Callable[[], object]) -> float:
    """Return the seconds that the quickest of several repeats took, in a second or more."""
    times: list[float] = []
    while len(times) < REPEATS or sum(times) < 1:
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)
