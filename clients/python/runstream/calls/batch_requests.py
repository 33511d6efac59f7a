"""Batches of the stream as requests of unary calls."""

from __future__ import annotations

from google.protobuf.message import Message

from runstream.v1.logging_service_pb2 import LogBatchRequest, LogRequest


def log_request(message: bytes) -> LogRequest:
    """Return the request of a call of Log that says the same as a serialized LogBatchRequest."""
    batch = LogBatchRequest.FromString(message)
    request = LogRequest()
    for field, value in batch.ListFields():
        # Both have the same fields, but for the name of that of the columns of points.
        name = "table" if field.name == "metrics" else field.name
        if isinstance(value, Message):
            getattr(request, name).CopyFrom(value)
        elif isinstance(value, str):
            setattr(request, name, value)
        else:
            getattr(request, name).extend(value)
    return request
