"""The errors of Runstream, the same classes in the server that raises them and in the client.

    RunstreamError
    ├── InvalidArgument      a value breaks a rule; sending it again cannot help (a ValueError too)
    ├── NotFound             no such experiment, run or tag (a LookupError too)
    ├── AlreadyExists        the name or id is taken
    ├── FailedPrecondition   not in this state: writing to a deleted run
    ├── Aborted              somebody else has changed it meanwhile; read it and try again
    ├── ResourceExhausted    over a limit of size or number
    ├── PermissionDenied
    ├── Unauthenticated
    ├── DeadlineExceeded     no answer in time; the work may have been done (a TimeoutError too)
    ├── Unavailable          the server or its storage cannot be reached now (a ConnectionError too)
    ├── DataLoss             what is stored is damaged; no other call can read it either
    └── Internal             a fault of the server; its log has the particulars

On the wire an error is a gRPC status with one `google.rpc.ErrorInfo` and the id of the request as
a `google.rpc.RequestInfo`, and on the LogBatch stream
a `BatchError` (docs/behaviour.md, X1 and X4).
"""

from __future__ import annotations

from typing import ClassVar, TypeVar

import grpc

DOMAIN = "runstream.io"

_Error = TypeVar("_Error", bound="RunstreamError")

# Metadata travels in HTTP/2 headers, and gRPC accepts 8 KiB of headers.
_MAX_METADATA_CHARACTERS = 200

# The text of an error may hold what a caller sent, so it is shortened, too.
_MAX_MESSAGE_CHARACTERS = 1_000


class RunstreamError(Exception):
    """Base of all errors of Runstream.

    Attributes:
        code: gRPC status code.
        message: what is wrong, for people.
        reason: what is wrong, for programs, in UPPER_SNAKE_CASE.
        metadata: the particulars, such as `field`, `value` and `limit`; long ones shortened.
        retry_delay: seconds after which the same call may work; 0 if nobody knows.
    """

    code: ClassVar[grpc.StatusCode] = grpc.StatusCode.UNKNOWN

    def __init__(self, message: str, *, reason: str = "", **metadata: object) -> None:
        message = shorten(message, _MAX_MESSAGE_CHARACTERS)
        super().__init__(message)
        self.message = message
        self.reason = reason or self.code.name
        self.retry_delay = 0.0
        self.metadata = {key: shorten(str(value)) for key, value in metadata.items()}


class InvalidArgument(RunstreamError, ValueError):
    """A value breaks a rule; `metadata` names the field, the value and the limit."""

    code = grpc.StatusCode.INVALID_ARGUMENT


class NotFound(RunstreamError, LookupError):
    """There is no such experiment, run or tag."""

    code = grpc.StatusCode.NOT_FOUND


class AlreadyExists(RunstreamError):
    """The name or id is taken."""

    code = grpc.StatusCode.ALREADY_EXISTS


class FailedPrecondition(RunstreamError):
    """The experiment or run is not in a state that allows this."""

    code = grpc.StatusCode.FAILED_PRECONDITION


class Aborted(RunstreamError):
    """Somebody else has changed it meanwhile: read it again."""

    code = grpc.StatusCode.ABORTED


class ResourceExhausted(RunstreamError):
    """The request is over a limit of size or number."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED


class PermissionDenied(RunstreamError):
    """The caller may not do this."""

    code = grpc.StatusCode.PERMISSION_DENIED


class Unauthenticated(RunstreamError):
    """The server does not know the caller."""

    code = grpc.StatusCode.UNAUTHENTICATED


class DeadlineExceeded(RunstreamError, TimeoutError):
    """There was no answer in time; the work may have been done all the same."""

    code = grpc.StatusCode.DEADLINE_EXCEEDED


class Unavailable(RunstreamError, ConnectionError):
    """The server or its storage cannot be reached now; the same call may work later."""

    code = grpc.StatusCode.UNAVAILABLE


class DataLoss(RunstreamError):
    """What is stored is damaged; `metadata` names where."""

    code = grpc.StatusCode.DATA_LOSS


class Internal(RunstreamError):
    """The server failed; its log has the particulars."""

    code = grpc.StatusCode.INTERNAL


CLASS_BY_CODE: dict[grpc.StatusCode, type[RunstreamError]] = {
    error.code: error for error in RunstreamError.__subclasses__()
}


def shorten(text: str, limit: int = _MAX_METADATA_CHARACTERS) -> str:
    """Return the beginning of a text and its length, if it is longer than `limit` characters."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"


def strip_traceback(error: _Error) -> _Error:
    """Remove the traceback of an error and the errors that caused it, and return the error.

    The frames of a traceback hold the request, and often the error itself. They would stay in
    memory as long as the error, and then until the next collection of garbage, which takes long
    if there are many frames.
    """
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def server_stopping_error() -> Unavailable:
    """Return the error of the calls that are under way when a server stops."""
    return Unavailable("the server is stopping; go on later", reason="SERVER_STOPPING")
