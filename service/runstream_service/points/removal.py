"""Removing the points of runs for good, in steps of a bounded size."""

from __future__ import annotations

from runstream_service.engine.statements import compile_sql
from runstream_service.engine.tables import Chunk, Series, TailRow, database
from runstream_service.points import chunks, tail

#: Rows of tails and chunks that one step removes; each of them is several pages long.
REMOVED_AT_ONCE = 256

_ROWS = compile_sql(
    TailRow.select(TailRow.id, TailRow.count).where(TailRow.run == 0).order_by(TailRow.id).limit(0)
)
_SERIES = compile_sql(Series.select(Series.id).where(Series.run == 0).limit(0))
_DELETE_SERIES = compile_sql(Series.delete().where(Series.id == 0))
_IN_TAILS = compile_sql(TailRow.select(TailRow.count).where(TailRow.run == 0))
_IN_CHUNKS = compile_sql(Chunk.select(Chunk.count).join(Series).where(Series.run == 0))


def count_points(run: int) -> int:
    """Return how many points of a run are stored, also of one that is half removed."""
    found = 0
    for statement in (_IN_TAILS, _IN_CHUNKS):
        found += sum(count for (count,) in database.execute_sql(statement, (run,)))
    return found


def remove_points(run: int, limit: int) -> tuple[int, int]:
    """Remove points of a run, and the series that have none left.

    Args:
        run: the run, to which nobody can log any more.
        limit: how many rows are removed at the most; that many if there may be more.

    Returns:
        How many points and how many rows were removed.
    """
    rows = database.execute_sql(_ROWS, (run, limit)).fetchall()
    tail.delete_rows([row for row, _ in rows])
    points, removed = sum(count for _, count in rows), len(rows)
    for (series,) in database.execute_sql(_SERIES, (run, max(0, limit - removed))).fetchall():
        left = limit - removed
        if left <= 0:
            break
        found = chunks.read_summaries(series, limit=left)
        chunks.delete(series, found)
        points += int(found["count"].sum())
        removed += len(found)
        if len(found) < left:
            database.execute_sql(_DELETE_SERIES, (series,))
            removed += 1
    return points, removed
