"""The points of a run that were read and not yet passed on: in memory, and beyond that on disk."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from itertools import chain
from tempfile import SpooledTemporaryFile
from typing import Any

from runstream.importing.source import PointColumns

#: Points of a part, about.
PART_POINTS = 100_000

_MEMORY_BYTES = 4 * 1024 * 1024
_MAX_SECONDS = 2**62 / 1000  # what is later is no time either


class Series:
    """The points of a metric that were read since the last part, in columns.

    Attributes:
        floats: values behind those of `value` until `settle`: what files have is not converted one
            by one.
    """

    __slots__ = ("floats", "key", "step", "value", "wall_time")

    def __init__(self, key: str) -> None:
        self.key = key
        self.step = array("q")
        self.wall_time = array("d")
        self.value = array("d")
        self.floats = array("f")

    def append(self, step: int, wall_time: float, value: float) -> None:
        """Add a point."""
        self.settle()
        self.step.append(step)
        self.wall_time.append(wall_time)
        self.value.append(value)

    def settle(self) -> None:
        """Have all values in `value`."""
        if self.floats:
            self.value.extend(array("d", self.floats))
            del self.floats[:]

    def remove_from(self, step: int) -> int:
        """Remove the points of this step and of later ones, and return how many they were."""
        self.settle()
        kept = [i for i, other in enumerate(self.step) if other < step]
        removed = len(self.step) - len(kept)
        if removed:  # the arrays stay the same ones: readers hold their methods
            _keep(kept, self.step, self.wall_time, self.value)
        return removed


class _Part:
    """A part that is written: the keys of its points, and how many each has."""

    def __init__(self, counts: list[tuple[str, int]], place: int) -> None:
        self.counts = counts
        self.place = place
        #: From which step on the points of all keys, and of single ones, are removed.
        self.limit: int | None = None
        self.limits: dict[str, int] = {}

    def remove_from(self, step: int, key: str | None) -> None:
        if key is None:
            self.limit = step if self.limit is None else min(self.limit, step)
        else:
            self.limits[key] = min(self.limits.get(key, step), step)

    def limit_of(self, key: str) -> int | None:
        limits = [limit for limit in (self.limit, self.limits.get(key)) if limit is not None]
        return min(limits, default=None)


class PointSpool:
    """Collects points by series, and yields them in parts.

    Attributes:
        removed: how many points were removed.
    """

    def __init__(self) -> None:
        self.removed = 0
        self._series: dict[str, Series] = {}
        self._parts: list[_Part] = []
        self._file = SpooledTemporaryFile(_MEMORY_BYTES)  # noqa: SIM115 # `close` closes it

    def series(self, key: str) -> Series:
        """Return where points of a metric are added."""
        if key not in self._series:
            self._series[key] = Series(key)
        return self._series[key]

    def write_full_part(self) -> None:
        """Write the points in memory as a part, if they are enough for one."""
        if sum(len(series.step) for series in self._series.values()) >= PART_POINTS:
            self._write_part()

    def remove_from(self, step: int, key: str | None = None) -> None:
        """Remove the points of this step and later ones, of one metric or of all."""
        chosen = self._series.values() if key is None else [self.series(key)]
        self.removed += sum(series.remove_from(step) for series in chosen)
        for part in self._parts:
            part.remove_from(step, key)

    def read_parts(self) -> Iterator[PointColumns]:
        """Yield all points, and forget them."""
        self._write_part()
        parts, self._parts = self._parts, []
        for part in parts:
            columns = self._read_part(part)
            if columns.value:
                yield columns
        self._file.seek(0)
        self._file.truncate()

    def close(self) -> None:
        """Forget all points."""
        self._file.close()

    def _write_part(self) -> None:
        full = [series for series in self._series.values() if series.step]
        if not full:
            return
        for series in full:
            series.settle()
        part = _Part([(series.key, len(series.step)) for series in full], self._file.tell())
        self._parts.append(part)
        for column in ("step", "wall_time", "value"):
            for series in full:
                numbers = getattr(series, column)
                self._file.write(numbers.tobytes())
                del numbers[:]

    def _read_part(self, part: _Part) -> PointColumns:
        """Return the points of a part without those that were removed."""
        total = sum(count for _, count in part.counts)
        self._file.seek(part.place)
        step, wall_time, value = (
            _to_array(kind, self._file.read(8 * total)) for kind in ("q", "d", "d")
        )
        counts = enumerate(count for _, count in part.counts)
        key = array("q", chain.from_iterable([i] * count for i, count in counts))
        keys = [name for name, _ in part.counts]
        limits = [part.limit_of(name) for name in keys]
        if any(limit is not None for limit in limits):
            kept = [i for i in range(total) if (limit := limits[key[i]]) is None or step[i] < limit]
            self.removed += total - len(kept)
            _keep(kept, key, step, wall_time, value)
        return PointColumns(keys, key, step, _to_timestamps(wall_time), value)


def _keep(kept: list[int], *columns: array[Any]) -> None:
    for column in columns:
        column[:] = array(column.typecode, [column[i] for i in kept])


def to_milliseconds(seconds: float) -> int:
    """Return a time as milliseconds since the epoch; 0, if it is none."""
    if not math.isfinite(seconds):
        return 0
    return int(min(max(seconds, 0.0), _MAX_SECONDS) * 1000 + 0.5)


def _to_timestamps(wall_time: array[float]) -> array[int]:
    try:
        timestamps = array("q", [int(seconds * 1000 + 0.5) for seconds in wall_time])
    except (ValueError, OverflowError):
        return array("q", map(to_milliseconds, wall_time))
    if timestamps and min(timestamps) < 0:
        return array("q", map(to_milliseconds, wall_time))
    return timestamps


def _to_array(kind: str, content: bytes) -> array[Any]:
    numbers = array(kind)
    numbers.frombytes(content)
    return numbers
