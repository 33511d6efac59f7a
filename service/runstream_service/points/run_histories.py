"""Reading the histories of many metrics of many runs, on the threads of the readers.

Most series are short, so many of them are read by one turn of a thread; a long one takes several.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from runstream.rules import INT64_MAX
from runstream_service.catalog import runs
from runstream_service.engine import reading
from runstream_service.engine.statements import VALUES, compile_sql, json_array
from runstream_service.engine.tables import Series, database
from runstream_service.points.columns import Columns
from runstream_service.points.history import PART_POINTS, Steps, Tails, iterate
from runstream_service.points.thinning import read_thinned

# Seconds for which one turn of a thread reads.
_TURN_SECONDS = 0.02

_OF_RUN = Series.select(Series.id, Series.key, Series.count).where(Series.run == 0)
_SERIES = compile_sql(_OF_RUN.order_by(Series.key))
_SERIES_OF_KEYS = compile_sql(_OF_RUN.where(Series.key.in_(VALUES)).order_by(Series.key))


class Part(NamedTuple):
    """Points of one metric of one run."""

    run_id: str
    key: str
    columns: Columns


def read_parts(
    run_ids: Sequence[str], keys: Sequence[str], steps: Steps, max_points: int
) -> Iterator[Part]:
    """Yield the histories of runs in parts of up to `PART_POINTS` points.

    Between two parts no statement is open, so each may be read by another thread.

    Args:
        run_ids: the runs, in their order.
        keys: the metrics; all, if empty. They come in the order of their keys.
        steps: leaves out the points of other steps.
        max_points: the most points of a series; a longer one is thinned. All, if 0.

    Raises:
        NotFound: there is no such run; before the first part.
        DataLoss: a chunk, or a row of a tail, is damaged.
    """
    ids = {}
    for run_id in run_ids:
        reading.check()
        ids[run_id] = runs.get(run_id).id
    for run_id, run in ids.items():
        tails = Tails()
        for series, key, length in _series_of(run, keys):
            for columns in _columns(run, series, length, tails, steps, max_points):
                yield Part(run_id, key, columns)


def next_parts(parts: Iterator[Part]) -> list[Part]:
    """Return the next parts, as many as one turn of a thread reads; none at the end."""
    end = time.monotonic() + _TURN_SECONDS
    found, size = [], 0
    for part in parts:
        found.append(part)
        size += part.columns.size
        if size >= PART_POINTS or time.monotonic() > end:
            break
    return found


def _series_of(run: int, keys: Sequence[str]) -> list[tuple[int, str, int]]:
    if keys:
        rows = database.execute_sql(_SERIES_OF_KEYS, (run, json_array(keys)))
    else:
        rows = database.execute_sql(_SERIES, (run,))
    return list(rows.fetchall())


def _columns(
    run: int, series: int, length: int, tails: Tails, steps: Steps, max_points: int
) -> Iterator[Columns]:
    if max_points and length > max_points:
        thinned = read_thinned(run, series, tails, steps, max_points)
        if thinned is not None:
            yield from thinned
            return
    left = max_points or INT64_MAX  # it may grow while it is read
    for columns in iterate(run, series, tails, steps):
        yield columns.part(0, left)
        left -= columns.size
        if left <= 0:
            return
