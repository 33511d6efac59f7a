"""Reading the points of series, on a reader's thread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from peewee import Tuple

from runstream.rules import INT64_MAX, INT64_MIN
from runstream_service.catalog import runs
from runstream_service.engine.statements import compile_sql
from runstream_service.engine.tables import NAN, Point, Series, database
from runstream_service.points.columns import NO_POINTS, Columns, make_columns

#: Points of one part of a history at most.
PART_POINTS = 16_384

_KEY = Tuple(Point.step, Point.timestamp, Point.value)
_POINTS = (
    Point.select(Point.step, Point.timestamp, Point.value)
    .where((Point.series == 0) & (Point.step <= 0))
    .order_by(Point.series, Point.step, Point.timestamp, Point.value)
    .limit(1)
)
_FIRST = compile_sql(_POINTS.where(Point.step >= 0))
_NEXT = compile_sql(_POINTS.where(Tuple(0, 0, 0.0) < _KEY))
_BY_TIME = (Point.timestamp, Point.step, Point.value)
_BY_TIMESTAMP = Point.select(Point.step, Point.timestamp, Point.value).order_by(*_BY_TIME).limit(1)
_FIRST_BY_TIMESTAMP = compile_sql(_BY_TIMESTAMP.where(Point.series == 0))
_NEXT_BY_TIMESTAMP = compile_sql(
    _BY_TIMESTAMP.where((Point.series == 0) & (Tuple(0, 0, 0.0) < Tuple(*_BY_TIME)))
)


class Steps(NamedTuple):
    """A range of steps, both ends included."""

    first: int = INT64_MIN
    last: int = INT64_MAX


_ALL_STEPS = Steps()


class Position(NamedTuple):
    """A point of a series, after which reading goes on; NaN is the text of `tables.NAN`."""

    step: int
    timestamp: int
    value: float | str


def series_of_run(run_id: str, keys: Sequence[str] = ()) -> list[Series]:
    """Return the series of a run by key: those of `keys`, or all if it is empty.

    Raises:
        NotFound: there is no such run.
    """
    query = Series.select().where(Series.run == runs.get(run_id)).order_by(Series.key)
    return list(query.where(Series.key.in_(list(keys))) if keys else query)


def read_points(
    series: int, limit: int, after: Position | None = None, steps: Steps = _ALL_STEPS
) -> tuple[Columns, Position | None]:
    """Return up to `limit` points by step, timestamp and value, NaN last.

    The second result is where to go on if there may be more.
    """
    # The driver's rows: Peewee's, which convert each value, take three times as long.
    if after is None:
        rows = database.execute_sql(_FIRST, (series, steps.last, steps.first, limit)).fetchall()
    else:
        rows = database.execute_sql(_NEXT, (series, steps.last, *after, limit)).fetchall()
    return _columns(rows, limit)


def read_points_by_timestamp(
    series: int, limit: int, after: Position | None = None
) -> tuple[Columns, Position | None]:
    """Return points as `read_points` does, ordered by timestamp, step and value (M6)."""
    if after is None:
        rows = database.execute_sql(_FIRST_BY_TIMESTAMP, (series, limit)).fetchall()
    else:
        key = (after.timestamp, after.step, after.value)
        rows = database.execute_sql(_NEXT_BY_TIMESTAMP, (series, *key, limit)).fetchall()
    return _columns(rows, limit)


def _columns(rows: list[Any], limit: int) -> tuple[Columns, Position | None]:
    if not rows:
        return NO_POINTS, None
    step, timestamp, value = zip(*rows, strict=True)
    more = Position(*rows[-1]) if len(rows) == limit else None
    if NAN in value:
        value = tuple(map(float, value))
    return make_columns(step, timestamp, value), more
