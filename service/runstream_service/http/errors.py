"""Errors as MLflow's clients understand them (X2 of docs/behaviour.md)."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import grpc
import orjson
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from runstream.errors import Internal, RunstreamError, shorten
from runstream.mlflow_error_sentences import mlflow_message
from runstream.v1.logging_service_pb2 import BatchError
from runstream_service.http import mlflow
from runstream_service.request_id import HEADER
from runstream_service.request_id import request_id as known_or_new_id

log = logging.getLogger(__name__)

_CODES = {
    grpc.StatusCode.INVALID_ARGUMENT: (400, "INVALID_PARAMETER_VALUE"),
    grpc.StatusCode.NOT_FOUND: (404, "RESOURCE_DOES_NOT_EXIST"),
    grpc.StatusCode.ALREADY_EXISTS: (400, "RESOURCE_ALREADY_EXISTS"),
    # What MLflow says of a deleted run or experiment.
    grpc.StatusCode.FAILED_PRECONDITION: (400, "INVALID_PARAMETER_VALUE"),
    grpc.StatusCode.ABORTED: (409, "ABORTED"),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (429, "RESOURCE_EXHAUSTED"),
    grpc.StatusCode.UNAUTHENTICATED: (401, "UNAUTHENTICATED"),
    grpc.StatusCode.PERMISSION_DENIED: (403, "PERMISSION_DENIED"),
    grpc.StatusCode.UNAVAILABLE: (503, "TEMPORARILY_UNAVAILABLE"),
    # No 5xx: MLflow's clients would repeat for minutes what takes too long, or is damaged for good.
    grpc.StatusCode.DEADLINE_EXCEEDED: (400, "DEADLINE_EXCEEDED"),
    grpc.StatusCode.DATA_LOSS: (410, "DATA_LOSS"),
    grpc.StatusCode.UNIMPLEMENTED: (501, "NOT_IMPLEMENTED"),
}
_INTERNAL = (500, "INTERNAL_ERROR")

# Characters of the text of an error, which may hold what a caller sent.
_MESSAGE_CHARACTERS = 2_000

# Characters of the path of a proxy that is guessed.
_PREFIX_CHARACTERS = 50

# Reasons with a status of their own. After a 429 MLflow's clients would repeat what asks for too
# much at once, and uploads for which there is no room.
_STATUS_BY_REASON = {
    "RUN_TOO_LARGE": 400,
    "EXPERIMENT_TOO_LARGE": 400,
    "TOO_MANY_KEYS": 400,
    "ARTIFACT_BYTES": 400,
    "CONTENT_ENCODING_UNKNOWN": 415,
}

# Reasons that MLflow answers with another code than that of gRPC.
_MLFLOW_CODES = {"ALIAS_NOT_FOUND": (400, "INVALID_PARAMETER_VALUE")}

_CODES_BY_NUMBER = {code.value[0]: answer for code, answer in _CODES.items()}


# Where a request has its id, once it was asked for.
_REQUEST_ID = "runstream.request_id"

#: Where a request that failed has the code that gRPC has for its error, if there is one.
ERROR_CODE = "runstream.error_code"


class BadRequest(RunstreamError):
    """The request is not well-formed, or is not a request of the API."""

    code = grpc.StatusCode.INVALID_ARGUMENT


class NotImplementedHere(RunstreamError):
    """MLflow has it, and Runstream has not."""

    code = grpc.StatusCode.UNIMPLEMENTED


class ErrorParts(NamedTuple):
    """An error as HTTP tells it; `reason` and `metadata` are those of gRPC's ErrorInfo (X1)."""

    status: int
    error_code: str
    message: str
    reason: str
    metadata: Mapping[str, str]

    def fields(self) -> dict[str, Any]:
        """Return what the JSON of the error has."""
        return {
            "error_code": self.error_code,
            "message": _shorten(self.message),
            "reason": self.reason,
            "metadata": {key: _escape(value) for key, value in self.metadata.items()},
        }


async def answer_runstream_error(request: Request, error: Any) -> Response:
    """Answer an error of `runstream.errors`, in MLflow's words at a path of MLflow (X6)."""
    parts = error_parts(error)
    request.scope[ERROR_CODE] = error.code.name
    if isinstance(error, Internal):  # the thread that has logged it knows no request
        extra = {"request_id": request_id(request.scope)}
        log.error("%s %s failed, see above", request.method, request.url.path, extra=extra)
    if mlflow.is_mlflow_path(request.url.path):
        parts = parts._replace(message=mlflow_message(error, request.url.path))
    response = error_response(request.scope, parts)
    add_retry_after(response, error)
    return response


def add_retry_after(response: Response, error: RunstreamError) -> None:
    """Say in an answer when to try again, in whole seconds, if the error does."""
    if error.retry_delay:
        response.headers["Retry-After"] = str(math.ceil(error.retry_delay))


def error_parts(error: RunstreamError) -> ErrorParts:
    """Return an error as HTTP tells it."""
    status, code = _MLFLOW_CODES.get(error.reason) or _CODES.get(error.code, _INTERNAL)
    code = "BAD_REQUEST" if isinstance(error, BadRequest) else code
    status = _STATUS_BY_REASON.get(error.reason, status)
    return ErrorParts(status, code, error.message, error.reason, error.metadata)


def batch_error(error: BatchError) -> ErrorParts:
    """Return the error of a batch as HTTP tells it."""
    status, code = _CODES_BY_NUMBER.get(error.code, _INTERNAL)
    return ErrorParts(status, code, error.message, error.reason, dict(error.metadata))


async def answer_http_error(request: Request, error: Any) -> Response:
    """Answer what is wrong with the form of a request: its path or its verb."""
    path = shorten(request.url.path)
    text = f"{request.method} {path} is no route of this server"
    if prefix := _prefix_of_proxy(request):
        text += f". If it is behind a proxy, below {prefix}, start it with --root-path {prefix}"
    code = "ENDPOINT_NOT_FOUND"
    parts = ErrorParts(error.status_code, code, text, code, {"field": "path", "value": path})
    return error_response(request.scope, parts)


def _prefix_of_proxy(request: Request) -> str:
    """Return the beginning of a path without which it is that of a route; empty if there is none.

    A server that knows such a beginning takes it away before.
    """
    path = request.scope["path"]
    end = path.find("/", 1)
    while 1 < end <= _PREFIX_CHARACTERS:
        scope = dict(request.scope) | {"path": path[end:]}
        if any(route.matches(scope)[0] is not Match.NONE for route in request.app.routes):
            return shorten(path[:end])
        end = path.find("/", end + 1)
    return ""


async def answer_disconnect(request: Request, error: Any) -> Response:
    """Answer a caller who hung up in the middle of a request, and reads no answer."""
    return Response(status_code=400)


async def answer_internal_error(request: Request, error: Any) -> Response:
    """Answer an exception that nobody expected, without its text, which is in the log."""
    extra = {"request_id": request_id(request.scope)}
    cause = error.__cause__
    if isinstance(cause, RunstreamError):  # Starlette's, where the answer has begun
        method, path = request.method, request.url.path
        log.warning("%s %s broke off: %s", method, path, cause.message, extra=extra)
    else:
        log.error("%s %s failed", request.method, request.url.path, exc_info=error, extra=extra)
    internal = Internal("internal error; the log of the server has the particulars")
    return error_response(request.scope, error_parts(internal))


def error_response(scope: Scope, parts: ErrorParts) -> Response:
    """Return the answer to a request that failed."""
    body, headers = error_body(scope, parts), {HEADER: request_id(scope)}
    return Response(body, parts.status, headers, media_type="application/json")


def error_body(scope: Scope, parts: ErrorParts) -> bytes:
    """Return the JSON of an error, with the id of its request."""
    return orjson.dumps({**parts.fields(), "request_id": request_id(scope)})


def request_id(scope: Scope) -> str:
    """Return the id that the caller gave to a request, or one that is made now; always the same."""
    if _REQUEST_ID not in scope:
        scope[_REQUEST_ID] = known_or_new_id(Headers(scope=scope).get(HEADER))
    return str(scope[_REQUEST_ID])


def _shorten(message: str) -> str:
    """Return the beginning of an error's text, with escapes for what is not Unicode."""
    if len(message) > _MESSAGE_CHARACTERS:
        message = f"{message[:_MESSAGE_CHARACTERS]}… ({len(message)} characters)"
    return _escape(message)


def _escape(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()
