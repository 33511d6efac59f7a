"""How an error ends a call of gRPC: as a status with its particulars (X1 of docs/behaviour.md)."""

from __future__ import annotations

import logging
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import ErrorInfo, RequestInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from runstream.errors import (
    DOMAIN,
    Internal,
    InvalidArgument,
    RunstreamError,
    strip_traceback,
)

log = logging.getLogger(__name__)

# Bytes of the text of an error and of its metadata. gRPC accepts 8 KiB of headers, and the text is
# in them twice, once with nine bytes for every letter that is not ASCII.
_MAX_MESSAGE_BYTES, _MAX_METADATA_BYTES = 1_000, 1_500


async def abort(error: RunstreamError, context: Any, request_id: str) -> None:
    """End a call with an error.

    gRPC keeps the exception that this raises in a reference cycle with the call. Whatever variables
    of the calling frames hold would stay in memory until the next collection of garbage, so they
    hold no request and no answer.
    """
    info, request = AnyMessage(), AnyMessage()
    request.Pack(RequestInfo(request_id=request_id))
    metadata = _fit_in_headers(error.metadata)
    info.Pack(ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=metadata))
    details = [info, request]
    if error.retry_delay:
        retry, delay = AnyMessage(), RetryInfo()
        delay.retry_delay.FromMicroseconds(round(error.retry_delay * 1e6))
        retry.Pack(delay)
        details.append(retry)
    message = error.message.encode(errors="replace")[:_MAX_MESSAGE_BYTES].decode(errors="ignore")
    status = Status(code=error.code.value[0], message=message, details=details)
    answer = rpc_status.to_status(status)
    await context.abort(answer.code, answer.details, answer.trailing_metadata)


def error_for_caller(failure: Exception, method: str, request_id: str) -> RunstreamError:
    """Return the error that the caller gets; it has no traceback, which would hold the request."""
    if isinstance(failure, grpc.aio.BaseError):
        raise failure
    if isinstance(failure, DecodeError):
        return InvalidArgument("the message is not of the contract", reason="MESSAGE_MALFORMED")
    if not isinstance(failure, RunstreamError):
        log.error("%s failed", method, exc_info=failure, extra={"request_id": request_id})
        return Internal("internal error; the log of the server has the particulars")
    if isinstance(failure, Internal):  # the thread that has logged it knows no request
        log.error("%s failed, see above", method, extra={"request_id": request_id})
    return strip_traceback(failure)


def _fit_in_headers(metadata: dict[str, str]) -> dict[str, str]:
    """Return metadata whose values are cut so that together they fit in HTTP/2 headers."""
    each = _MAX_METADATA_BYTES // max(1, len(metadata))
    return {
        key: text.encode(errors="replace")[:each].decode(errors="ignore")
        for key, text in metadata.items()
    }
