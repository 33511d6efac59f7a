"""A batch on its way, and the errors that tell what became of batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from runstream.errors import DeadlineExceeded, RunstreamError

if TYPE_CHECKING:
    from runstream.buffer import RunBuffer


class Batch(NamedTuple):
    """A request on its way; one without points and settings is a sign of life.

    Attributes:
        buffer: the run it belongs to.
        message: serialized LogBatchRequest.
        points: how many points it holds.
        settings: how many params and tags it holds.
        number: its place among all batches of the outbox, from 1; of a sign of life, that of the
            batch before it.
    """

    buffer: RunBuffer
    message: bytes
    points: int
    settings: int
    number: int

    @property
    def is_sign(self) -> bool:
        """Return whether nobody waits for its answer."""
        return not (self.points or self.settings)


class Backlog(NamedTuple):
    """How much of a run has no answer."""

    points: int
    settings: int


def refusal_of(batch: Batch, error: RunstreamError) -> RunstreamError:
    """Return the error by which the server refused a batch, naming its run."""
    run_id = batch.buffer.run_id
    what = f"{batch.points} points" if batch.points else f"{batch.settings} params or tags"
    error.message = f"run {run_id}: {what} were refused: {error.message}"
    error.args = (error.message,)
    error.metadata.update(run_id=run_id, points=str(batch.points))
    return error


def one_of_many(errors: Sequence[RunstreamError]) -> RunstreamError:
    """Return the first of some errors, with a text that names the others."""
    first = errors[0]
    if len(errors) > 1:
        others = "; ".join(str(error) for error in errors[1:4])
        first.message += f" (and {len(errors) - 1} more refused batches: {others})"
        first.args = (first.message,)
    return first


def lateness_of(
    late: Sequence[Batch],
    run_id: str | None,
    timeout: float | None,
    broken_by: RunstreamError | None,
) -> DeadlineExceeded:
    """Return the error that says how much has no answer.

    Args:
        late: the batches without an answer.
        run_id: the run they belong to; None for all runs.
        timeout: how many seconds were waited.
        broken_by: why the stream broke last, if it is broken.
    """
    points = sum(batch.points for batch in late)
    settings = sum(batch.settings for batch in late)
    return DeadlineExceeded(
        f"no answer within {timeout:g} s for {points} points and {settings} params and tags"
        + (f" of run {run_id}" if run_id else "")
        + "; they stay queued"
        + (f" (the stream broke: {broken_by})" if broken_by else ""),
        reason="FLUSH_TIMEOUT",
        points=points,
        settings=settings,
        **({"run_id": run_id} if run_id else {}),
    )
