"""Appending points: the hot path of the writer.

Points that come in order are new, and nothing is looked up for them. All points of a run that a
transaction appends become one row of its tail, except for those that come as whole chunks.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
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

Encoded = Mapping[str, Sequence[EncodedChunk]]


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
        self.extend(columns)

    def extend(self, columns: Columns) -> None:
        self.step.frombytes(columns.step.tobytes())
        self.timestamp.frombytes(columns.timestamp.tobytes())
        self.value.frombytes(columns.value.tobytes())


class PointAppender:
    """Appends points inside the transactions of the writer, on the writer's thread alone.

    `append` buffers points and summaries, and `flush` writes them; they are committed by the
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

    def append(self, run: int, metrics: Iterable[tuple[str, Columns]], encoded: Encoded) -> int:
        """Append points of distinct metrics, or raise before anything of them is buffered.

        Args:
            run: the run.
            metrics: keys and points, in any order and with repetitions.
            encoded: the chunks of some of the metrics, by `encode_bulk`.

        Returns:
            How many of the points are new (M4).

        Raises:
            DataLoss: what is stored is damaged, so that nobody can tell which points are new.
        """
        summaries = self._of_run(run)
        found = []
        for key, columns in metrics:
            summary = summaries.get(key) or self._summaries.load(run, key)
            found.append((summary, *self._find_new(summary, columns)))
        for summary, new, is_apart in found:
            if new.size:
                bulk = encoded.get(summary.key, ()) if is_apart else ()
                self._add(summary, new, bulk)
        return sum(new.size for _, new, _ in found)

    def append_row(
        self,
        run: int,
        keys: Sequence[str],
        columns: Columns,
    ) -> None:
        """Do what `append` does, faster, for one point of each metric."""
        summaries = self._of_run(run)
        row = [
            (summaries.get(key) or self._summaries.load(run, key), step, timestamp, value)
            for key, (step, timestamp, value) in zip(keys, columns.rows(), strict=True)
        ]
        if self._stored.has_tail(run) or not all(
            summary.is_number_after(step, timestamp, value)
            for summary, step, timestamp, value in row
        ):
            points = (columns.part(i, i + 1) for i in range(columns.size))
            self.append(run, zip(keys, points, strict=True), {})
            return
        buffer = self._buffers.setdefault(run, _Buffer())
        for summary, step, timestamp, value in row:
            summary.append(step, timestamp, value)
            buffer.series.append(summary.id)
            self._changed[summary.id] = summary
        buffer.counts += [1] * len(row)
        buffer.extend(columns)

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
