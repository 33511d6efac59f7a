"""Tensors as event files have them: numbers or texts, and their shape."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Any

_BFLOAT16 = 14
_HALF = 19
_STRING = 7

# Numbers of a tensor at most whose end is filled.
_MAX_FILLED = 100_000

# For the types of TensorFlow's DataType: how `struct` reads a number of `tensor_content`, and the
# field that has the numbers otherwise.
_NUMBERS = {
    1: ("f", "float_val"),
    2: ("d", "double_val"),
    3: ("i", "int_val"),
    4: ("B", "int_val"),
    5: ("h", "int_val"),
    6: ("b", "int_val"),
    9: ("q", "int64_val"),
    10: ("?", "bool_val"),
    _BFLOAT16: ("H", "half_val"),
    17: ("H", "int_val"),
    _HALF: ("e", "half_val"),
    22: ("I", "uint32_val"),
    23: ("Q", "uint64_val"),
}


def read_shape(tensor: Any) -> list[int]:
    """Return the sizes of the dimensions."""
    return [dimension.size for dimension in tensor.tensor_shape.dim]


def read_numbers(tensor: Any) -> Sequence[float]:
    """Return the numbers of a tensor, flat.

    Raises:
        ValueError: it is of texts or of a type that is not read, or its content has another length.
    """
    if tensor.dtype not in _NUMBERS:
        raise ValueError(f"a tensor of the type {tensor.dtype}, which has no numbers that are read")
    form, field = _NUMBERS[tensor.dtype]
    if content := tensor.tensor_content:
        count, rest = divmod(len(content), struct.calcsize(form))
        if rest:
            raise ValueError(f"a tensor of {len(content)} bytes, which are no whole numbers")
        numbers: Sequence[Any] = struct.unpack(f"<{count}{form}", content)
    else:
        numbers = getattr(tensor, field)
        if tensor.dtype == _HALF:  # its bits are integers there
            numbers = [struct.unpack("<e", struct.pack("<H", n & 0xFFFF))[0] for n in numbers]
    if tensor.dtype == _BFLOAT16:  # the upper half of a float
        numbers = [struct.unpack("<f", struct.pack("<I", (n & 0xFFFF) << 16))[0] for n in numbers]
    size = math.prod(read_shape(tensor))
    if 0 < len(numbers) < size <= _MAX_FILLED:  # the last one stands for those that are missing
        numbers = [*numbers, *[numbers[-1]] * (size - len(numbers))]
    return numbers


def read_scalar(tensor: Any) -> float:
    """Return the number of a tensor that has one; raises ValueError otherwise."""
    numbers = read_numbers(tensor)
    if not numbers and all(size == 1 for size in read_shape(tensor)):
        return 0.0  # zeros at the end of a list of numbers may be left out
    if len(numbers) != 1:
        raise ValueError(f"a tensor of {len(numbers)} numbers, and not of one")
    return float(numbers[0])


def read_texts(tensor: Any) -> Sequence[bytes]:
    """Return the texts of a tensor, flat; raises ValueError if it has none."""
    if tensor.dtype != _STRING:
        raise ValueError(f"a tensor of the type {tensor.dtype}, which is not of texts")
    texts: Sequence[bytes] = tensor.string_val
    return texts
