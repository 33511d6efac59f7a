"""The chunks of series in the database."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from peewee import Tuple

from runstream.errors import DataLoss
from runstream.rules import INT64_MAX
from runstream_service.engine.statements import ANY_IDS, Statement, array_of
from runstream_service.engine.tables import NAN, Chunk, ChunkData, Run, Series
from runstream_service.points.chunk_columns import ChunkColumns, decode_partly
from runstream_service.points.chunk_summary import Summaries, ends, pack_summary, unpack_summaries
from runstream_service.points.codec import (
    DamagedError,
    EncodedChunk,
    checksum,
    decode_into,
    decode_steps,
    new_columns,
    split_columns,
)
from runstream_service.points.columns import Columns, Integers, Position, has_common

log = logging.getLogger(__name__)

#: A position before all points that a series can have in chunks.
START = Position(-(2**63), -1, float("-inf"))

_FIRST = Tuple(Chunk.first_step, Chunk.first_timestamp, Chunk.first_value)
_ORDER = (Chunk.first_step, Chunk.first_timestamp, Chunk.first_value)
_OF_SERIES = (Chunk.run_id == 0) & (Chunk.series == 0)
_OF_RUN = ChunkData.run_id == 0

_INSERT_DATA = Statement(
    ChunkData.insert_many(
        [(0, 0, b"")], [ChunkData.run_id, ChunkData.checksum, ChunkData.data]
    ).returning(ChunkData.id)
)
_INSERT = Statement(
    Chunk.insert_many(
        [(0, 0, 0, 0, 0, 0, 0, b"")],
        [Chunk.run_id, Chunk.series, *_ORDER, Chunk.data_id, Chunk.count, Chunk.summary],
    )
)
_DELETE_DATA = Statement(ChunkData.delete().where(_OF_RUN & (ChunkData.id == 0)))
_DELETE = Statement(Chunk.delete().where(_OF_SERIES & (Tuple(0, 0, 0.0) == _FIRST)))
_SELECT_DATA = Statement(
    ChunkData.select(ChunkData.id, ChunkData.checksum, ChunkData.data).where(
        _OF_RUN & ChunkData.id.in_(ANY_IDS)
    )
)
_START_AT = Statement(
    Chunk.select(*_ORDER)
    .where(_OF_SERIES & (Tuple(0, 0, 0.0) >= _FIRST))
    .order_by(*(column.desc() for column in _ORDER))
    .limit(1)
)
_SUMMARIES = Statement(
    Chunk.select(Chunk.summary)
    .where(_OF_SERIES & (Tuple(0, 0, 0.0) <= _FIRST) & (Chunk.first_step <= 0))
    .order_by(*_ORDER)
    .limit(1)
)
_BEFORE = Statement(
    Chunk.select(Chunk.summary)
    .where(_OF_SERIES & (Tuple(0, 0, 0.0) > _FIRST))
    .order_by(*(column.desc() for column in _ORDER))
    .limit(1)
)
_ROWS = Statement(
    Chunk.select(*_ORDER, Chunk.data_id, Chunk.count, Chunk.summary)
    .where(_OF_SERIES)
    .order_by(*_ORDER)
)
_KEYS = Statement(
    Chunk.select(*_ORDER, Chunk.data_id, Chunk.count).where(_OF_SERIES).order_by(*_ORDER).limit(0)
)
_NEXT = Statement(
    Chunk.select(*_ORDER, Chunk.data_id, Chunk.count, Chunk.summary)
    .where(_OF_SERIES & (Tuple(0, 0, 0.0) < _FIRST))
    .order_by(*_ORDER)
    .limit(1)
)
_LAST = Statement(
    Chunk.select(*_ORDER).where(_OF_SERIES).order_by(*(column.desc() for column in _ORDER)).limit(1)
)
_NAMES = Statement(Series.select(Run.uuid, Series.key).join(Run).where(Series.id == 0))


def insert(run: int, series: int, chunks: Iterable[EncodedChunk]) -> None:
    """Insert chunks of a series that overlap no others."""
    for chunk in chunks:
        data_id = _INSERT_DATA.insert(run, chunk.checksum, chunk.data)
        summary = chunk.summary.copy()
        summary["id"] = data_id
        count = int(summary["count"][0])
        key = _key(summary[0])
        _INSERT.run(run, series, *key, data_id, count, pack_summary(series, summary))


def copy_next(source: tuple[int, int], target: tuple[int, int], limit: int) -> int:
    """Copy chunks of a series that come after those of its copy; return how many were there.

    Args:
        source: the run and the series.
        target: those of the copy.
        limit: how many chunks at the most.

    Raises:
        DataLoss: a chunk is damaged.
    """
    run, series = source
    key = _LAST.first(*target, 1) or _database_key(START)
    summaries = _unpack(series, [row[-1:] for row in _NEXT.rows(run, series, *key, limit)])
    with damage_reported(series):
        encoded = _read_data(run, series, summaries)
    if encoded is None:  # of several servers another has sealed meanwhile
        return limit
    for i, data in enumerate(encoded):
        insert(*target, [EncodedChunk(summaries[i : i + 1], data)])
    return len(summaries)


def delete(run: int, series: int, summaries: Summaries) -> int:
    """Delete chunks of a series; return how many of them were there."""
    deleted = 0
    for summary in summaries:
        _DELETE.run(run, series, *_key(summary))
        deleted += _DELETE_DATA.run(run, int(summary["id"]))
    return deleted


def delete_first(run: int, series: int, limit: int) -> list[int]:
    """Delete the first so many chunks of a series, damaged or not; return the points of each."""
    counts = []
    for *key, data_id, count in _KEYS.rows(run, series, limit):
        _DELETE.run(run, series, *key)
        _DELETE_DATA.run(run, data_id)
        counts.append(count)
    return counts


def read_summaries(
    run: int,
    series: int,
    start: Position = START,
    last_step: int = INT64_MAX,
    limit: int = INT64_MAX,
) -> Summaries:
    """Return the summaries of chunks in their order.

    Args:
        run: the run.
        series: the series.
        start: only the chunk that may have this point, and those after it.
        last_step: only chunks that begin at this step or before.
        limit: how many chunks at the most.
    """
    key = _database_key(start)
    found_key = None if start == START else _START_AT.first(run, series, *key, 1)
    key = found_key or key
    found = _unpack(series, _SUMMARIES.rows(run, series, *key, last_step, limit))
    if found_key and len(found) and not _has_key(found[0], found_key):
        raise damaged_error(series, "the row of a chunk is not that of its summary")
    if last_step != INT64_MAX and len(found) < limit:
        _check_next(run, series, _key(found[-1]) if len(found) else key)
    return found


def _check_next(run: int, series: int, key: tuple[Any, ...]) -> None:
    """Raise DataLoss if the chunk after a range begins elsewhere than its row says.

    The database finds a range by the rows. If one is damaged, it is one of those at the ends of
    what is found, or just outside.
    """
    rows = _NEXT.rows(run, series, *key, 1)
    if rows and not _row_matches(rows[0], _unpack(series, [rows[0][-1:]])[0]):
        raise damaged_error(series, "the row of a chunk is not that of its summary")


def read_summaries_before(run: int, series: int, position: Position, limit: int) -> Summaries:
    """Return the summaries of the last chunks that begin before a position, in their order."""
    return _unpack(series, _BEFORE.rows(run, series, *_database_key(position), limit)[::-1])


def read_overlapping(run: int, series: int, first: Position, last: Position) -> Summaries:
    """Return the summaries of those chunks that may have points between two others."""
    found = read_summaries(run, series, first, last.step)
    # They are in order, so that only those at both ends can be outside.
    start, end = 0, len(found)
    while start < end and _is_apart(found[start], first, last):
        start += 1
    while start < end and _is_apart(found[end - 1], first, last):
        end -= 1
    return found[start:end]


def read(run: int, series: int, summaries: Summaries) -> Columns | None:
    """Return the points of consecutive chunks, or None if one of them is not there any more.

    Raises:
        DataLoss: a chunk is damaged.
    """
    points = new_columns(int(summaries["count"].sum()))
    end = 0
    with damage_reported(series):
        encoded = _read_data(run, series, summaries)
        if encoded is None:
            return None
        for summary, data in zip(summaries, encoded, strict=True):
            start, end = end, end + int(summary["count"])
            decode_into(summary, data, points.part(start, end))
    return points


def read_partly(run: int, series: int, summaries: Summaries) -> ChunkColumns | None:
    """Return what `read` does, with the values decoded, and the rest not yet.

    The values are there until this thread reads others. What uses them runs in `damage_reported`.

    Raises:
        DataLoss: a chunk is damaged.
    """
    with damage_reported(series):
        encoded = _read_data(run, series, summaries)
        if encoded is None:
            return None
        return decode_partly(summaries, [split_columns(data) for data in encoded])


def read_if_meeting(run: int, series: int, summary: Summaries, steps: Integers) -> Columns | None:
    """Return the points of a chunk that is there, or None if it has none of some sorted steps.

    Its timestamps and values are only decoded if it has.

    Raises:
        DataLoss: it is damaged.
    """
    with damage_reported(series):
        encoded = _read_data(run, series, summary)
        if encoded is None:
            raise DamagedError("a chunk is missing")
        points = new_columns(int(summary["count"][0]))
        decode_steps(summary[0], encoded[0], points.step)
        if not has_common(points.step, steps):
            return None
        decode_into(summary[0], encoded[0], points)
    return points


@contextmanager
def damage_reported(series: int) -> Iterator[None]:
    """Raise DataLoss, which names run and metric, where a block finds that a chunk is damaged."""
    try:
        yield
    except DamagedError as error:
        raise damaged_error(series, str(error)) from None


def rows_match(run: int, series: int) -> bool:
    """Return whether the columns of the chunks of a series say what their summaries say."""
    rows = _ROWS.rows(run, series)
    summaries = _unpack(series, [row[-1:] for row in rows])
    return all(map(_row_matches, rows, summaries))


def damaged_error(series: int, what: str) -> DataLoss:
    """Return the error for callers who ask for points that are damaged on disk."""
    run_id, key = _NAMES.first(series) or ("", "")
    log.error("points of metric %r of run %s are damaged: %s", key, run_id, what)
    return DataLoss(
        f"points of metric {key!r} of run {run_id} are damaged in the database ({what}); "
        "`runstream db check` lists what is",
        reason="CHUNK_DAMAGED",
        run_id=run_id,
        metric=key,
        damage=what,
    )


def _read_data(run: int, series: int, summaries: Summaries) -> list[bytes] | None:
    """Return the bytes of chunks, or None if one of them is not there any more.

    Raises:
        DamagedError: one of them has another checksum, or is still there and has no bytes.
    """
    ids = summaries["id"].tolist()
    rows = {row[0]: row[1:] for row in _SELECT_DATA.rows(run, array_of(ids))}
    found = []
    packed = memoryview(summaries.tobytes())
    for i, data_id in enumerate(ids):
        if data_id not in rows:
            if data_id in read_summaries(run, series)["id"]:
                raise DamagedError("a chunk has no points")
            return None
        stored, data = rows[data_id]
        summary = packed[i * summaries.itemsize : (i + 1) * summaries.itemsize]
        if checksum(summary, data) != stored:
            raise DamagedError("its checksum is another")
        found.append(data)
    return found


def _row_matches(row: tuple[Any, ...], summary: Any) -> bool:
    *key, data_id, count, _ = row
    return _has_key(summary, key) and (data_id, count) == (summary["id"], summary["count"])


def _has_key(summary: Any, key: Sequence[Any]) -> bool:
    step, timestamp, value = key
    first = Position(step, timestamp, float(value))
    return order_key(first) == order_key(ends(summary)[0])


def _unpack(series: int, rows: Sequence[tuple[Any, ...]]) -> Summaries:
    try:
        return unpack_summaries(series, [row[0] for row in rows])
    except ValueError as error:
        raise damaged_error(series, str(error)) from None


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
