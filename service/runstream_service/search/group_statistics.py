"""Statistics of the numbers of many groups at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from runstream_service.engine.statements import ANY_IDS, ANY_TEXTS, Statement, array_of
from runstream_service.engine.tables import Run, Series
from runstream_service.search.parse import ParseError, parse_key
from runstream_service.search.tree import Key

_SERIES = Statement(
    Series.select(
        Series.run, Series.key, Series.last_value, Series.min_value, Series.max_value
    ).where(Series.run.in_(ANY_IDS) & Series.key.in_(ANY_TEXTS))
)
_DURATIONS = Statement(
    Run.select(Run.id, Run.end_time - Run.start_time).where(
        Run.id.in_(ANY_IDS) & Run.end_time.is_null(False)
    )
)
# The columns of `_SERIES` by the group of a key.
_COLUMNS = {"metrics": 2, "minimum": 3, "maximum": 4}

Floats = np.ndarray[Any, np.dtype[np.float64]]
Integers = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class NumberKey:
    """A key of numbers, as it stands in a request, and what it names."""

    text: str
    key: Key


class Numbers(NamedTuple):
    """The numbers of runs; a run that has none is left out."""

    runs: list[int]
    values: list[float]


class Statistics(NamedTuple):
    """Statistics of the numbers of a group; None where there is none."""

    numbers: int
    nans: int
    mean: float | None = None
    median: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    deviation: float | None = None


def number_key(text: str) -> NumberKey:
    """Return the key of numbers that a text of a request is; raises ParseError."""
    key = parse_key(text)
    if key.group not in _COLUMNS and key != Key("attributes", "duration"):
        raise ParseError(1, repr(text), "a metric, its minimum or maximum, or duration")
    return NumberKey(text, key)


def read_numbers(keys: Sequence[NumberKey], runs: Iterable[int]) -> list[Numbers]:
    """Return the numbers that these runs have of each key."""
    array, found = array_of(runs), [Numbers([], []) for _ in keys]
    columns: dict[str, list[tuple[int, Numbers]]] = {}
    for key, numbers in zip(keys, found, strict=True):
        if key.key.group in _COLUMNS:
            columns.setdefault(key.key.name, []).append((_COLUMNS[key.key.group], numbers))
        else:
            for run, duration in _DURATIONS.rows(array):
                numbers.runs.append(run)
                numbers.values.append(duration)
    if columns:
        for row in _SERIES.stream(array, array_of(columns)):
            for column, numbers in columns[row[1]]:
                if row[column] is not None:
                    numbers.runs.append(row[0])
                    numbers.values.append(float(row[column]))  # NaN may be a text
    return found


def statistics_of_groups(groups: Integers, values: Floats, count: int) -> list[Statistics]:
    """Return the statistics of numbers that belong to groups.

    Args:
        groups: to which group each number belongs, from 0.
        values: the numbers.
        count: how many groups there are.
    """
    is_nan = np.isnan(values)
    nan_counts = np.bincount(groups[is_nan], minlength=count).tolist()
    groups, values = groups[~is_nan], values[~is_nan]
    counts = np.bincount(groups, minlength=count)
    made = [Statistics(0, nans) for nans in nan_counts]
    there = np.flatnonzero(counts)
    if not there.size:
        return made
    sizes = counts[there]
    values = values[np.lexsort((values, groups))]
    starts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    with np.errstate(all="ignore"):  # infinities make NaN of what nobody can say
        columns = _columns(values, starts, sizes)
    for group, size, mean, median, minimum, maximum, deviation in zip(
        there.tolist(), sizes.tolist(), *(column.tolist() for column in columns), strict=True
    ):
        many = deviation if size > 1 else None
        made[group] = Statistics(size, nan_counts[group], mean, median, minimum, maximum, many)
    return made


def _columns(values: Floats, starts: Integers, sizes: Integers) -> list[Floats]:
    """Return mean, median, minimum, maximum and deviation of sorted numbers, group by group."""
    minimum, maximum = values[starts], values[starts + sizes - 1]
    low, high = values[starts + (sizes - 1) // 2], values[starts + sizes // 2]
    median = np.where(low == high, low, low / 2 + high / 2)
    # Sums and squares of what is scaled by a power of two neither overflow nor vanish.
    _, exponents = np.frexp(np.maximum(np.abs(minimum), np.abs(maximum)))
    scaled = np.ldexp(values, -np.repeat(exponents, sizes))
    means = np.add.reduceat(scaled, starts) / sizes
    squares = np.add.reduceat((scaled - np.repeat(means, sizes)) ** 2, starts)
    deviation = np.ldexp(np.sqrt(squares / np.maximum(sizes - 1, 1)), exponents)
    mean = np.clip(np.ldexp(means, exponents), minimum, maximum)
    return [mean, median, minimum, maximum, deviation]
