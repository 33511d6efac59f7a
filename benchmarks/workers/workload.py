"""What is logged: the same for every system."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

#: A point: key, value, timestamp, step.
Row = tuple[str, float, int, int]

#: Points in columns: keys, then index into them, step, timestamp and value of each point.
Table = tuple[list[str], list[int], list[int], list[int], list[float]]

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


def share_of_a_core(seconds: float) -> float:
    """Wait, and return the share of a core that this process had, once it was under way."""
    time.sleep(5)
    before = time.process_time(), time.perf_counter()
    time.sleep(seconds)
    return (time.process_time() - before[0]) / (time.perf_counter() - before[1])
