"""What is logged as a number: those of Python and NumPy, tensors of one element, and texts.

No library is imported for that: arrays and tensors are known by their methods `item` and `numpy`.
"""

from __future__ import annotations

import operator
import reprlib
from typing import SupportsFloat, SupportsIndex

from runstream.errors import InvalidArgument

#: What is taken as the value of a metric; a text must read as a number.
MetricValue = SupportsFloat | str

#: What is taken as a step or a time; a float must be an integer.
IntegerLike = SupportsIndex | SupportsFloat


def to_float(key: str, value: MetricValue) -> float:
    """Return the value of a metric as a double (M3).

    Raises:
        InvalidArgument: it is not one number, or beyond the range of a double.
    """
    try:
        return float(_element(value))  # type: ignore[arg-type] # anything else raises TypeError
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise InvalidArgument(
            f"metrics.{key} got {reprlib.repr(value)}, which is not a number"
            + ("" if value is None else f" ({error})"),
            reason="VALUE_NOT_A_NUMBER",
            field=f"metrics.{key}",
            value=reprlib.repr(value),
            limit="a number",
        ) from None


def to_integer(key: str, field: str, number: IntegerLike) -> int:
    """Return the step or timestamp of a point of a metric (M2).

    Raises:
        InvalidArgument: it is not an integer.
    """
    try:
        return operator.index(number)  # type: ignore[arg-type] # anything else raises TypeError
    except TypeError:
        pass
    try:
        element = _element(number)
        whole = int(element)  # type: ignore[call-overload] # anything else raises TypeError
        if whole == element:
            return int(whole)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        pass
    raise InvalidArgument(
        f"metrics.{key} got the {field} {reprlib.repr(number)}, which is not an integer",
        reason=f"{field.upper()}_NOT_AN_INTEGER",
        field=field,
        value=reprlib.repr(number),
        limit="an integer",
    )


def _element(value: object) -> object:
    """Return the only element of an array or a tensor, and anything else as it is."""
    if not hasattr(value, "item") and hasattr(value, "numpy"):  # of TensorFlow
        value = value.numpy()
    return value.item() if hasattr(value, "item") else value
