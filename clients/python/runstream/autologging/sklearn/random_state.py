"""Random numbers of NumPy, which an estimator may draw when it predicts."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def kept_random_states(values: Iterable[object]) -> Iterator[None]:
    """Put NumPy's global random numbers, and those among some values, back as they were before."""
    random = sys.modules["numpy"].random
    sources = [random, *(value for value in values if isinstance(value, random.RandomState))]
    states = [source.get_state() for source in sources]
    try:
        yield
    finally:
        for source, state in zip(sources, states, strict=True):
            if not _is_equal(state, source.get_state()):
                source.set_state(state)


def _is_equal(state: Any, other: Any) -> bool:
    return bool(state[2:] == other[2:] and (state[1] == other[1]).all())
