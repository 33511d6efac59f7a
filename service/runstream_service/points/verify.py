"""Verifying the points of a database against their checksums and summaries."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from peewee import fn

from runstream.errors import DataLoss
from runstream_service.engine.statements import Statement
from runstream_service.engine.tables import NAN, Chunk, ChunkData, Run, Series
from runstream_service.points import chunks
from runstream_service.points.chunk_summary import Summaries, ends, summarise
from runstream_service.points.columns import Columns, merge, span, subtract
from runstream_service.points.series_summary import FIELDS, Summary, rank
from runstream_service.points.tail import Tail, count_points, read_tail

_RUNS = Statement(Run.select(Run.id, Run.uuid).where(~Run.purging))  # those shrink step by step
_SERIES = Statement(
    Series.select(
        Series.id,
        Series.key,
        *FIELDS,
    ).where(Series.run == 0)
)
_UNUSED_DATA = Statement(
    ChunkData.select(fn.COUNT(ChunkData.id)).where(ChunkData.id.not_in(Chunk.select(Chunk.data_id)))
)


def find_faults() -> Iterator[str]:
    """Yield what is wrong with the points of a database, in one snapshot."""
    for (unused,) in _UNUSED_DATA.rows():
        if unused:
            yield f"{unused} chunks belong to no metric"
    for run, run_id in _RUNS.rows():
        tail = read_tail(run)
        for fault in _tail_faults(tail):
            yield f"run {run_id}: {fault}"
        for series, key, *summary in _SERIES.rows(run):
            for fault in _series_faults(Summary(series, run, key), tail, tuple(summary)):
                yield f"metric {key!r} of run {run_id}: {fault}"


def _tail_faults(tail: Tail) -> Iterator[str]:
    for row in tail.damage.heads:
        yield f"row {row} of its tail has another checksum"
    if tail.size + tail.damage.points != count_points(tail.run):
        yield "the rows of its tail do not have as many points as they say"
    by_series = dict(tail.by_series())
    if sum(points.size for points in by_series.values()) < tail.size:
        yield "a point is in its tail twice"
    if not by_series.keys() <= {series for series, *_ in _SERIES.rows(tail.run)}:
        yield "its tail has points of metrics that are not its own"


def _series_faults(found: Summary, tail: Tail, stored: tuple[object, ...]) -> Iterator[str]:
    """Yield the faults of one series; `found` collects the summary of what is read."""
    try:
        points = tail.of_series(found.id)
        if points.size:
            found.merge(points)
        if not chunks.rows_match(found.run, found.id):
            yield "the row of a chunk is not that of its summary"
        yield from _faults_of_chunks(found, points)
    except DataLoss as error:
        yield error.metadata["damage"]
        return
    if found.unsaved and _values(found) != tuple(NAN if x != x else x for x in stored):
        yield "its summary is not that of its points"
    elif not found.unsaved:
        yield "it has no points"


def _faults_of_chunks(found: Summary, tail: Columns) -> Iterator[str]:
    last = None
    for summary in chunks.read_summaries(found.run, found.id):
        begin, end = map(chunks.order_key, ends(summary))
        if last is not None and begin <= last:
            yield "chunks overlap"
        last = end
        chunk = chunks.read(found.run, found.id, summary.reshape(1))
        if chunk is None:
            raise chunks.damaged_error(found.id, "a chunk has no points")
        yield from _chunk_faults(summary, chunk, tail)
        found.merge(chunk)


def _chunk_faults(summary: Summaries, chunk: Columns, tail: Columns) -> Iterator[str]:
    expected = summarise(chunk)
    expected["id"] = summary["id"]
    if expected.tobytes() != summary.tobytes():
        yield "the summary of a chunk is not that of its points"
    if merge([chunk]).size != chunk.size or not _is_sorted(chunk):
        yield "the points of a chunk are not in order"
    near = tail.part(*span(tail, *ends(summary)))
    if subtract(near, chunk).size != near.size:
        yield "a point is stored twice"


def _is_sorted(columns: Columns) -> bool:
    order = np.lexsort((columns.value, columns.timestamp, columns.step))
    return bool((order == np.arange(columns.size)).all())


def _values(summary: Summary) -> tuple[object, ...]:
    last = summary.last or rank(0, 0, 0.0)
    value = NAN if last[3] else last[2]
    return summary.unsaved, last[0], last[1], value, summary.min_value, summary.max_value
