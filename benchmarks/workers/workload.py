"""What is logged: the same for every system."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy

#: A point: key, value, timestamp, step.
Row = tuple[str, float, int, int]

#: Points in columns: keys, then index into them, step, timestamp and value of each point.
Table = tuple[list[str], list[int], list[int], list[int], list[float]]

#: The same in NumPy arrays.
ArrayTable = tuple[list[str], Any, Any, Any, Any]

_START = 1_700_000_000_000


def rows(points: int, keys: int) -> Iterator[Row]:
    """Yield points as a training loop logs them: one of each of `keys` metrics a step.

    Steps follow each other in 10 ms. Values have all their digits and fall as a loss does, which
    FastTrackML stores twice as fast as random ones; it makes no difference to the others.
    """
    names = [f"metric_{i}" for i in range(keys)]
    for i in range(points):
        step = i // keys
        metric = i % keys
        yield names[metric], (1 + metric) / math.sqrt(1 + step), _START + 10 * step, step


def batches(points: int, keys: int, size: int) -> Iterator[list[Row]]:
    """Yield the rows in batches of `size`."""
    batch: list[Row] = []
    for row in rows(points, keys):
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def columns(points: int, keys: int, size: int) -> Iterator[Table]:
    """Yield the same points in tables of `size`."""
    for batch in batches(points, keys, size):
        names = list(dict.fromkeys(row[0] for row in batch))
        index = {name: i for i, name in enumerate(names)}
        key, value, timestamp, step = (list(column) for column in zip(*batch, strict=True))
        yield names, [index[name] for name in key], step, timestamp, value


def arrays(points: int, keys: int, size: int, kind: str) -> Iterator[ArrayTable]:
    """Yield tables of `size` points as NumPy arrays, each with all the metrics.

    Args:
        points: how many points in all.
        keys: how many metrics.
        size: points of a table.
        kind: `loss` are the values of `rows`; `smooth` ones change by little from step to step;
            `float32` are random, of single precision; `noise` is random in every bit.
    """
    random = numpy.random.default_rng(7)
    values: dict[str, Callable[[Any, Any], Any]] = {
        "loss": lambda metric, step: (1 + metric) / numpy.sqrt(1 + step),
        "smooth": lambda metric, step: metric + numpy.exp(-step / 1e5),
        "float32": lambda _, step: random.random(len(step), numpy.float32).astype(numpy.float64),
        "noise": lambda _, step: random.random(len(step)),
    }
    names = [f"metric_{i}" for i in range(keys)]
    of_each = size // keys
    for first in range(0, points // keys, of_each):
        step = numpy.tile(numpy.arange(first, first + of_each), keys)
        metric = numpy.repeat(numpy.arange(keys), of_each)
        yield names, metric, step, _START + 10 * step, values[kind](metric, step)


def share_of_a_core(seconds: float) -> float:
    """Wait, and return the share of a core that this process had, once it was under way."""
    time.sleep(5)
    before = time.process_time(), time.perf_counter()
    time.sleep(seconds)
    return (time.process_time() - before[0]) / (time.perf_counter() - before[1])
