"""Tables of points as bytes: whole columns, without a Python object for each number.

A packed column of 8-byte numbers and a field of bytes look the same in a message. So each message
that holds a table has a twin here, in which `step`, `timestamp` and `value` are declared as bytes.
Client and server read and write the twins.

A twin does not see numbers that are sent one by one instead of packed. The class of the contract
reads such a message, and refuses one whose columns are no whole numbers. `read_table` takes both.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.unknown_fields import UnknownFieldSet

from runstream.v1 import (
    logging_service_pb2,
    metric_pb2,
    metric_service_pb2,
    watch_service_pb2,
)

#: Bytes of a number in a column.
NUMBER_BYTES = 8

#: Bytes of a point in a table, besides its key.
POINT_BYTES = 3 * NUMBER_BYTES

_COLUMNS = ("step", "timestamp", "value")

# Chunks of a packed column that are joined here. A message can have millions of empty ones, which
# the class of the contract passes over without an object for each.
_MAX_CHUNKS = 16


class RawTable(NamedTuple):
    """A table whose columns are bytes: little-endian integers of 64 bits, and doubles."""

    keys: Sequence[str]
    counts: Sequence[int]
    step: bytes
    timestamp: bytes
    value: bytes


def _add_file(pool: DescriptorPool, file: FileDescriptor, added: set[str]) -> None:
    """Add a file of the contract and those that it imports, with columns as bytes."""
    if file.name in added:
        return
    added.add(file.name)
    for imported in file.dependencies:
        _add_file(pool, imported, added)
    twin = FileDescriptorProto()
    file.CopyToProto(twin)
    for message in twin.message_type:
        if message.name == metric_pb2.MetricTable.DESCRIPTOR.name:
            for field in message.field:
                if field.name in _COLUMNS:
                    field.type = FieldDescriptorProto.TYPE_BYTES
    pool.Add(twin)


def _make_pool() -> DescriptorPool:
    pool, added = DescriptorPool(), set[str]()
    for module in (logging_service_pb2, metric_service_pb2, watch_service_pb2):
        _add_file(pool, module.DESCRIPTOR, added)
    return pool


_POOL = _make_pool()


def _twin(message: type[Message]) -> Any:
    return GetMessageClass(_POOL.FindMessageTypeByName(message.DESCRIPTOR.full_name))


MetricTable: Any = _twin(metric_pb2.MetricTable)
LogBatchRequest: Any = _twin(logging_service_pb2.LogBatchRequest)
LogRequest: Any = _twin(logging_service_pb2.LogRequest)
ReadMetricHistoryResponse: Any = _twin(metric_service_pb2.ReadMetricHistoryResponse)
RunChange: Any = _twin(watch_service_pb2.RunChange)
WatchResponse: Any = _twin(watch_service_pb2.WatchResponse)


def decode_log_batch_request(message: bytes) -> Any:
    """Return a LogBatchRequest; as all functions here, DecodeError if it is malformed."""
    request = LogBatchRequest.FromString(message)
    if _whole_columns(request.metrics) is not None:
        return request
    return logging_service_pb2.LogBatchRequest.FromString(message)


def decode_log_request(message: bytes) -> Any:
    """Return a LogRequest."""
    request = LogRequest.FromString(message)
    if _whole_columns(request.table) is not None:
        return request
    return logging_service_pb2.LogRequest.FromString(message)


def decode_history_response(message: bytes) -> tuple[str, RawTable]:
    """Return the run and the points of a ReadMetricHistoryResponse."""
    response = ReadMetricHistoryResponse.FromString(message)
    columns = _whole_columns(response.metrics)
    if columns is not None:
        metrics = response.metrics
        return response.run_id, RawTable(metrics.keys[:], metrics.counts[:], *columns)
    other = metric_service_pb2.ReadMetricHistoryResponse.FromString(message)
    return other.run_id, read_table(other.metrics)


def pack_column(numbers: memoryview[int] | memoryview[float]) -> bytes:
    """Return 8-byte numbers of this machine as a column."""
    return _swap_if_big_endian(numbers.tobytes())


def unpack_column(kind: str, column: bytes) -> array[Any]:
    """Return a column as an array of `kind` "q" or "d"."""
    return array(kind, _swap_if_big_endian(column))


def read_table(table: Any) -> RawTable:
    """Return the columns of a table of the contract, or of its twin."""
    if isinstance(table, metric_pb2.MetricTable):
        return RawTable(
            table.keys[:],
            table.counts[:],
            _pack("q", table.step),
            _pack("q", table.timestamp),
            _pack("d", table.value),
        )
    return RawTable(
        table.keys[:],
        table.counts[:],
        _join(table.step),
        _join(table.timestamp),
        _join(table.value),
    )


def _whole_columns(table: Any) -> tuple[bytes, bytes, bytes] | None:
    """Return the columns of a twin; None unless it has all that was sent, in few whole chunks."""
    if len(UnknownFieldSet(table)):
        return None
    columns = []
    for column in (table.step, table.timestamp, table.value):
        if len(column) > _MAX_CHUNKS:
            return None
        chunks = column[:]
        for chunk in chunks:
            if len(chunk) % NUMBER_BYTES:
                return None
        columns.append(_join(chunks))
    return columns[0], columns[1], columns[2]


def _join(chunks: Sequence[bytes]) -> bytes:
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _pack(kind: str, numbers: Iterable[float]) -> bytes:
    column = list(numbers)
    return struct.pack(f"<{len(column)}{kind}", *column)


def _swap_if_big_endian(column: bytes) -> bytes:
    if sys.byteorder == "little":
        return column
    numbers = array("q", column)
    numbers.byteswap()
    return numbers.tobytes()
