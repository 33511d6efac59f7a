"""Points that come as columns, one column for each field."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import Any, TypeVar

from runstream.errors import InvalidArgument
from runstream.outbox.series import RECORD_BYTES, has_clock_readings
from runstream.rules import check_key

Number = TypeVar("Number", int, float)

# More runs of points of one key than so many for each key are sorted, fewer are cut out.
_RUNS_OF_A_KEY = 4


def check_columns(
    run_id: str,
    keys: Sequence[str],
    key: Collection[int],
    step: Collection[int],
    timestamp: Collection[int],
    value: Collection[float],
) -> None:
    """Check that columns belong together.

    Args:
        run_id: the run that they are logged to.
        keys: the distinct keys.
        key: which of the keys each point has.
        step: steps.
        timestamp: timestamps, in milliseconds since the epoch.
        value: values.

    Raises:
        InvalidArgument: the columns have different lengths, or `key` names no entry of `keys`.
    """
    if len({len(key), len(step), len(timestamp), len(value)}) != 1:
        raise InvalidArgument(
            f"the columns have different lengths: {len(key)} of key, {len(step)} of step, "
            f"{len(timestamp)} of timestamp, {len(value)} of value",
            reason="METRIC_TABLE_MALFORMED",
            run_id=run_id,
            field="metrics",
        )
    if not len(key):
        return
    array: Any = key
    first, last = (array.min(), array.max()) if hasattr(key, "min") else (min(key), max(key))
    if not 0 <= first <= last < len(keys):
        raise InvalidArgument(
            f"the column key goes from {first} to {last}, but keys has {len(keys)} entries",
            reason="METRIC_TABLE_MALFORMED",
            run_id=run_id,
            field="metrics.key",
        )


def pack_columns(
    keys: Sequence[str],
    key: Collection[int],
    step: Collection[int],
    timestamp: Collection[int],
    value: Collection[float],
) -> dict[str, bytearray] | None:
    """Return the records of the points of each key, without a Python object for each number.

    Return None if a column is not of plain numbers, or a timestamp is negative: `rows_of_columns`
    finds out what each of these points is.

    Raises:
        InvalidArgument: a key breaks its rule.
    """
    try:
        records = _interleave(
            _to_numbers("q", step), _to_numbers("q", timestamp), _to_numbers("d", value)
        )
        groups = list(_group(key, records, len(keys)))
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return None
    if has_clock_readings(records):
        return None
    found: dict[int, bytearray] = {}
    for index, part in groups:
        found.setdefault(index, bytearray()).extend(part)
    for index in found:
        check_key("key", keys[index])
    by_key: dict[str, bytearray] = {}
    for index, part in found.items():
        by_key.setdefault(keys[index], bytearray()).extend(part)
    return by_key


def rows_of_columns(
    keys: Sequence[str],
    key: Collection[int],
    step: Collection[int],
    timestamp: Collection[int],
    value: Collection[float],
) -> Iterable[tuple[str, float, int, int]]:
    """Return the points of columns, each as its key, value, timestamp and step."""
    return zip(
        map(keys.__getitem__, _to_plain_numbers(key)),
        _to_plain_numbers(value),
        _to_plain_numbers(timestamp),
        _to_plain_numbers(step),
        strict=True,
    )


def _to_numbers(kind: str, column: Collection[float]) -> Any:
    """Return a column as an array of Python's or NumPy's, whose numbers are exact.

    Raises:
        TypeError, ValueError, OverflowError, RuntimeError: it is not of plain numbers.
    """
    numpy = _numpy()
    if numpy is None or not hasattr(column, "__array__"):
        return array(kind, column)
    numbers = numpy.asarray(column)
    if numbers.ndim != 1 or not numpy.can_cast(numbers.dtype, numpy.dtype(kind), "safe"):
        raise TypeError("not exact numbers")
    return numbers


def _interleave(step: Any, timestamp: Any, value: Any) -> bytearray:
    """Return the records of points, one after the other."""
    records = bytearray(len(step) * RECORD_BYTES)
    numpy = _numpy()
    if numpy is None:
        integers, doubles = memoryview(records).cast("q"), memoryview(records).cast("d")
        doubles[0::3], integers[1::3] = memoryview(value), memoryview(step)
        integers[2::3] = memoryview(timestamp)
    else:
        integers = numpy.frombuffer(records, numpy.int64)
        integers.view(numpy.float64)[0::3] = value
        integers[1::3], integers[2::3] = step, timestamp
    return records


def _group(
    key: Collection[int], records: bytearray, keys: int
) -> Iterator[tuple[int, bytes | bytearray]]:
    """Yield the records of each key, in one part or in several, in their order."""
    numpy = _numpy()
    if numpy is None:
        first = 0
        for index, same in groupby(key):
            end = first + RECORD_BYTES * sum(1 for _ in same)
            yield index, records[first:end]
            first = end
        return
    index = numpy.asarray(key)
    if index.dtype.kind not in "iu":
        raise TypeError("not integers")
    starts = numpy.flatnonzero(index[1:] != index[:-1]) + 1
    if len(starts) > _RUNS_OF_A_KEY * keys:
        # NumPy sorts numbers of 16 bits several times as fast.
        narrow = index.astype(numpy.uint16) if keys <= 2**16 else index
        order = numpy.argsort(narrow, kind="stable")
        index = index[order]
        records = numpy.frombuffer(records, f"V{RECORD_BYTES}")[order].tobytes()
        starts = numpy.flatnonzero(index[1:] != index[:-1]) + 1
    ends = [0, *starts.tolist(), len(index)] if len(index) else []
    for first, end in pairwise(ends):
        yield int(index[first]), records[first * RECORD_BYTES : end * RECORD_BYTES]


def _numpy() -> Any:
    """Return NumPy if the program has imported it; columns of arrays are of a program that has."""
    return sys.modules.get("numpy")


def _to_plain_numbers(column: Collection[Number]) -> Collection[Number]:
    """Return a column as Python numbers, which are read faster than the scalars of an array."""
    plain: Collection[Number] = column.tolist() if hasattr(column, "tolist") else column
    return plain
