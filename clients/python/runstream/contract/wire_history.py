"""Answers of ReadMetricHistory as bytes, whose columns each side copies once.

A packed column of 8-byte numbers is the memory of an array, with a tag and a length before it. The
classes of Protobuf copy a column several times, which takes longer than all else that is done with
a history.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from runstream.contract.wire_columns import NUMBER_BYTES, RawTable, read_table
from runstream.v1.metric_pb2 import MetricTable
from runstream.v1.metric_service_pb2 import ReadMetricHistoryResponse

# Types of fields, in the lower three bits of a tag.
_VARINT, _LENGTH_DELIMITED = 0, 2


class HistoryResponse(NamedTuple):
    """A ReadMetricHistoryResponse whose columns are bytes, in the memory of the message."""

    run_id: str
    total_points: int
    table: RawTable


def _tag(message: Any, field: str, kind: int = _LENGTH_DELIMITED) -> int:
    return int(message.DESCRIPTOR.fields_by_name[field].number) << 3 | kind


_TABLE = _tag(ReadMetricHistoryResponse, "metrics")
_RUN_ID = _tag(ReadMetricHistoryResponse, "run_id")
_TOTAL_POINTS = _tag(ReadMetricHistoryResponse, "total_points", _VARINT)
_SMOOTHED = _tag(ReadMetricHistoryResponse, "smoothed")
_KEYS, _COUNTS, *_COLUMNS = (
    _tag(MetricTable, field) for field in ("keys", "counts", "step", "timestamp", "value")
)


def encode_history_response(
    run_id: str,
    key: str,
    columns: Sequence[Any],
    total_points: int,
    smoothed: Any = None,
    smoothing_weight: float = 0.0,
) -> bytes:
    """Return a ReadMetricHistoryResponse with points of one metric.

    Args:
        run_id: the run.
        key: the metric.
        columns: buffers of its steps, timestamps and values, little-endian and of one length.
        total_points: see the contract.
        smoothed: a buffer of their smoothed values, if they have any.
        smoothing_weight: see the contract.
    """
    size = memoryview(columns[0]).nbytes
    table = [MetricTable(keys=[key], counts=[size // NUMBER_BYTES]).SerializeToString()]
    table_size = len(table[0])
    for tag, column in zip(_COLUMNS, columns, strict=True):
        head = _varint(tag) + _varint(size)
        table += (head, column)
        table_size += len(head) + size
    rest = ReadMetricHistoryResponse(
        run_id=run_id, total_points=total_points, smoothing_weight=smoothing_weight
    )
    parts = [_varint(_TABLE), _varint(table_size), *table, rest.SerializeToString()]
    if smoothed is not None and size:
        parts += (_varint(_SMOOTHED), _varint(size), smoothed)
    return b"".join(parts)


def decode_history_response(message: bytes) -> HistoryResponse:
    """Return a ReadMetricHistoryResponse.

    What is not written as `encode_history_response` does it is read by the class of the contract.

    Raises:
        DecodeError: it is malformed.
    """
    try:
        return _decode_one_metric(memoryview(message))
    except (KeyError, IndexError, ValueError):
        other = ReadMetricHistoryResponse.FromString(message)
        return HistoryResponse(other.run_id, other.total_points, read_table(other.metrics))


def _decode_one_metric(message: memoryview) -> HistoryResponse:
    """Return a response with points of one metric, each of whose columns is whole.

    Raises:
        KeyError: a field is missing.
        IndexError: the message ends within a field.
        ValueError: there is something else.
    """
    response = _split(message)
    run_id, total_points = str(response.pop(_RUN_ID), "utf-8"), response.pop(_TOTAL_POINTS, 0)
    table = _split(response.pop(_TABLE))
    key, counts = str(table.pop(_KEYS), "utf-8"), table.pop(_COUNTS)
    step, timestamp, value = (table.pop(tag) for tag in _COLUMNS)
    count, end = _read_varint(counts, 0)
    is_whole = all(len(column) % NUMBER_BYTES == 0 for column in (step, timestamp, value))
    if response or table or end < len(counts) or not is_whole:
        raise ValueError("there is more than the points of one metric")
    return HistoryResponse(run_id, total_points, RawTable([key], [count], step, timestamp, value))


def _split(message: memoryview) -> dict[int, Any]:
    """Return the content of each field by its tag: a number, or what is in the message.

    Raises:
        IndexError: the message ends within a field.
        ValueError: a field is there twice, or has another type.
    """
    fields: dict[int, Any] = {}
    end = 0
    while end < len(message):
        tag, start = _read_varint(message, end)
        number, end = _read_varint(message, start)
        if tag & 7 == _LENGTH_DELIMITED:
            start, end = end, end + number
            if end > len(message):
                raise IndexError(end)
        elif tag & 7 != _VARINT:
            raise ValueError(tag)
        if tag in fields:
            raise ValueError(tag)
        fields[tag] = message[start:end] if tag & 7 == _LENGTH_DELIMITED else number
    return fields


def _varint(number: int) -> bytes:
    digits = bytearray()
    while number > 0x7F:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*digits, number])


def _read_varint(message: memoryview, start: int) -> tuple[int, int]:
    """Return the number that begins at `start`, and where it ends.

    Raises:
        IndexError: the message ends within it.
        ValueError: it is negative, or too large.
    """
    number = 0
    for shift in range(0, 63, 7):
        digit = message[start]
        number |= (digit & 0x7F) << shift
        start += 1
        if digit <= 0x7F:
            return number, start
    raise ValueError(number)
