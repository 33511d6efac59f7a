"""The errors of `runstream.errors`, under the name that MLflow's users look for."""

from runstream.errors import (
    AlreadyExists,
    DataLoss,
    DeadlineExceeded,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    RunstreamError,
    Unauthenticated,
    Unavailable,
)

__all__ = [
    "AlreadyExists",
    "DataLoss",
    "DeadlineExceeded",
    "FailedPrecondition",
    "Internal",
    "InvalidArgument",
    "NotFound",
    "PermissionDenied",
    "ResourceExhausted",
    "RunstreamError",
    "Unauthenticated",
    "Unavailable",
]
