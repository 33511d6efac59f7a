"""Points of Aim's metrics."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator
from itertools import zip_longest
from typing import NamedTuple

from runstream.importing.aim.chunk import Chunk, Sequence
from runstream.importing.aim.encoding import decode_numbers, encode_path

# Points that are sorted by step together: those of newer versions are in the order of a hash.
_SORTED_POINTS = 500_000


class Columns(NamedTuple):
    """Points in columns."""

    step: array[int]
    timestamp: array[int]
    value: array[float]


def read_metric(chunk: Chunk, metric: Sequence) -> Iterator[Columns]:
    """Yield the points of a metric, in parts that are sorted by step.

    Raises:
        ValueError, struct.error: a value is malformed.
    """
    names = ("val", "time", "step") if metric.has_steps else ("val", "time")
    columns = [chunk.read_column(metric.prefix + encode_path(name)) for name in names]
    steps: list[int] = []
    times: list[float] = []
    values: list[float] = []
    for parts in zip_longest(*columns, fillvalue=([], [])):
        (places, value), (_, time), *step = parts
        if any(others != places for others, _ in parts[1:]):
            raise ValueError("its values, times and steps do not belong together")
        values += decode_numbers(value)
        times += decode_numbers(time)
        steps += (
            decode_numbers(step[0][1])
            if step
            else [struct.unpack_from(">q", place, 1)[0] for place in places]
        )
        if len(steps) >= _SORTED_POINTS:
            yield _sort(steps, times, values)
            steps, times, values = [], [], []
    if steps:
        yield _sort(steps, times, values)


def _sort(steps: list[int], times: list[float], values: list[float]) -> Columns:
    order = sorted(range(len(steps)), key=steps.__getitem__)
    return Columns(
        array("q", map(steps.__getitem__, order)),
        array("q", [round(times[place] * 1000) for place in order]),
        array("d", map(float, map(values.__getitem__, order))),
    )
