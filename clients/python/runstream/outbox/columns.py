"""Points that come as columns, one column for each field."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from time import time_ns
from typing import Any, NamedTuple, TypeVar

from runstream.contract.text_lists import check_not_single_text
from runstream.errors import InvalidArgument, shorten
from runstream.outbox.series import RECORD_BYTES, has_clock_readings
from runstream.rules import check_key

Number = TypeVar("Number", int, float)

# More runs of points of one key than so many for each key are sorted, fewer are cut out.
_RUNS_OF_A_KEY = 4

# What has a length and is no column.
_NO_COLUMNS = (str, bytes, set, frozenset, dict)


class Table(NamedTuple):
    """Columns that belong together: point i is of the metric `keys[key[i]]`.

    Attributes:
        keys: names of metrics.
        key: indices into `keys`, an array of NumPy or of Python.
        value: values.
        step: steps.
        timestamp: timestamps, in milliseconds since the epoch; None for now.
    """

    keys: Sequence[str]
    key: Any
    value: Collection[Any]
    step: Collection[Any]
    timestamp: Collection[Any] | None


def make_table(
    run_id: str,
    key: str | Collection[str] | Collection[int],
    value: Collection[Any],
    step: Collection[Any],
    timestamp: Collection[Any] | None,
    keys: Sequence[str] | None,
) -> Table:
    """Check that columns belong together, but for their numbers; see `TrackingClient.log_columns`.

    Raises:
        InvalidArgument: an argument is no column, the columns have different lengths, `key` names
            no entry of `keys`, or a key breaks its rule.
    """
    columns = {"value": value, "step": step}
    if timestamp is not None:
        columns["timestamp"] = timestamp
    if not isinstance(key, str):
        columns = {"key": key, **columns}
    for field, column in columns.items():
        _check_column(run_id, field, column)
    if len({len(column) for column in columns.values()}) != 1:
        lengths = ", ".join(f"{len(column)} of {field}" for field, column in columns.items())
        raise _malformed(run_id, "metrics", f"the columns have different lengths: {lengths}")
    if keys is not None:
        check_not_single_text("keys", keys)
        names, indices = list(keys), _check_indices(run_id, key, keys)
    elif isinstance(key, str):
        names, indices = [key], _zeros(len(value))
    else:
        names, indices = _number_names(key)
    for name in names:
        check_key("key", name)
    return Table(names, indices, value, step, timestamp)


def pack_table(table: Table) -> dict[str, bytearray] | None:
    """Return the records of the points of each key, without a Python object for each number.

    Return None if a column is not of plain numbers, or a timestamp is negative: `rows_of_table`
    finds out what each of these points is.
    """
    value, step, timestamp = table.value, table.step, table.timestamp
    try:
        times = None if timestamp is None else _to_numbers("q", timestamp)
        records = _interleave(_to_numbers("q", step), times, _to_numbers("d", value))
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return None
    if times is not None and has_clock_readings(records):
        return None
    found: dict[int, bytearray] = {}
    for index, part in _group(table.key, records, len(table.keys)):
        found.setdefault(index, bytearray()).extend(part)
    by_key: dict[str, bytearray] = {}
    for index, part in found.items():
        by_key.setdefault(table.keys[index], bytearray()).extend(part)
    return by_key


def rows_of_table(table: Table) -> Iterable[tuple[str, float, int, int]]:
    """Return the points of a table, each as its key, value, timestamp and step."""
    now = None if table.timestamp is None else _to_plain_numbers(table.timestamp)
    return zip(
        map(table.keys.__getitem__, _to_plain_numbers(table.key)),
        _to_plain_numbers(table.value),
        [None] * len(table.value) if now is None else now,
        _to_plain_numbers(table.step),
        strict=True,
    )


def _check_column(run_id: str, field: str, column: object) -> None:
    """Check that something is a column: numbers, or names, in an order."""
    is_column = hasattr(column, "__len__") and not isinstance(column, _NO_COLUMNS)
    dimensions = getattr(column, "ndim", 1)
    if not is_column or dimensions != 1:
        shape = f" of {dimensions} dimensions" if dimensions != 1 else ""
        raise _malformed(
            run_id,
            field,
            f"{field} got {shorten(repr(column))}, a {type(column).__name__}{shape}: "
            "it must be a list or an array of one dimension",
        )
    kind = getattr(column, "dtype", None)
    if getattr(kind, "kind", None) in ("m", "M"):  # whose integers are of any unit
        raise _malformed(run_id, field, f"{field} has the type {kind}: it must be of plain numbers")
    masked = sys.modules.get("numpy.ma")
    if masked is not None and masked.isMaskedArray(column) and masked.is_masked(column):
        raise _malformed(
            run_id,
            field,
            f"{field} has masked elements: leave these points out, or fill in a value",
        )


def _check_indices(run_id: str, key: Any, keys: Sequence[str]) -> Any:
    """Return a column of indices into `keys` as an array."""
    numpy = _numpy()
    try:
        is_text = isinstance(key, str)
        is_array = numpy is not None and hasattr(key, "__array__")
        indices: Any = numpy.asarray(key) if is_array else array("q", [key] if is_text else key)
    except (TypeError, OverflowError):
        indices = None
    if indices is None or (is_array and indices.dtype.kind not in "iu"):
        raise _malformed(
            run_id,
            "key",
            f"key got {shorten(repr(key))}: with keys, it must be of integers, the index of the "
            "key of each point",
        )
    if len(indices):
        first, last = _ends(indices)
        if not 0 <= first <= last < len(keys):
            raise _malformed(
                run_id,
                "key",
                f"the column key goes from {first} to {last}, but keys has {len(keys)} entries",
            )
    return indices


def _ends(indices: Any) -> tuple[int, int]:
    numpy = _numpy()
    if numpy is None:
        return min(indices), max(indices)
    numbers = numpy.asarray(indices)
    return int(numbers.min()), int(numbers.max())


def _number_names(key: Any) -> tuple[list[str], Any]:
    """Return the distinct names of a column, and the index of each of its names."""
    numbers: dict[str, int] = {}
    names = _to_plain_numbers(key)
    try:
        indices = array("q", [numbers.setdefault(name, len(numbers)) for name in names])
    except TypeError:  # a name has no hash, so it is no text
        for name in names:
            check_key("key", name)
        raise
    return list(numbers), indices


def _zeros(length: int) -> Any:
    numpy = _numpy()
    return array("q", bytes(8 * length)) if numpy is None else numpy.zeros(length, numpy.uint8)


def _malformed(run_id: str, field: str, message: str) -> InvalidArgument:
    return InvalidArgument(message, reason="METRIC_TABLE_MALFORMED", run_id=run_id, field=field)


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
    """Return the records of points, one after the other; None for times is the clock's reading."""
    records = bytearray(len(step) * RECORD_BYTES)
    reading = -time_ns()
    numpy = _numpy()
    if numpy is None:
        integers, doubles = memoryview(records).cast("q"), memoryview(records).cast("d")
        doubles[0::3], integers[1::3] = memoryview(value), memoryview(step)
        times = array("q", [reading]) * len(step) if timestamp is None else timestamp
        integers[2::3] = memoryview(times)
    else:
        integers = numpy.frombuffer(records, numpy.int64)
        integers.view(numpy.float64)[0::3] = value
        integers[1::3], integers[2::3] = step, reading if timestamp is None else timestamp
    return records


def _group(key: Any, records: bytearray, keys: int) -> Iterator[tuple[int, bytes | bytearray]]:
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
