"""The store of points against a set of tuples, whatever is appended, undone and sealed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runstream_service.engine.batch import Batch
from runstream_service.engine.engine import Engine
from runstream_service.engine.sqlite import SqliteEngine
from runstream_service.engine.store import Store
from runstream_service.engine.tables import Run, Series
from runstream_service.points import append, chunks, codec, history, sealing, stored, thinning
from runstream_service.points.append import PointAppender, encode_bulk
from runstream_service.points.backlog import Backlog
from runstream_service.points.columns import Columns, Position, join, make_columns
from runstream_service.points.history import Steps, Tails
from runstream_service.points.timestamp_order import read_points_by_timestamp

Point = tuple[int, int, float]

LEAST, GREATEST = -(2**63), 2**63 - 1
ANY_POINT = st.tuples(
    st.sampled_from([LEAST, -1, 0, 1, 2, GREATEST]) | st.integers(-20, 40),
    st.integers(0, 3),
    st.sampled_from([0.0, -0.0, 0.5, math.nan, math.inf, -math.inf]) | st.floats(),
)
# Points in order, of which there may be many.
SPANS = st.builds(
    lambda first, count, stride: [(first + stride * i, i % 3, i / 7) for i in range(count)],
    st.integers(-20, 60),
    st.integers(1, 60),
    st.sampled_from([1, 1, 1, 3]),
)
BATCHES = st.dictionaries(
    st.sampled_from(["a", "b"]), st.lists(ANY_POINT, min_size=1, max_size=12) | SPANS, min_size=1
)
ACTIONS = st.lists(
    st.tuples(st.just("append"), BATCHES)
    | st.tuples(st.just("undo"), BATCHES)
    | st.tuples(st.just("seal"), st.sampled_from([1, 4, 16]))
    | st.tuples(st.just("append while sealing"), BATCHES),
    max_size=14,
)
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A database whose chunks are small, so that few points make many."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name, value in (
            (codec, "FULL_POINTS", 8),
            (sealing, "FULL_POINTS", 8),
            (sealing, "REST_POINTS", 40),
            (sealing, "REPLACED_CHUNKS", 4),
            (append, "BULK_POINTS", 8),
            (history, "_PLAN_CHUNKS", 3),
            (stored, "_FEW_POINTS", 3),
            (thinning, "_DECODED_POINTS", 20),
        ):
            patch.setattr(module, name, value)
        store = Store.open(SqliteEngine(tmp_path_factory.mktemp("store") / "runs.db"))
        yield store.engine
        store.close()


class Rollback(Exception):
    """Undoes a transaction."""


class StoredRun:
    """One run of the database, with an appender that knows nothing yet."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.run = Run.create(
            uuid=f"{next(NUMBERS):032x}",
            experiment=0,
            name="",
            user_id="",
            status=1,
            start_time=0,
            artifact_uri="",
            deleted=False,
            deleted_with_experiment=False,
        ).id
        self.points: dict[str, dict[tuple[object, ...], Point]] = {}
        self.appender = PointAppender(Backlog(engine))

    def append(self, batch: dict[str, list[Point]], *, undo: bool = False) -> None:
        metrics = {key: make_columns(*zip(*points, strict=True)) for key, points in batch.items()}
        counts = [columns.size for columns in metrics.values()]
        try:
            with self.engine.write_transaction():
                logged = Batch("", list(metrics), counts, *join(list(metrics.values())))
                logged.encoded = encode_bulk(metrics.items())
                self.appender.append(self.appender.find_new(self.run, logged))
                self.appender.flush()
                if undo:
                    raise Rollback  # noqa: TRY301 # as a fault in another command does
        except Rollback:
            self.appender.reset()
            return
        for key, points in batch.items():
            stored = self.points.setdefault(key, {})
            for point in points:
                stored.setdefault(identity(point), point)

    def apply(self, seal: sealing.Seal) -> bool:
        with self.engine.write_transaction():
            self.appender.forget_tail(self.run)
            return sealing.apply(seal)

    def expected(self, key: str) -> list[Point]:
        return sorted(self.points[key].values(), key=order)


def identity(point: Point) -> tuple[object, ...]:
    """What makes two points the same point (M4); all NaNs are one value."""
    step, timestamp, value = point
    return step, timestamp, "NaN" if math.isnan(value) else value


def order(point: Point) -> tuple[object, ...]:
    return chunks.order_key(Position(*point))


def rows(parts: list[Columns]) -> list[tuple[int, int, str]]:
    """Points of which NaN is equal to itself, and -0.0 is not 0.0."""
    return [(s, t, repr(v)) for part in parts for s, t, v in part.rows()]


def texts(points: list[Point]) -> list[tuple[int, int, str]]:
    return [(s, t, repr(v)) for s, t, v in points]


@settings(max_examples=150)
@given(actions=ACTIONS, limit=st.integers(1, 50))
@example([("append", {"a": [(0, 0, 0.0)] * 3}), ("seal", 1), ("append", {"a": [(0, 0, -0.0)]})], 1)
def test_each_point_is_stored_and_read_once(
    engine: Engine, actions: list[tuple[str, object]], limit: int
) -> None:
    """M3, M4, M5, M6."""
    run = StoredRun(engine)
    for action, value in actions:
        if action == "seal":
            assert run.apply(sealing.plan(run.run, value))  # type: ignore[arg-type]
        elif action == "append while sealing":
            seal = sealing.plan(run.run, 4)
            run.append(value)  # type: ignore[arg-type]
            run.apply(seal)
        else:
            run.append(value, undo=action == "undo")  # type: ignore[arg-type]
    stored = {series.key: series for series in Series.select().where(Series.run == run.run)}
    assert set(stored) == set(run.points)
    for key, series in stored.items():
        expected = run.expected(key)
        whole = list(history.iterate(run.run, series.id, Tails()))
        assert rows(whole) == texts(expected)
        check_pages(series.id, expected, limit)
        check_summary(series, expected)
        check_chunks(run.run, series.id)


def check_pages(series: int, expected: list[Point], limit: int) -> None:
    for read, ordered in (
        (history.read_points, expected),
        (read_points_by_timestamp, sorted(expected, key=lambda p: (p[1], p[0], *order(p)[2:]))),
    ):
        found, position = [], None
        while True:
            columns, position = read(series, limit, position)
            assert columns.size <= limit
            found.append(columns)
            if position is None:
                break
        assert rows(found) == texts(ordered)


def check_summary(series: Series, expected: list[Point]) -> None:
    numbers = [value for *_, value in expected if not math.isnan(value)]
    last = max(
        expected, key=lambda p: (p[0], p[1], 0.0 if math.isnan(p[2]) else p[2], p[2] != p[2])
    )
    assert (series.count, series.min_value, series.max_value) == (
        len(expected),
        min(numbers, default=None),
        max(numbers, default=None),
    )
    found = (series.last_step, series.last_timestamp, series.last_value)
    assert identity(found) == identity(last)


def check_chunks(run: int, series: int) -> None:
    """Chunks do not overlap, and are in the order of their first points."""
    found = chunks.read_summaries(run, series)
    points = [tuple(s[kind].item()) for s in found for kind in ("first", "last")]
    assert points == sorted(points, key=order)


@settings(max_examples=100)
@given(
    batches=st.lists(st.lists(ANY_POINT, min_size=1, max_size=30) | SPANS, min_size=1, max_size=6),
    most=st.integers(10, 60),
    steps=st.tuples(st.integers(-25, 70), st.integers(-25, 70)) | st.none(),
    sealed=st.booleans(),
)
def test_a_thinned_history_keeps_first_last_extremes_and_a_gap_of_every_part(
    engine: Engine,
    batches: list[list[Point]],
    most: int,
    steps: tuple[int, int] | None,
    sealed: bool,
) -> None:
    run = StoredRun(engine)
    for batch in batches:
        run.append({"a": batch})
        if sealed:
            run.apply(sealing.plan(run.run, 4))
    series = Series.get(Series.run == run.run).id
    range_ = Steps(*steps) if steps else Steps()
    whole = [p for p in run.expected("a") if range_.first <= p[0] <= range_.last]
    thinned = thinning.read_thinned(run.run, series, Tails(), range_, most)
    if thinned is None:
        assert len(whole) <= most
        return
    found = [(s, t, v) for part in thinned for s, t, v in part.rows()]
    assert texts(found) == texts(thin(whole, most))


def thin(whole: list[Point], most: int) -> list[Point]:
    """What stays of points, in plain Python."""
    axis = 0 if whole[0][0] < whole[-1][0] else 1
    low, high = int(whole[0][axis]), int(whole[-1][axis])
    number = min(most // 5, high - low + 1)
    kept: list[Point] = []
    for i in range(number):
        begin = low + (high - low + 1) * i // number
        end = low + (high - low + 1) * (i + 1) // number
        part = [point for point in whole if begin <= point[axis] < end]
        numbers = [i for i, point in enumerate(part) if point[2] == point[2]]
        chosen = {0, len(part) - 1} if part else set()
        chosen |= {i for i, point in enumerate(part) if point[2] != point[2]} and {
            min(i for i, point in enumerate(part) if point[2] != point[2])
        }
        if numbers:
            chosen |= {
                min(numbers, key=lambda i: part[i][2]),
                max(numbers, key=lambda i: (part[i][2], -i)),
            }
        kept += [part[i] for i in sorted(chosen)]
    return kept
