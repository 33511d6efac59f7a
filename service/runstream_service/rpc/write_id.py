"""The names of writes in requests."""

from __future__ import annotations

from runstream.rules import check_write_id
from runstream.v1 import write_pb2 as pb
from runstream_service.engine.applied_writes import WriteId


def write_id(write: pb.WriteId) -> WriteId | None:
    """Return the name of a write; None, if the request does not name it.

    Raises:
        InvalidArgument: writer or sequence breaks its rule.
    """
    if not (write.writer or write.sequence):
        return None
    check_write_id("write", write.writer, write.sequence)
    return WriteId(write.writer, write.sequence)
