"""The chunks of series in the database."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from peewee import Tuple

from runstream.errors import DataLoss
from runstream.rules import INT64_MAX
from runstream_service.engine.statements import compile_sql, first_row
from runstream_service.engine.tables import NAN, Chunk, ChunkData, Run, Series, database
from runstream_service.points.chunk_summary import Summaries, ends, pack_summary, unpack_summaries
from runstream_service.points.codec import (
    DamagedError,
    EncodedChunk,
    checksum,
    decode_into,
    new_columns,
)
from runstream_service.points.columns import Columns, Position

log = logging.getLogger(__name__)

#: A position before all points that a series can have in chunks.
START = Position(-(2**63), -1, float("-inf"))

_FIRST = Tuple(Chunk.first_step, Chunk.first_timestamp, Chunk.first_value)
_ORDER = (Chunk.first_step, Chunk.first_timestamp, Chunk.first_value)
_OF_SERIES = Chunk.series == 0

_INSERT_DATA = compile_sql(
    ChunkData.insert_many([(0, b"")], [ChunkData.checksum, ChunkData.data]).returning(ChunkData.id)
)
_INSERT = compile_sql(
    Chunk.insert_many(
        [(0, 0, 0, 0, 0, 0, b"")],
        [Chunk.series, *_ORDER, Chunk.data_id, Chunk.count, Chunk.summary],
    )
)
_DELETE_DATA = compile_sql(ChunkData.delete().where(ChunkData.id == 0))
_DELETE = compile_sql(Chunk.delete().where(_OF_SERIES & (Tuple(0, 0, 0.0) == _FIRST)))
_SELECT_DATA = compile_sql(
    ChunkData.select(ChunkData.checksum, ChunkData.data).where(ChunkData.id == 0)
)
_START_AT = compile_sql(
    Chunk.select(*_ORDER)
    .where(_OF_SERIES & (Tuple(0, 0, 0.0) >= _FIRST))
    .order_by(*(column.desc() for column in _ORDER))
    .limit(1)
)
_SUMMARIES = compile_sql(
    Chunk.select(Chunk.summary)
    .where(_OF_SERIES & (Tuple(0, 0, 0.0) <= _FIRST) & (Chunk.first_step <= 0))
    .order_by(*_ORDER)
    .limit(1)
)
_BEFORE = compile_sql(
    Chunk.select(Chunk.summary)
    .where(_OF_SERIES & (Tuple(0, 0, 0.0) > _FIRST))
    .order_by(*(column.desc() for column in _ORDER))
    .limit(1)
)
_NAMES = compile_sql(Series.select(Run.uuid, Series.key).join(Run).where(Series.id == 0))


def insert(series: int, chunks: Iterable[EncodedChunk]) -> None:
    """Insert chunks of a series that overlap no others."""
    for chunk in chunks:
        row = first_row(_INSERT_DATA, chunk.checksum, chunk.data)
        if row is None:
            raise LookupError("the database gives no id")
        summary = chunk.summary.copy()
        summary["id"] = row[0]
        count = int(summary["count"][0])
        key = _key(summary[0])
        database.execute_sql(_INSERT, (series, *key, row[0], count, pack_summary(summary)))


def delete(series: int, summaries: Summaries) -> int:
    """Delete chunks of a series; return how many of them were there."""
    deleted = 0
    for summary in summaries:
        database.execute_sql(_DELETE, (series, *_key(summary)))
        deleted += database.execute_sql(_DELETE_DATA, (int(summary["id"]),)).rowcount
    return deleted


def read_summaries(
    series: int,
    start: Position = START,
    last_step: int = INT64_MAX,
    limit: int = INT64_MAX,
) -> Summaries:
    """Return the summaries of chunks in their order.

    Args:
        series: the series.
        start: only the chunk that may have this point, and those after it.
        last_step: only chunks that begin at this step or before.
        limit: how many chunks at the most.
    """
    key = _database_key(start)
    if start is not START:
        key = first_row(_START_AT, series, *key, 1) or key
    rows = database.execute_sql(_SUMMARIES, (series, *key, last_step, limit)).fetchall()
    return unpack_summaries([row[0] for row in rows])


def read_summaries_before(series: int, position: Position, limit: int) -> Summaries:
    """Return the summaries of the last chunks that begin before a position, in their order."""
    rows = database.execute_sql(_BEFORE, (series, *_database_key(position), limit)).fetchall()
    return unpack_summaries([row[0] for row in reversed(rows)])


def read_overlapping(series: int, first: Position, last: Position) -> Summaries:
    """Return the summaries of those chunks that may have points between two others."""
    found = read_summaries(series, first, last.step)
    return (
        found[[not _is_apart(summary, first, last) for summary in found]] if len(found) else found
    )


def read(series: int, summaries: Summaries) -> Columns | None:
    """Return the points of consecutive chunks, or None if one of them is not there any more.

    Raises:
        DataLoss: a chunk is damaged.
    """
    size = int(summaries["count"].sum())
    points = new_columns(size)
    start = 0
    for summary in summaries:
        end = start + int(summary["count"])
        row = first_row(_SELECT_DATA, int(summary["id"]))
        if row is None:
            return None
        try:
            _decode(summary, row, points.part(start, end))
        except DamagedError as error:
            raise damaged_error(series, str(error)) from None
        start = end
    return points


def damaged_error(series: int, what: str) -> DataLoss:
    """Return the error for callers who ask for points that are damaged on disk."""
    run_id, key = first_row(_NAMES, series) or ("", "")
    log.error("points of metric %r of run %s are damaged: %s", key, run_id, what)
    return DataLoss(
        f"points of metric {key!r} of run {run_id} are damaged in the database ({what}); "
        "`runstream db check` lists what is",
        reason="CHUNK_DAMAGED",
        run_id=run_id,
        metric=key,
    )


def _decode(summary: Any, row: tuple[Any, ...], out: Columns) -> None:
    stored, data = row
    if checksum(summary.tobytes(), data) != stored:
        raise DamagedError("its checksum is another")
    decode_into(summary, data, out)


def _key(summary: Any) -> tuple[int, int, float | str]:
    return _database_key(ends(summary)[0])


def _database_key(position: Position) -> tuple[int, int, float | str]:
    step, timestamp, value = position
    return step, timestamp, NAN if value != value else value


def _is_apart(summary: Any, first: Position, last: Position) -> bool:
    start, end = ends(summary)
    return order_key(end) < order_key(first) or order_key(last) < order_key(start)


def order_key(position: Position) -> tuple[int, int, bool, float]:
    """Return what tells which of two points comes first."""
    step, timestamp, value = position
    is_nan = value != value
    return step, timestamp, is_nan, 0.0 if is_nan else value
