"""At the end of a program, where no thread can be started, calls of Log send whole batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from runstream.calls.batch_requests import log_request
from runstream.v1.logging_service_pb2 import LogBatchRequest, LogRequest


def fill(message: Message) -> None:
    """Set every field of a message that has none of its own kind within it."""
    for field in message.DESCRIPTOR.fields:
        value: Any = getattr(message, field.name)
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            continue  # a map
        is_repeated = isinstance(value, Sequence) and not isinstance(value, str | bytes)
        if is_repeated:
            if field.message_type is not None:
                fill(value.add())
            else:
                value.append("x" if field.type == FieldDescriptor.TYPE_STRING else 1)
        elif field.message_type is not None:
            fill(value)
            value.SetInParent()
        elif field.type == FieldDescriptor.TYPE_STRING:
            setattr(message, field.name, "x")
        else:
            setattr(message, field.name, 1)


def test_a_call_says_all_that_a_batch_says() -> None:
    batch = LogBatchRequest()
    fill(batch)
    assert len(batch.ListFields()) == len(LogBatchRequest.DESCRIPTOR.fields)
    request = log_request(batch.SerializeToString())
    said = {field.name: value for field, value in request.ListFields()}
    assert said.pop("table") == batch.metrics
    assert said == {
        field.name: value for field, value in batch.ListFields() if field.name != "metrics"
    }
    assert {field.name for field in LogRequest.DESCRIPTOR.fields} >= said.keys()
