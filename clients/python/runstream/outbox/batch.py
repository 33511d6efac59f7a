"""A batch that has no answer yet, and counts of such batches."""

from __future__ import annotations

from typing import NamedTuple


class PackedPairs(NamedTuple):
    """Params, tags or lines of the console that wait to become a batch.

    Attributes:
        message: serialized LogBatchRequest.
        pairs: how many params and tags they are.
        lines: how many lines they are.
    """

    message: bytes
    pairs: int
    lines: int = 0


class Batch(NamedTuple):
    """A request on its way; one without points, params, tags and lines is a heartbeat.

    Attributes:
        run_id: the run it belongs to.
        message: serialized LogBatchRequest.
        points: how many points it holds.
        params_and_tags: how many params and tags it holds.
        lines: how many lines of the console it holds.
        number: its place among all batches of the outbox, from 1; the number of a heartbeat is
            that of the batch before it.
    """

    run_id: str
    message: bytes
    points: int
    params_and_tags: int
    lines: int
    number: int

    @property
    def is_heartbeat(self) -> bool:
        """Return whether no call waits for its answer."""
        return not (self.points or self.params_and_tags or self.lines)


class Backlog(NamedTuple):
    """Counts of what was logged and has no answer yet."""

    points: int = 0
    params_and_tags: int = 0
    lines: int = 0

    def __add__(self, other: Backlog) -> Backlog:  # type: ignore[override]
        """Return the sum of both."""
        return Backlog(*map(sum, zip(self, other, strict=True)))

    def __str__(self) -> str:
        """Return the counts as a text for people."""
        lines = f" and {self.lines} lines of the console" if self.lines else ""
        return f"{self.points} points and {self.params_and_tags} params and tags{lines}"

    def metadata(self) -> dict[str, str]:
        """Return the counts as the metadata of an error."""
        return {"points": str(self.points), "params_and_tags": str(self.params_and_tags)}
