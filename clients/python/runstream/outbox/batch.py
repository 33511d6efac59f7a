"""A batch on its way, and the errors that tell what became of batches."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import NamedTuple

from runstream.errors import DeadlineExceeded, RunstreamError


class Settings(NamedTuple):
    """Params or tags that wait to become a batch.

    Attributes:
        message: serialized LogBatchRequest.
        pairs: how many they are.
    """

    message: bytes
    pairs: int


class Batch(NamedTuple):
    """A request on its way; one without points and settings is a heartbeat.

    Attributes:
        run_id: the run it belongs to.
        message: serialized LogBatchRequest.
        points: how many points it holds.
        settings: how many params and tags it holds.
        number: its place among all batches of the outbox, from 1; of a heartbeat, that of the
            batch before it.
    """

    run_id: str
    message: bytes
    points: int
    settings: int
    number: int

    @property
    def is_heartbeat(self) -> bool:
        """Return whether nobody waits for its answer."""
        return not (self.points or self.settings)


class Backlog(NamedTuple):
    """How much has no answer."""

    points: int = 0
    settings: int = 0

    def __add__(self, other: Backlog) -> Backlog:  # type: ignore[override]
        """Return both together."""
        return Backlog(self.points + other.points, self.settings + other.settings)

    def __str__(self) -> str:
        """Say it for people."""
        return f"{self.points} points and {self.settings} params and tags"


def batch_error(batch: Batch, error: RunstreamError) -> RunstreamError:
    """Return the error by which the server refused a batch, naming its run."""
    run_id = batch.run_id
    what = f"{batch.points} points" if batch.points else f"{batch.settings} params or tags"
    error.message = f"run {run_id}: {what} were refused: {error.message}"
    error.args = (error.message,)
    error.metadata.update(run_id=run_id, points=str(batch.points))
    return error


def joint_error(errors: Sequence[RunstreamError]) -> RunstreamError:
    """Return one error for several, the first with a text that names the others."""
    joint = copy(errors[0])
    if len(errors) > 1:
        others = "; ".join(str(error) for error in errors[1:4])
        joint.message += f" (and {len(errors) - 1} more refused batches: {others})"
        joint.args = (joint.message,)
    return joint


def deadline_error(
    late: Backlog, run_id: str | None, seconds: float, broken_by: RunstreamError | None
) -> DeadlineExceeded:
    """Return the error that says how much has no answer in time.

    Args:
        late: how much it is.
        run_id: the run it belongs to; None for all runs.
        seconds: how long was waited.
        broken_by: why the stream broke last, if it is broken.
    """
    return DeadlineExceeded(
        f"no answer within {seconds:g} s for {late}"
        + (f" of run {run_id}" if run_id else "")
        + "; they stay queued"
        + (f" (the stream broke: {broken_by})" if broken_by else ""),
        reason="FLUSH_TIMEOUT",
        points=late.points,
        settings=late.settings,
        **({"run_id": run_id} if run_id else {}),
    )


def standing_error(error: RunstreamError, late: Backlog) -> RunstreamError:
    """Return the error of a stream that cannot be had, with how much is not delivered."""
    standing = copy(error)  # each caller raises one of its own
    standing.message = f"{error.message}; {late} are not delivered and stay queued"
    standing.args = (standing.message,)
    standing.metadata = error.metadata | {
        "points": str(late.points),
        "settings": str(late.settings),
    }
    return standing
