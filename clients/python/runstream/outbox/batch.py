"""A batch that has no answer yet, and counts of what such batches hold."""

from __future__ import annotations

from typing import NamedTuple

from runstream.contract.counts import count
from runstream.v1.logging_service_pb2 import LogBatchRequest


class Backlog(NamedTuple):
    """Counts of what was logged and has no answer yet.

    Attributes:
        points: how many points.
        params_and_tags: how many params and tags.
        lines: how many lines of the console.
        changes: how many starts and ends of runs, deleted tags, datasets and models.
        files: how many files to upload, and calls about models.
    """

    points: int = 0
    params_and_tags: int = 0
    lines: int = 0
    changes: int = 0
    files: int = 0

    def __add__(self, other: Backlog) -> Backlog:  # type: ignore[override]
        """Return the sum of both."""
        return Backlog(
            self.points + other.points,
            self.params_and_tags + other.params_and_tags,
            self.lines + other.lines,
            self.changes + other.changes,
            self.files + other.files,
        )

    def __sub__(self, other: Backlog) -> Backlog:
        """Return what is left without the other."""
        return Backlog(
            self.points - other.points,
            self.params_and_tags - other.params_and_tags,
            self.lines - other.lines,
            self.changes - other.changes,
            self.files - other.files,
        )

    def __str__(self) -> str:
        """Return the counts as a text for people."""
        words = (
            ("point", "points"),
            ("param or tag", "params and tags"),
            ("line of the console", "lines of the console"),
            ("change", "changes"),
            ("upload", "uploads"),
        )
        counts = [count(number, *word) for number, word in zip(self, words, strict=True) if number]
        if len(counts) > 1:
            return f"{', '.join(counts[:-1])} and {counts[-1]}"
        return counts[0] if counts else "nothing"

    def verb(self, one: str, many: str) -> str:
        """Return the form of a verb that goes with the text: `is` or `are`."""
        return one if sum(self) == 1 else many

    def metadata(self) -> dict[str, str]:
        """Return the counts as the metadata of an error."""
        return {"points": str(self.points), "params_and_tags": str(self.params_and_tags)}

    @classmethod
    def of_request(cls, request: LogBatchRequest) -> Backlog:
        """Return what a request holds."""
        changes = (
            request.HasField("start")
            + request.HasField("update")
            + len(request.deleted_tags)
            + len(request.datasets)
            + len(request.model_inputs)
            + len(request.model_outputs)
            + len(request.alerts)
        )
        pairs = len(request.params) + len(request.tags)
        return cls(len(request.metrics.value), pairs, len(request.console), changes)

    @property
    def needs_write_id(self) -> bool:
        """Return whether it matters in which order, and how often, this is applied."""
        return bool(self.params_and_tags or self.changes)


class PackedBatch(NamedTuple):
    """A message of a buffer that waits to become a batch.

    Attributes:
        message: serialized LogBatchRequest.
        content: what it holds.
        is_after_points: whether the points that were logged before it have to be sent before it.
    """

    message: bytes
    content: Backlog
    is_after_points: bool = False


class Batch(NamedTuple):
    """A request on its way.

    Attributes:
        run_id: the run it belongs to.
        message: serialized LogBatchRequest.
        content: what it holds.
        number: its place among all batches of the outbox, from 1.
    """

    run_id: str
    message: bytes
    content: Backlog
    number: int
