"""Appending points: the hot path of the writer.

Points that come in order are new, and nothing is looked up for them. All points of a run that a
transaction appends become one row of its tail, except for those that come as whole chunks.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from runstream_service.engine.batch import Batch
from runstream_service.points import chunks, series_summary
from runstream_service.points.backlog import Backlog
from runstream_service.points.codec import EncodedChunk, encode_chunks
from runstream_service.points.columns import Columns, is_later, sort_unique
from runstream_service.points.series_summary import Summary, SummaryCache
from runstream_service.points.stored import StoredPoints
from runstream_service.points.tail import insert_rows, make_row

#: Points of one metric in one batch that are compressed before the writer has them.
BULK_POINTS = 4_096

# Points of a run that are buffered before they are written, within one transaction.
_BUFFER_POINTS = 65_536


def metrics_of(batch: Batch) -> Iterator[tuple[str, Columns]]:
    """Yield the keys of a batch, and the points of each."""
    for key, step, timestamp, value in batch.points_by_metric():
        yield key, Columns(step, timestamp, value)


def encode_bulk(metrics: Iterable[tuple[str, Columns]]) -> dict[str, list[EncodedChunk]]:
    """Return the chunks of those metrics of a batch that have many points in order.

    It takes the time that the writer's thread shall not take.
    """
    return {
        key: list(encode_chunks(columns))
        for key, columns in metrics
        if columns.size >= BULK_POINTS and is_later(columns)
    }


_RowPoint = tuple[Summary, int, int, float]


@dataclass(slots=True)
class NewPoints:
    """The new points of a batch: one of each metric, or any of some metrics with their chunks."""

    run: int
    row: list[_RowPoint] | None = None
    metrics: list[tuple[Summary, Columns, Sequence[EncodedChunk]]] = field(default_factory=list)


@dataclass(slots=True)
class _Buffer:
    """Points of one run that are to be a row of its tail."""

    series: list[int] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    step: array[int] = field(default_factory=lambda: array("q"))
    timestamp: array[int] = field(default_factory=lambda: array("q"))
    value: array[float] = field(default_factory=lambda: array("d"))

    def add(self, series: int, columns: Columns) -> None:
        self.series.append(series)
        self.counts.append(columns.size)
        self.step.frombytes(columns.step.tobytes())
        self.timestamp.frombytes(columns.timestamp.tobytes())
        self.value.frombytes(columns.value.tobytes())


class PointAppender:
    """Appends points inside the transactions of the writer, on the writer's thread alone.

    `append` buffers what `find_new` found, and `flush` writes it; they are committed by the
    transaction in which `flush` is called. After a rollback `reset` must be called.
    """

    def __init__(self, backlog: Backlog) -> None:
        """Begin with nothing buffered.

        Args:
            backlog: is told of each row that a tail gets.
        """
        self._backlog = backlog
        self.reset()

    @property
    def is_behind(self) -> bool:
        """Whether so many points wait to be sealed that those who log should wait."""
        return self._backlog.is_full

    def reset(self) -> None:
        """Drop all that is kept in memory after a rollback; it is read again from the database."""
        self._buffers: dict[int, _Buffer] = {}
        self._changed: dict[int, Summary] = {}
        self._summaries = SummaryCache()
        self._stored = StoredPoints()

    def find_new(self, run: int, batch: Batch) -> NewPoints:
        """Return which points of a batch are new (M4); `append` then appends them.

        Raises:
            DataLoss: what is stored is damaged, so that nobody can tell.
        """
        summaries = self._of_run(run)
        if batch.is_one_row():
            row = self._later_row(run, summaries, batch)
            if row is not None:
                return NewPoints(run, row=row)
        found = NewPoints(run)
        for key, columns in metrics_of(batch):
            summary = summaries.get(key) or self._summaries.load(run, key)
            new, is_apart = self._find_new(summary, columns)
            if new.size:
                bulk = batch.encoded.get(key, ()) if is_apart else ()
                found.metrics.append((summary, new, bulk))
        return found

    def append(self, new: NewPoints) -> None:
        """Append the points that `find_new` found, in the same transaction and before others."""
        if new.row is None:
            for summary, columns, bulk in new.metrics:
                self._add(summary, columns, bulk)
            return
        buffer = self._buffers.setdefault(new.run, _Buffer())
        for summary, step, timestamp, value in new.row:
            summary.append(step, timestamp, value)
            buffer.series.append(summary.id)
            buffer.counts.append(1)
            buffer.step.append(step)
            buffer.timestamp.append(timestamp)
            buffer.value.append(value)
            self._changed[summary.id] = summary

    def flush(self) -> None:
        """Write the buffered points and the changed summaries, and keep the caches in bounds."""
        self._write()
        self._summaries.trim()

    def forget_tail(self, run: int) -> None:
        """Drop what is known of the tail of a run, because rows of it were deleted."""
        self._stored.forget(run)

    def _of_run(self, run: int) -> dict[str, Summary]:
        if self._summaries.exceeds_limit:
            self.flush()
        return self._summaries.of_run(run)

    def _later_row(
        self, run: int, summaries: dict[str, Summary], batch: Batch
    ) -> list[_RowPoint] | None:
        """Return the points of a batch with one of each metric, if all are later than the others.

        That is what most batches are, so it is done without arrays.
        """
        points = Columns(batch.step, batch.timestamp, batch.value).rows()
        row = [
            (summaries.get(key) or self._summaries.load(run, key), step, timestamp, value)
            for key, (step, timestamp, value) in zip(batch.keys, points, strict=True)
        ]
        is_later = not self._stored.has_tail(run) and all(
            summary.is_number_after(step, timestamp, value)
            for summary, step, timestamp, value in row
        )
        return row if is_later else None

    def _find_new(self, summary: Summary, columns: Columns) -> tuple[Columns, bool]:
        """Return the new ones of points, and whether no stored ones are between them."""
        if is_later(columns):
            step, timestamp, _ = columns.position(0)
            if summary.precedes(step, timestamp):
                return columns, True
        else:
            columns = sort_unique(columns)
        if not summary.id:
            return columns, True
        self._write()  # the tail in the database is what is looked through
        return self._stored.subtract_stored(summary.run, summary.id, columns)

    def _add(self, summary: Summary, new: Columns, bulk: Sequence[EncodedChunk]) -> None:
        summary.merge(new)
        if not summary.id:
            series_summary.create_series(summary)
        self._changed[summary.id] = summary
        if bulk:
            chunks.insert(summary.id, bulk)
            return
        buffer = self._buffers.setdefault(summary.run, _Buffer())
        buffer.add(summary.id, new)
        self._stored.add(summary.run, summary.id, new)
        if len(buffer.step) > _BUFFER_POINTS:
            self._write()

    def _write(self) -> None:
        if self._changed:
            series_summary.save(self._changed.values())
            self._changed.clear()
        rows = []
        for run, buffer in self._buffers.items():
            if buffer.series:
                columns = [c.tobytes() for c in (buffer.step, buffer.timestamp, buffer.value)]
                rows.append(make_row(run, buffer.series, buffer.counts, columns, is_rest=False))
                self._backlog.add(run, len(buffer.step))
        if rows:
            insert_rows(rows)
        self._buffers.clear()
