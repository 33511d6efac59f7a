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
from typing import Any, Literal, NamedTuple

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.unknown_fields import UnknownFieldSet

from runstream.v1 import (
    logging_service_pb2,
    metric_pb2,
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
    step: bytes | memoryview
    timestamp: bytes | memoryview
    value: bytes | memoryview


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
    for module in (logging_service_pb2, watch_service_pb2):
        _add_file(pool, module.DESCRIPTOR, added)
    return pool


_POOL = _make_pool()


def _twin(message: type[Message]) -> Any:
    return GetMessageClass(_POOL.FindMessageTypeByName(message.DESCRIPTOR.full_name))


MetricTable: Any = _twin(metric_pb2.MetricTable)
LogBatchRequest: Any = _twin(logging_service_pb2.LogBatchRequest)
LogRequest: Any = _twin(logging_service_pb2.LogRequest)
RunChange: Any = _twin(watch_service_pb2.RunChange)
WatchResponse: Any = _twin(watch_service_pb2.WatchResponse)


def decode_log_batch_request(message: bytes) -> tuple[Any, RawTable]:
    """Return a LogBatchRequest and its table; as all functions here, DecodeError if malformed."""
    request: Any = LogBatchRequest.FromString(message)
    table = _read_twin(request.metrics)
    if table is None:
        request = logging_service_pb2.LogBatchRequest.FromString(message)
        table = read_table(request.metrics)
    return request, table


def decode_log_request(message: bytes) -> Any:
    """Return a LogRequest."""
    request = LogRequest.FromString(message)
    if _read_twin(request.table) is not None:
        return request
    return logging_service_pb2.LogRequest.FromString(message)


def pack_column(numbers: memoryview[int] | memoryview[float]) -> bytes:
    """Return 8-byte numbers of this machine as a column."""
    return _swap_if_big_endian(numbers.tobytes())


def unpack_column(kind: str, column: bytes | memoryview) -> array[Any]:
    """Return a column as an array of `kind` "q" or "d"."""
    numbers = array(kind)
    numbers.frombytes(column)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def view_column(kind: Literal["q", "d"], column: bytes | memoryview) -> memoryview[Any]:
    """Return a column as numbers of `kind` "q" or "d", without a copy where that is possible."""
    if sys.byteorder == "big":
        return memoryview(unpack_column(kind, column))
    return memoryview(column).cast(kind)


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


def _read_twin(table: Any) -> RawTable | None:
    """Return a twin; None unless it has all that was sent, in few chunks, each of whole numbers."""
    if len(UnknownFieldSet(table)):
        return None
    columns = []
    for column in (table.step, table.timestamp, table.value):
        if len(column) > _MAX_CHUNKS:
            return None
        chunks = column[:]  # a copy
        for chunk in chunks:
            if len(chunk) % NUMBER_BYTES:
                return None
        columns.append(_join(chunks))
    return RawTable(table.keys[:], table.counts[:], columns[0], columns[1], columns[2])


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
