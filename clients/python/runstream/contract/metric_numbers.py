"""What is logged as a number: those of Python and NumPy, tensors of one element, and texts.

`runstream.contract.array_values` knows arrays and tensors.
"""

from __future__ import annotations

import operator
import reprlib
from typing import SupportsFloat, SupportsIndex

from runstream.contract.array_values import array_shape, element, element_count
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
        return float(element(value))
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise InvalidArgument(
            f"metrics.{key} got {reprlib.repr(value)}, which is not a number"
            + _explanation(value, error),
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
        only = element(number)
        whole = int(only)
        if whole == only:
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


def _explanation(value: object, error: Exception) -> str:
    """Return what an error says of a value that is not one number, "" if there is nothing."""
    if value is None:
        return ""
    shape = array_shape(value)
    numbers = element_count(shape) if shape is not None else None
    if isinstance(value, (list, tuple, set, dict)):
        numbers = len(value)
    if numbers is None or (numbers == 1 and shape is not None):
        return f" ({error})"
    return (
        f" but a {type(value).__name__} of {numbers}: log_metrics takes one for each of several "
        "keys, log_metric one for each step, and log_histogram, log_table and log_dict keep all"
    )
