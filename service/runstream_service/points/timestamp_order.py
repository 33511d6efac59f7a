"""Reading the points of one series by timestamp, step and value, as MLflow orders them (M6).

Chunks are in the order of steps. A page is the first so many points after a position, so the
chunks are gone through by their least timestamps, until no other can have a point of the page.
Where timestamps grow with steps, as in most histories, these are few.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from runstream_service.engine import reading
from runstream_service.points import chunks
from runstream_service.points.columns import Columns, Position, join
from runstream_service.points.history import Tails, run_of


def read_points_by_timestamp(
    series: int, limit: int, after: Position | None = None
) -> tuple[Columns, Position | None]:
    """Return up to `limit` points after a position, and where to go on if there may be more."""
    run = run_of(series)
    summaries = chunks.read_summaries(run, series)
    if after is not None:
        after = Position(after.step, after.timestamp, float(after.value))
        summaries = summaries[summaries["max_timestamp"] >= after.timestamp]
    summaries = summaries[np.argsort(summaries["min_timestamp"], kind="stable")]
    page = _Page(limit, after)
    page.add(Tails().of_series(run, series))
    for i in range(len(summaries)):
        if page.ends_before(int(summaries["min_timestamp"][i])):
            break
        reading.check()
        points = chunks.read(run, series, summaries[i : i + 1])
        if points is None:  # the snapshot has the chunk
            raise chunks.damaged_error(series, "a chunk is missing")
        page.add(points)
    columns = page.points()
    return columns, columns.position(-1) if columns.size == limit else None


class _Page:
    """The first points by timestamp of all that it is given."""

    def __init__(self, limit: int, after: Position | None) -> None:
        self._limit = limit
        self._after = after
        self._parts: list[Columns] = []
        self._size = 0
        self._last_timestamp: int | None = None  # of a page that is full

    def add(self, columns: Columns) -> None:
        """Take those of the points that may be on the page."""
        columns = self._of_page(columns)
        self._parts.append(columns)
        self._size += columns.size
        if self._size >= 2 * self._limit or (
            self._last_timestamp is None and self._size >= self._limit
        ):
            self._shorten()

    def ends_before(self, timestamp: int) -> bool:
        """Return whether points of this timestamp, and later ones, cannot be on the page."""
        return self._last_timestamp is not None and timestamp > self._last_timestamp

    def points(self) -> Columns:
        """Return the points of the page in their order."""
        self._shorten()
        return self._parts[0]

    def _of_page(self, columns: Columns) -> Columns:
        timestamp = columns.timestamp
        wanted = np.ones(columns.size, np.bool_)
        if self._last_timestamp is not None:
            wanted = timestamp <= self._last_timestamp
        if self._after is not None:
            wanted &= _is_after(columns, self._after)
        return columns if wanted.all() else columns.take(wanted)

    def _shorten(self) -> None:
        columns = join(self._parts)
        order = np.lexsort((columns.value, columns.step, columns.timestamp))[: self._limit]
        columns = columns.take(order)
        if columns.size == self._limit:
            self._last_timestamp = int(columns.timestamp[-1])
        self._parts, self._size = [columns], columns.size


def _is_after(columns: Columns, position: Position) -> Any:
    """Return which points come after a position by timestamp, step and value, NaN last."""
    step, timestamp, value = columns
    later_value = value > position.value
    if position.value == position.value:
        later_value |= value != value
    later_step = (step > position.step) | ((step == position.step) & later_value)
    return (timestamp > position.timestamp) | ((timestamp == position.timestamp) & later_step)
