"""Appending points: the hot path of the writer.

Points that come in order are new, and nothing is looked up for them. All points of a run that a
transaction appends become one row of its tail, except for those that come as whole chunks.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import lt

from runstream_service.engine.batch import Batch
from runstream_service.engine.statements import ANY_IDS, Statement, array_of
from runstream_service.engine.tables import Run
from runstream_service.points import chunks, series_summary
from runstream_service.points.backlog import Backlog
from runstream_service.points.codec import EncodedChunk, encode_chunks
from runstream_service.points.columns import Columns, is_later, sort_unique
from runstream_service.points.series_summary import Addendum, Summary, SummaryCache
from runstream_service.points.stored import StoredPoints
from runstream_service.points.tail import insert_rows
from runstream_service.points.tail_row import make_row

#: Points of one metric in one batch that are compressed before the writer has them.
BULK_POINTS = 4_096

# Points of a batch from which on NumPy is faster than Python.
_MANY_POINTS = 64

_SET_APPENDED_BY = Statement(Run.update({Run.appended_by: 0}).where(Run.id.in_(ANY_IDS)))

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


@dataclass(slots=True)
class NewPoints:
    """The new points of a batch: all of them, or those of some metrics with their chunks.

    Attributes:
        run: the run.
        columns: those of the batch, if all of its points are new.
        addenda: what those add to the summaries, in the order of the columns.
        metrics: the points of each metric otherwise.
    """

    run: int
    columns: Columns | None = None
    addenda: list[tuple[Summary, Addendum]] = field(default_factory=list)
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
        self.add_columns(columns)

    def add_columns(self, columns: Columns) -> None:
        self.step.frombytes(columns.step.tobytes())
        self.timestamp.frombytes(columns.timestamp.tobytes())
        self.value.frombytes(columns.value.tobytes())


class PointAppender:
    """Appends points inside the transactions of the writer, on the writer's thread alone.

    `append` buffers what `find_new` found, and `flush` writes it; they are committed by the
    transaction in which `flush` is called. After a rollback `reset` must be called.

    What is kept in memory of a run is true while no other server appends to it. Each server that
    does so writes its number into the row of the run, which it has locked. One that finds the
    number of another drops what it keeps of the run, and reads it again.

    Attributes:
        points: how many new points were flushed; those of a commit that then failed count, too.
    """

    def __init__(self, backlog: Backlog, server: int | None = None) -> None:
        """Begin with nothing buffered.

        Args:
            backlog: is told of each row that a tail gets.
            server: the number of this server, where there may be others.
        """
        self._backlog = backlog
        self._server = server
        self.points = 0
        self.reset()

    @property
    def is_behind(self) -> bool:
        """Whether so many points wait to be sealed that those who log should wait."""
        return self._backlog.is_full

    def reset(self) -> None:
        """Drop all that is kept in memory after a rollback; it is read again from the database."""
        self._buffers: dict[int, _Buffer] = {}
        self._changed: dict[int, Summary] = {}
        self._taken_over: set[int] = set()  # runs that other servers appended to last
        self._appended = 0
        self._summaries = SummaryCache()
        self._stored = StoredPoints()

    def find_new(self, run: int, batch: Batch, appended_by: int | None = None) -> NewPoints:
        """Return which points of a batch are new (M4); `append` then appends them.

        Args:
            run: the run, which is locked.
            batch: the points.
            appended_by: the server that appended to the run last.

        Raises:
            DataLoss: what is stored is damaged, so that nobody can tell.
        """
        if appended_by != self._server:
            self.take_over(run)
        summaries = self._of_run(run)
        self._summaries.load(run, batch.keys)
        if len(batch.value) < _MANY_POINTS and not self._stored.has_tail(run):
            addenda = _small_addenda(summaries, batch)
            if addenda is not None:
                return NewPoints(run, Columns(batch.step, batch.timestamp, batch.value), addenda)
        found = NewPoints(run)
        for key, columns in metrics_of(batch):
            summary = summaries[key]
            new, is_apart = self._find_new(summary, columns)
            if new.size:
                bulk = batch.encoded.get(key, ()) if is_apart else ()
                found.metrics.append((summary, new, bulk))
        return found

    def append(self, new: NewPoints) -> None:
        """Append the points that `find_new` found, in the same transaction and before others."""
        if new.columns is None:
            for summary, columns, _ in new.metrics:
                summary.merge(columns)
            self._save([summary for summary, _, _ in new.metrics])
            for summary, columns, bulk in new.metrics:
                self._add(summary, columns, bulk)
            return
        buffer = self._buffers.setdefault(new.run, _Buffer())
        for summary, addendum in new.addenda:
            summary.add(addendum)
        self._save([summary for summary, _ in new.addenda])
        for summary, addendum in new.addenda:
            buffer.series.append(summary.id)
            buffer.counts.append(addendum.points)
        buffer.add_columns(new.columns)
        self._appended += new.columns.size

    def flush(self) -> None:
        """Write the buffered points and the changed summaries, and keep the caches in bounds."""
        self._write()
        if self._taken_over:
            _SET_APPENDED_BY.run(self._server, array_of(self._taken_over))
            self._taken_over.clear()
        self.points += self._appended
        self._appended = 0
        self._summaries.trim()

    def start_run(self, run: int) -> None:
        """Take a run that this transaction has created, which has no points yet."""
        if self._server is None:  # others may append to it first, where there are others
            self._summaries.add_new(run)

    def take_over(self, run: int) -> None:
        """Drop what is known of a run to which another server appended, and tell that one so."""
        if run not in self._taken_over:
            self._taken_over.add(run)
            self._summaries.forget(run)
            self._stored.forget(run)

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
        self._appended += new.size
        if bulk:
            chunks.insert(summary.run, summary.id, bulk)
            return
        buffer = self._buffers.setdefault(summary.run, _Buffer())
        buffer.add(summary.id, new)
        self._stored.add(summary.run, summary.id, new)
        if len(buffer.step) > _BUFFER_POINTS:
            self._write()

    def _save(self, summaries: Sequence[Summary]) -> None:
        """Have summaries written with those of others, or at once if their series are new."""
        new = [summary for summary in summaries if not summary.id]
        self._changed.update((summary.id, summary) for summary in summaries if summary.id)
        if new:
            series_summary.create_series(new)

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


def _small_addenda(
    summaries: dict[str, Summary], batch: Batch
) -> list[tuple[Summary, Addendum]] | None:
    """Return what the points of a batch add, if they are numbers, in order and later than all.

    That is what most batches are, so it is done without arrays.
    """
    value = batch.value.tolist()
    total = sum(value)
    if total != total:  # some of them are NaN, or infinities of both signs
        return None
    position = list(zip(batch.step.tolist(), batch.timestamp.tolist(), strict=True))
    addenda = []
    first = 0
    for key, count in zip(batch.keys, batch.counts, strict=True):
        end = first + count
        summary = summaries[key]
        if not summary.precedes(*position[first]):
            return None
        if not all(map(lt, position[first : end - 1], position[first + 1 : end])):
            return None
        values = value[first:end]
        last = (*position[end - 1], values[-1], False)
        addenda.append((summary, Addendum(count, last, min(values), max(values))))
        first = end
    return addenda
