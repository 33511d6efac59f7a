"""Verifying the points of a database against their checksums and summaries."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from peewee import fn

from runstream.errors import DataLoss
from runstream_service.engine.statements import compile_sql
from runstream_service.engine.tables import Chunk, ChunkData, Run, Series, database
from runstream_service.points import chunks
from runstream_service.points.chunk_summary import Summaries, ends, summarise
from runstream_service.points.columns import Columns, merge, span, subtract
from runstream_service.points.series_summary import FIELDS, Summary, rank
from runstream_service.points.tail import Tail, read_tail

# Chunks that are read at a time.
_CHUNKS = 256

_RUNS = compile_sql(Run.select(Run.id, Run.uuid).where(~Run.purging))  # those shrink step by step
_SERIES = compile_sql(
    Series.select(
        Series.id,
        Series.key,
        *FIELDS,
    ).where(Series.run == 0)
)
_UNUSED_DATA = compile_sql(
    ChunkData.select(fn.COUNT(ChunkData.id)).where(ChunkData.id.not_in(Chunk.select(Chunk.data_id)))
)


def find_faults() -> Iterator[str]:
    """Yield what is wrong with the points of a database, in one snapshot."""
    for (unused,) in database.execute_sql(_UNUSED_DATA).fetchall():
        if unused:
            yield f"{unused} chunks belong to no metric"
    for run, run_id in database.execute_sql(_RUNS).fetchall():
        try:
            tail = read_tail(run)
        except DataLoss as error:
            yield error.message
            continue
        known = set()
        for series, key, *summary in database.execute_sql(_SERIES, (run,)).fetchall():
            known.add(series)
            for fault in _series_faults(Summary(series, run, key), tail, tuple(summary)):
                yield f"metric {key!r} of run {run_id}: {fault}"
        if any(series not in known for series, _ in tail.by_series()):
            yield f"the tail of run {run_id} has points of metrics that are not its own"


def _series_faults(found: Summary, tail: Tail, stored: tuple[object, ...]) -> Iterator[str]:
    """Yield the faults of one series; `found` collects the summary of what is read."""
    points = tail.of_series(found.id)
    if points.size:
        found.merge(points)
    last = None
    summaries = chunks.read_summaries(found.id)
    for first in range(0, len(summaries), _CHUNKS):
        for summary in summaries[first : first + _CHUNKS]:
            begin, end = map(chunks.order_key, ends(summary))
            if last is not None and begin <= last:
                yield "chunks overlap"
            last = end
            try:
                chunk = chunks.read(found.id, summary.reshape(1))
            except DataLoss as error:
                yield error.message
                return
            if chunk is None:
                yield "a chunk has no points"
                return
            yield from _chunk_faults(summary, chunk, points)
            found.merge(chunk)
    if found.unsaved and _values(found) != stored:
        yield "its summary is not that of its points"
    elif not found.unsaved:
        yield "it has no points"


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
    value = "NaN" if last[3] else last[2]
    return summary.unsaved, last[0], last[1], value, summary.min_value, summary.max_value
