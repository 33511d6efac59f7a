"""The errors that say what became of batches: refused, late, or never delivered."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from pathlib import Path

from runstream.contract.counts import count, format_seconds
from runstream.errors import (
    DeadlineExceeded,
    Internal,
    RunstreamError,
    Unauthenticated,
    Unavailable,
)
from runstream.outbox.batch import Backlog, Batch

#: Reason of a refusal: the server has no run of this id, or not yet.
RUN_NOT_FOUND = "RUN_NOT_FOUND"


def batch_error(batch: Batch, error: RunstreamError) -> RunstreamError:
    """Return the error by which the server refused a batch, naming its run."""
    run_id = batch.run_id
    points, params_and_tags, lines, changes, _ = batch.content
    if changes:
        content = "its start, end or inputs were"
    elif points:
        content = count(points, "point was", "points were")
    elif lines:
        content = count(lines, "line of the console was", "lines of the console were")
    else:
        content = count(params_and_tags, "param or tag was", "params and tags were")
    error.message = f"run {run_id}: {content} refused: {error.message}"
    error.args = (error.message,)
    error.metadata.update(run_id=run_id, points=str(points))
    return error


def joint_error(errors: Sequence[RunstreamError], unknown: int = 0) -> RunstreamError:
    """Return one error for several, the first with a text that names the others.

    Args:
        errors: those whose texts are known.
        unknown: how many more there are.
    """
    joint = copy(errors[0])
    number = len(errors) + unknown
    if number > 1:
        others = list(dict.fromkeys(map(str, errors)))[1:4]
        more = count(number - 1, "more refused batch", "more refused batches")
        joint.message += f" (and {more}: {'; '.join(others)})" if others else f" (and {more})"
        joint.args = (joint.message,)
    return joint


def flush_timeout_error(
    backlog: Backlog, run_id: str | None, seconds: float, reason: str, folder: Path | None
) -> DeadlineExceeded:
    """Return the error that says how much has no answer in time.

    Args:
        backlog: how much it is.
        run_id: the run it belongs to; None for all runs.
        seconds: how long the call waited.
        reason: why there is none, to stand at the end; empty, if that is not known.
        folder: where it is kept on disk, if it is.
    """
    return DeadlineExceeded(
        f"no answer within {format_seconds(seconds)} for {backlog}"
        + (f" of run {run_id}" if run_id else "")
        + (
            f"; {backlog.verb('it is', 'they are')} kept in {folder} until "
            f"{backlog.verb('it is', 'they are')} sent"
            if folder
            else f"; {backlog.verb('it stays', 'they stay')} queued"
        )
        + reason,
        reason="FLUSH_TIMEOUT",
        **backlog.metadata(),
        **({"run_id": run_id} if run_id else {}),
    )


def outbox_full_error(
    backlog: Backlog, seconds: float, limit_bytes: int, reason: str
) -> DeadlineExceeded:
    """Return the error of a call that logs and found no room.

    Args:
        backlog: how much fills the outbox.
        seconds: how long the call waited.
        limit_bytes: how much the outbox may hold.
        reason: why there is no room, to stand at the end; empty, if that is not known.
    """
    return DeadlineExceeded(
        f"no room for {format_seconds(seconds)}, because the {limit_bytes >> 20} MiB of the outbox "
        f"are full of what has no answer, {backlog}; what this call logged is not queued{reason}",
        reason="OUTBOX_FULL",
        **backlog.metadata(),
    )


def undelivered_error(error: RunstreamError, backlog: Backlog) -> RunstreamError:
    """Return the error by which no stream can be opened, with how much is not delivered."""
    undelivered = copy(error)  # each caller raises one of its own
    undelivered.message = (
        f"{error.message}; {backlog} {backlog.verb('is', 'are')} not delivered "
        f"and {backlog.verb('stays', 'stay')} queued"
    )
    undelivered.args = (undelivered.message,)
    undelivered.metadata = error.metadata | backlog.metadata()
    return undelivered


def uploader_failed_error(cause: BaseException, backlog: Backlog) -> Internal:
    """Return the error of all calls after the uploader's thread ended by an error."""
    return Internal(
        f"uploading failed for good: {cause!r}; "
        f"{backlog} {backlog.verb('was', 'were')} not delivered",
        reason="UPLOADER_FAILED",
        **backlog.metadata(),
    )


def task_error(owner: str, what: str, error: RunstreamError) -> RunstreamError:
    """Return the error by which the server refused a task, naming its run or model."""
    refused = copy(error)
    kind = "model" if owner.startswith("m-") else "run"
    refused.message = f"{kind} {owner}: {what} was refused: {error.message}"
    refused.args = (refused.message,)
    refused.metadata = error.metadata | {"run_id": owner}
    return refused


def may_work_later(error: RunstreamError) -> bool:
    """Return whether an error of a call says nothing of what was asked."""
    away = (Unavailable, DeadlineExceeded, Internal, Unauthenticated)
    return isinstance(error, away) or error.retry_delay > 0 or type(error) is RunstreamError
