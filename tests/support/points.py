"""What a run must hold after any points were logged to it, in whatever order and however often."""

from __future__ import annotations

import math
from collections.abc import Iterable

from support.api import Api, Point
from support.server_process import ServerProcess


def identity(point: Point) -> tuple[object, ...]:
    """What makes two points the same point (M4); all NaNs are one value."""
    key, step, timestamp, value = point
    return key, step, timestamp, "NaN" if math.isnan(value) else value


def rank(point: Point) -> tuple[object, ...]:
    """What makes one point later than another (M5)."""
    _, step, timestamp, value = point
    return step, timestamp, 0.0 if math.isnan(value) else value, math.isnan(value)


def check_points(server: ServerProcess, api: Api, run_id: str, logged: Iterable[Point]) -> None:
    """Check that a run has each of these points once, and that its metrics are summarised right."""
    points = {identity(point): point for point in logged}
    stored = api.read_points(run_id)
    assert sorted(map(repr, map(identity, stored))) == sorted(map(repr, points))
    for key, latest in api.read_latest_points(run_id).items():
        series = [point for point in points.values() if point[0] == key]
        assert rank((key, *latest)) == max(map(rank, series))
        numbers = [value for *_, value in series if not math.isnan(value)]
        assert _summary(server, run_id, key) == (
            len(series),
            min(numbers, default=None),
            max(numbers, default=None),
        )


def _summary(server: ServerProcess, run_id: str, key: str) -> tuple[object, ...]:
    (found,) = server.query(
        "SELECT count, min_value, max_value FROM series JOIN run ON run.id = series.run_id "
        f"WHERE uuid = '{run_id}' AND key = '{key}'"
    )
    return tuple(found)
