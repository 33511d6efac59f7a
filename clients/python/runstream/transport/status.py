"""Converts a failed call of gRPC to an error of `runstream.errors` (X1)."""

from __future__ import annotations

import re
from functools import cache
from typing import Any
from urllib.parse import unquote

import grpc
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from runstream.errors import CLASS_BY_CODE, DOMAIN, RunstreamError
from runstream.v1.logging_service_pb2 import BatchError

_DETAILS = "grpc-status-details-bin"
# What gRPC says when nothing listens at an address, with the address.
_REFUSED = re.compile(
    r"failed to connect to all addresses; last error: \w+: ipv[46]:(\S+?): .*Connection refused"
)
_CODES = {code.value[0]: code for code in grpc.StatusCode}


def error_of_call(call: Any) -> RunstreamError:
    """Return the error that a finished `grpc.Call` stands for."""
    reason = request = ""
    retry_delay = 0.0
    metadata: dict[str, str] = {}
    for key, value in call.trailing_metadata() or ():
        if key == _DETAILS:
            reason, metadata, request, retry_delay = _details(value)
    code = call.code()
    message = _without_noise(call.details() or f"the call ended with {code.name}")
    error = _error(code, message, reason, metadata, request)
    error.retry_delay = retry_delay
    return error


def _without_noise(message: str) -> str:
    """Return what gRPC says of a server that is not there in as many words as it takes."""
    found = _REFUSED.match(message)
    return f"connection refused ({unquote(found[1])})" if found else message


def error_of_batch(error: BatchError) -> RunstreamError:
    """Return the error that an answer on the LogBatch stream carries."""
    code = _CODES.get(error.code, grpc.StatusCode.UNKNOWN)
    return _error(code, error.message, error.reason, dict(error.metadata), error.request_id)


def _error(
    code: grpc.StatusCode, message: str, reason: str, metadata: dict[str, str], request: str
) -> RunstreamError:
    if request and code == grpc.StatusCode.INTERNAL:
        message += f" (request {request})"
    error = CLASS_BY_CODE.get(code, RunstreamError)(message, reason=reason or code.name)
    # Not through the constructor: a key that the server chose could be the name of an argument.
    error.metadata.update(metadata)
    return error


def _details(details: bytes) -> tuple[str, dict[str, str], str, float]:
    """Return the reason and the metadata of an error, the id of the request and the retry delay."""
    classes = _messages()
    reason = request = ""
    retry_delay = 0.0
    metadata: dict[str, str] = {}
    try:
        for detail in classes["Status"].FromString(details).details:
            name = detail.type_url.rpartition("/google.rpc.")[2]
            if name == "ErrorInfo":
                info = classes[name].FromString(detail.value)
                if info.domain == DOMAIN:
                    reason, metadata = info.reason, dict(info.metadata)
            elif name == "RequestInfo":
                request = classes[name].FromString(detail.value).request_id
            elif name == "RetryInfo":
                delay = classes[name].FromString(detail.value).retry_delay
                retry_delay = max(0.0, delay.seconds + delay.nanos / 1e9)
    except DecodeError:  # a proxy on the way made it; the status itself still holds
        pass
    return reason, metadata, request, retry_delay


@cache
def _messages() -> dict[str, Any]:
    """Return the classes of Status, ErrorInfo, RequestInfo and RetryInfo of google.rpc.

    They live in a pool of their own: in the common one they would collide with
    googleapis-common-protos, which is no dependency of the client.
    """
    file = FileDescriptorProto(name="status.proto", package="google.rpc", syntax="proto3")
    field = FieldDescriptorProto
    status = file.message_type.add(name="Status")
    status.field.add(
        name="details",
        number=3,
        type=field.TYPE_MESSAGE,
        label=field.LABEL_REPEATED,
        type_name=".google.rpc.Any",
    )
    detail = file.message_type.add(name="Any")
    detail.field.add(name="type_url", number=1, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    detail.field.add(name="value", number=2, type=field.TYPE_BYTES, label=field.LABEL_OPTIONAL)
    info = file.message_type.add(name="ErrorInfo")
    info.field.add(name="reason", number=1, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    info.field.add(name="domain", number=2, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    info.field.add(
        name="metadata",
        number=3,
        type=field.TYPE_MESSAGE,
        label=field.LABEL_REPEATED,
        type_name=".google.rpc.ErrorInfo.MetadataEntry",
    )
    entry = info.nested_type.add(name="MetadataEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    entry.field.add(name="value", number=2, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    request = file.message_type.add(name="RequestInfo")
    request.field.add(
        name="request_id", number=1, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL
    )
    retry = file.message_type.add(name="RetryInfo")
    retry.field.add(
        name="retry_delay",
        number=1,
        type=field.TYPE_MESSAGE,
        label=field.LABEL_OPTIONAL,
        type_name=".google.rpc.RetryInfo.Duration",
    )
    delay = retry.nested_type.add(name="Duration")  # as google.protobuf.Duration
    delay.field.add(name="seconds", number=1, type=field.TYPE_INT64, label=field.LABEL_OPTIONAL)
    delay.field.add(name="nanos", number=2, type=field.TYPE_INT32, label=field.LABEL_OPTIONAL)
    pool = DescriptorPool()
    pool.Add(file)
    find = pool.FindMessageTypeByName
    names = ("Status", "ErrorInfo", "RequestInfo", "RetryInfo")
    return {name: GetMessageClass(find(f"google.rpc.{name}")) for name in names}
