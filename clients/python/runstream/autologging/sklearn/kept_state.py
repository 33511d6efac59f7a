"""What an estimator may change when it predicts: its attributes, and random numbers."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

#: Values that are searched for estimators and random numbers at most.
MAX_VALUES = 10_000

Restore = Callable[[], object]


@contextmanager
def kept_state(estimator: Any) -> Iterator[None]:
    """Put back what predictions of an estimator change.

    That is which attributes it has and which objects they are, and those of the estimators within
    it; random numbers in them; and the global ones of Python, NumPy and PyTorch.
    """
    restores = [*_global_random_numbers(), *_states_within([estimator])]
    try:
        yield
    finally:
        for restore in restores:
            restore()


def _global_random_numbers() -> Iterator[Restore]:
    numpy_random = sys.modules["numpy"].random
    yield partial(random.setstate, random.getstate())
    yield partial(numpy_random.set_state, numpy_random.get_state(legacy=False))
    torch = sys.modules.get("torch")
    if torch is not None:
        yield partial(torch.set_rng_state, torch.get_rng_state())
        if torch.cuda.is_initialized():
            yield partial(torch.cuda.set_rng_state_all, torch.cuda.get_rng_state_all())


def _states_within(values: Iterable[object]) -> Iterator[Restore]:
    numpy_random = sys.modules["numpy"].random
    waiting = list(values)
    known: set[int] = set()
    while waiting and len(known) < MAX_VALUES:
        value: Any = waiting.pop()
        if id(value) in known:
            continue
        known.add(id(value))
        if isinstance(value, numpy_random.RandomState):
            yield partial(value.set_state, value.get_state(legacy=False))
        elif isinstance(value, numpy_random.Generator):
            generator = value.bit_generator
            yield partial(setattr, generator, "state", generator.state)
        elif isinstance(value, random.Random):
            yield partial(value.setstate, value.getstate())
        elif isinstance(value, Mapping):
            waiting.extend(list(value.values())[:MAX_VALUES])
        elif isinstance(value, (list, tuple)):
            waiting.extend(value[:MAX_VALUES])
        elif hasattr(type(value), "get_params"):
            attributes = getattr(value, "__dict__", {})
            yield partial(_put_back, attributes, dict(attributes))
            waiting.extend(attributes.values())


def _put_back(attributes: dict[str, Any], before: Mapping[str, Any]) -> None:
    for name in attributes.keys() - before.keys():
        del attributes[name]
    attributes.update(before)
