"""What the errors of a delivery mean: to try again, to set aside, or to give up."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

from runstream.contract.counts import count
from runstream.errors import (
    InvalidArgument,
    PermissionDenied,
    ResourceExhausted,
    RunstreamError,
    Unauthenticated,
)
from runstream.syncing.results import FolderResult
from runstream.transport.connection_problem import REASONS as CANNOT_CONNECT

# Errors of a stream that trying again does not mend.
_LASTING = (InvalidArgument, PermissionDenied, ResourceExhausted, Unauthenticated)


def is_lasting(error: RunstreamError) -> bool:
    """Return whether opening a stream again does not help."""
    if error.retry_delay:
        return False
    return (
        isinstance(error, _LASTING)
        or error.reason in CANNOT_CONNECT
        or error.reason == "UNIMPLEMENTED"
    )


def joint_error(errors: Sequence[Exception]) -> Exception:
    """Return one error for those of several folders: the first, with a text that has all."""
    if len(errors) == 1 or not isinstance(errors[0], RunstreamError):
        return errors[0]
    joint = copy(errors[0])
    joint.message = "; ".join(str(error) for error in errors)
    joint.args = (joint.message,)
    return joint


def undelivered_error(error: RunstreamError, result: FolderResult) -> RunstreamError:
    """Return an error that says, too, how much was sent and is left."""
    counted = copy(error)
    left = count(result.bytes_left, "byte of batches", "bytes of batches")
    if result.files_left:
        left += f" and {count(result.files_left, 'task', 'tasks')}"
    sent = (
        f"{count(result.batches, 'batch', 'batches')} with "
        f"{count(result.points, 'point', 'points')} and {count(result.files, 'file', 'files')}"
    )
    counted.message = f"{error.message}; of {result.folder} {sent} were sent, {left} are left"
    counted.args = (counted.message,)
    return counted
