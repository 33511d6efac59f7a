"""Reading the histories of many metrics of many runs, on the threads of the readers.

Most series are short, so many of them are read by one turn of a thread; a long one takes several.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from runstream.rules import INT64_MAX
from runstream_service.access.caller import Caller
from runstream_service.access.recheck import Recheck
from runstream_service.catalog import runs
from runstream_service.engine import reading
from runstream_service.engine.statements import (
    ANY_TEXTS,
    Statement,
    array_of,
    execute,
    in_ids,
    in_texts,
)
from runstream_service.engine.tables import Series
from runstream_service.points.columns import Columns, Doubles
from runstream_service.points.history import PART_POINTS, Steps, Tails, iterate
from runstream_service.points.smoothed_history import read_smoothed
from runstream_service.points.smoothing import Smoothing
from runstream_service.points.thinning import read_thinned

# Seconds for which one turn of a thread reads.
_TURN_SECONDS = 0.02

_OF_RUN = Series.select(Series.id, Series.key, Series.count).where(Series.run == 0)
_SERIES = Statement(_OF_RUN.order_by(Series.key))
_SERIES_OF_KEYS = Statement(_OF_RUN.where(Series.key.in_(ANY_TEXTS)).order_by(Series.key))


class Part(NamedTuple):
    """Points of one metric of one run.

    Attributes:
        run_id: the run.
        run_name: its name.
        key: the metric.
        columns: the points.
        total: points of this metric of this run in all parts, as far as is known; else 0.
        smoothed: their smoothed values, if they were asked for.
        weight: how much the last of these weighs, in points, at the end of a history; else 0.
    """

    run_id: str
    run_name: str
    key: str
    columns: Columns
    total: int
    smoothed: Doubles | None = None
    weight: float = 0.0


def read_parts(
    caller: Caller,
    run_ids: Sequence[str],
    keys: Sequence[str],
    steps: Steps,
    max_points: int,
    smoothing: Smoothing | None = None,
) -> Iterator[Part]:
    """Yield the histories of runs in parts of up to `PART_POINTS` points.

    Between two parts no statement is open, so each may be read by another thread.

    Args:
        caller: who reads.
        run_ids: the runs, in their order.
        keys: the metrics; all, if empty. They come in the order of their keys.
        steps: leaves out the points of other steps.
        max_points: the most points of a series; a longer one is thinned. All, if 0.
        smoothing: how values are smoothed; not at all, if left out.

    Raises:
        NotFound: there is no such run that the caller sees; before the first part, or within
            `RECHECK_SECONDS` after a grant is taken away.
        DataLoss: a chunk, or a row of a tail, is damaged.
    """
    recheck = Recheck(caller)
    found = {}
    for run_id in run_ids:
        reading.check()
        row = runs.get_row(caller, run_id)
        found[run_id] = row.id, row.name
    for run_id, (run, run_name) in found.items():
        tails = Tails()
        for series, key, length in series_of(run, keys):
            is_whole = steps == Steps() and not 0 < max_points < length
            total = length if is_whole else 0
            for columns, smoothed, weight in _columns(
                run, series, tails, steps, max_points, smoothing
            ):
                if recheck.is_due():
                    runs.get_row(caller, run_id)
                yield Part(run_id, run_name, key, columns, total, smoothed, weight)


def next_parts(parts: Iterator[Part]) -> tuple[list[Part], bool]:
    """Return the next parts, as many as one turn of a thread reads, and whether more may follow."""
    end = time.monotonic() + _TURN_SECONDS
    found, size = [], 0
    for part in parts:
        found.append(part)
        size += part.columns.size
        if size >= PART_POINTS or time.monotonic() > end:
            return found, True
    return found, False


def series_of(run: int, keys: Sequence[str]) -> list[tuple[int, str, int]]:
    """Return id, key and number of points of the series of a run by key; all, without keys."""
    return _SERIES_OF_KEYS.rows(run, array_of(keys)) if keys else _SERIES.rows(run)


def series_of_runs(runs: Iterable[int], keys: Sequence[str]) -> dict[int, list[tuple[int, str]]]:
    """Return id and key of the series of some runs and keys, by run."""
    query = Series.select(Series.run, Series.id, Series.key).where(
        Series.run.in_(in_ids(runs)) & Series.key.in_(in_texts(keys))
    )
    found: dict[int, list[tuple[int, str]]] = {}
    for run, series, key in execute(query):
        found.setdefault(run, []).append((series, key))
    return found


def _columns(
    run: int, series: int, tails: Tails, steps: Steps, max_points: int, smoothing: Smoothing | None
) -> Iterator[tuple[Columns, Doubles | None, float]]:
    if smoothing is not None:
        yield from read_smoothed(run, series, tails, steps, max_points, smoothing)
        return
    for columns in _unsmoothed(run, series, tails, steps, max_points):
        yield columns, None, 0.0


def _unsmoothed(
    run: int, series: int, tails: Tails, steps: Steps, max_points: int
) -> Iterator[Columns]:
    thinned = read_thinned(run, series, tails, steps, max_points) if max_points else None
    if thinned is not None:
        yield from thinned
        return
    left = max_points or INT64_MAX  # it may grow while it is read
    for columns in iterate(run, series, tails, steps):
        yield columns.part(0, left)
        left -= columns.size
        if left <= 0:
            return
