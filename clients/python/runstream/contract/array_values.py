"""Values of other libraries where Python's own are stored: arrays, tensors and enums.

No library is imported for that: an array or a tensor is known by its `shape` and by its method
`tolist` or `numpy`.
"""

from __future__ import annotations

import enum
import math
from typing import Any


def array_shape(value: object) -> tuple[int, ...] | None:
    """Return the shape of an array, a tensor, or a scalar of NumPy; None of anything else."""
    if not (hasattr(type(value), "tolist") or hasattr(type(value), "numpy")):
        return None
    try:
        shape = tuple(map(int, value.shape))  # type: ignore[attr-defined] # what lacks it raises
    except (AttributeError, TypeError, ValueError):
        return None
    return shape


def element_count(shape: tuple[int, ...]) -> int:
    """Return how many elements an array of this shape has."""
    return math.prod(shape)


def element(value: Any) -> Any:
    """Return the only element of an array or a tensor, and anything else as it is."""
    if not hasattr(value, "item") and hasattr(value, "numpy"):  # of TensorFlow
        value = value.numpy()
    return value.item() if hasattr(value, "item") else value


def enum_value(member: enum.Enum) -> Any:
    """Return what stands for a member of an enum: its value if that is a text, else its name.

    A member that is a number itself, as of an `IntEnum`, is that number.
    """
    if isinstance(member, (int, float)) or isinstance(member.value, str):
        return member.value
    return member.name


def nested_lists(value: Any) -> Any:
    """Return the elements of an array or a tensor as nested lists."""
    return value.tolist() if hasattr(value, "tolist") else value.numpy().tolist()
