"""Copying all points of a run to another one, in pieces of a bounded size.

Chunks are copied as they are, one series after the other. A sealer may replace some meanwhile, so
that those of the copy are compared with all of the run before the tail is copied.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from peewee import Value, fn

from runstream_service.engine.statements import Statement
from runstream_service.engine.tables import Chunk, Series
from runstream_service.points import chunks, tail
from runstream_service.points.chunk_summary import SUMMARY
from runstream_service.points.removal import remove_points
from runstream_service.points.tail_row import make_row

# Chunks of a piece, which have 300 kB at the most.
_CHUNKS = 16

_LAST_KEY = Statement(Series.select(fn.MAX(Series.key)).where(Series.run == 0))
_OF_KEY = Statement(Series.select(Series.id).where((Series.run == 0) & (Series.key == "")))
_AFTER = Statement(
    Series.select(Series.id, Series.key)
    .where((Series.run == 0) & (Series.key > ""))
    .order_by(Series.key)
    .limit(1)
)
_SUMMARY = [
    Series.key,
    Series.count,
    Series.last_step,
    Series.last_timestamp,
    Series.last_value,
    Series.min_value,
    Series.max_value,
]
_INSERT = Statement(
    Series.insert_from(
        Series.select(Value(0, converter=False), *_SUMMARY).where(Series.id == 0),
        [Series.run, *_SUMMARY],
    )
)
_IDS = Statement(Series.select(Series.key, Series.id).where(Series.run == 0))
_CHUNKS_OF_RUN = Statement(
    Chunk.select(Series.key, Chunk.summary)
    .join(Series)
    .where((Series.run == 0) & (Chunk.run_id == 0))
    .order_by(Series.key, Chunk.first_step, Chunk.first_timestamp, Chunk.first_value)
)


def copy_chunks(source: int, target: int) -> Iterator[None]:
    """Copy the series of a run and their chunks, those that the copy lacks; yield after each piece.

    Args:
        source: the run.
        target: the run that gets the points, to which nothing is logged.

    Raises:
        DataLoss: a chunk is damaged.
    """
    (key,) = _LAST_KEY.first(target) or (None,)
    if key is not None:  # its series may be copied in part
        yield from _copy_series(source, target, str(key))
    while found := _AFTER.first(source, key or "", 1):
        series, key = found
        _INSERT.run(target, series)
        yield
        yield from _copy_series(source, target, key)


def copy_tail(source: int, target: int) -> bool:
    """Copy the points that are in no chunk, if all chunks are those of the copy.

    Returns:
        Whether they are; if not, `discard` is to be called, and `copy_chunks` again.

    Raises:
        DataLoss: a row of the tail is damaged.
    """
    if _digest(source) != _digest(target):
        return False
    found = tail.read_tail(source)
    keys = {series: key for key, series in _IDS.rows(source)}
    copies: dict[str, int] = dict(_IDS.rows(target))
    for series in keys:
        found.check(series)
    series, counts, columns = [], [], []
    for each, points in found.by_series():
        series.append(copies[keys[each]])
        counts.append(points.size)
        columns.append(points)
    if series:
        parts = [column.tobytes() for which in zip(*columns, strict=True) for column in which]
        tail.insert_rows([make_row(target, series, counts, parts, is_rest=True)])
    return True


def discard(target: int) -> Iterator[None]:
    """Remove the points of a copy again, piece by piece."""
    for _ in remove_points(target):
        yield


def _copy_series(source: int, target: int, key: str) -> Iterator[None]:
    (of_source,), (of_target,) = (_OF_KEY.first(run, key) or (0,) for run in (source, target))
    while chunks.copy_next((source, of_source), (target, of_target), _CHUNKS):
        yield


def _digest(run: int) -> bytes:
    """Return what tells the chunks of a run from others: all of their summaries but the ids."""
    digest = hashlib.sha256()
    for key, summary in _CHUNKS_OF_RUN.rows(run, run):
        digest.update(str(key).encode() + b"\0" + bytes(summary[8 : SUMMARY.itemsize]))
    return digest.digest()
