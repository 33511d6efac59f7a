"""The points of each run of a table, in a file of their own until they are copied.

The rows of a table may be in any order of runs. Its points are sorted by run once, on disk, so that
memory has only those of one part, whatever the size of the table.
"""

from __future__ import annotations

import tempfile
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import Any, NamedTuple

from runstream.importing.source import PointColumns

# Points that are given on at once.
_PART_POINTS = 100_000
_TYPES = "qqqd"
_POINT_BYTES = 8 * len(_TYPES)


class Points(NamedTuple):
    """Points in columns: the run, the key, step, timestamp and value of each."""

    run: array[int]
    key: array[int]
    step: array[int]
    timestamp: array[int]
    value: array[float]

    def map(self, convert: Callable[[array[Any]], array[Any]]) -> Points:
        """Return points whose columns are converted."""
        columns: tuple[Any, ...] = self
        return Points(*map(convert, columns))


class RunPoints:
    """Points by their run, in a temporary file that is gone when this is closed.

    Attributes:
        first_time, last_time: the times of each run that has points.
    """

    def __init__(self) -> None:
        self.first_time: dict[int, int] = {}
        self.last_time: dict[int, int] = {}
        self._file = tempfile.TemporaryFile(prefix="runstream-import-")  # noqa: SIM115
        self._blocks: dict[int, array[int]] = {}  # of each run: offset, points, offset, points ...
        self._end = 0

    def append(self, points: Points) -> None:
        """Store points of any runs, in their order within each."""
        if not points.run:
            return
        if len(set(points.run)) > 1:
            order = itemgetter(*sorted(range(len(points.run)), key=points.run.__getitem__))
            points = points.map(lambda column: array(column.typecode, order(column)))
        first = 0
        while first < len(points.run):
            number = points.run[first]
            end = bisect_right(points.run, number, first)
            self._append_block(number, points, first, end)
            first = end

    def read(self, run: int, keys: list[str]) -> Iterator[PointColumns]:
        """Yield the points of a run, in parts."""
        columns = [array(kind) for kind in _TYPES]
        blocks = self._blocks.get(run, array("q"))
        for offset, count in zip(blocks[::2], blocks[1::2], strict=True):
            if columns[0] and len(columns[0]) + count > _PART_POINTS:
                yield _with_names(columns, keys)
                columns = [array(kind) for kind in _TYPES]
            self._file.seek(offset)
            block = memoryview(self._file.read(count * _POINT_BYTES))
            for number, column in enumerate(columns):
                column.frombytes(block[8 * count * number : 8 * count * (number + 1)])
        if columns[0]:
            yield _with_names(columns, keys)

    def close(self) -> None:
        """Remove the file."""
        self._file.close()

    def _append_block(self, run: int, points: Points, first: int, end: int) -> None:
        times = points.timestamp[first:end]
        self.first_time[run] = min(self.first_time.get(run, times[0]), min(times))
        self.last_time[run] = max(self.last_time.get(run, times[0]), max(times))
        for column in points[1:]:
            self._file.write(memoryview(column)[first:end])
        self._blocks.setdefault(run, array("q")).extend((self._end, end - first))
        self._end += (end - first) * _POINT_BYTES


def _with_names(columns: list[array[int]], keys: list[str]) -> PointColumns:
    """Return columns with the names of only those keys that they have."""
    key, step, timestamp, value = columns
    numbers = {number: index for index, number in enumerate(dict.fromkeys(key))}
    names = [keys[number] for number in numbers]
    return PointColumns(names, array("q", map(numbers.__getitem__, key)), step, timestamp, value)
