"""Points in columns, as the store reads and returns them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from runstream_service.engine.batch import Doubles, Integers


class Columns(NamedTuple):
    """Points in columns of one length."""

    step: Integers
    timestamp: Integers
    value: Doubles

    @property
    def size(self) -> int:
        """How many points these are; `len` is the number of columns."""
        return len(self.step)

    def rows(self) -> Iterator[tuple[int, int, float]]:
        """Yield the points as Python's numbers: step, timestamp and value."""
        return zip(self.step.tolist(), self.timestamp.tolist(), self.value.tolist(), strict=True)


def make_columns(step: Sequence[int], timestamp: Sequence[int], value: Sequence[float]) -> Columns:
    """Return the columns of numbers in sequences or arrays."""
    return Columns(
        np.asarray(step, np.int64), np.asarray(timestamp, np.int64), np.asarray(value, np.float64)
    )


NO_POINTS = make_columns((), (), ())
