"""Histories of ranges of steps, of many runs, and thinned ones."""

from __future__ import annotations

import math
from itertools import count
from typing import Any

import grpc
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runstream.v1.metric_service_pb2 import ReadMetricHistoryRequest
from support.api import Api, Point, expect_refusal, make_batch

LEAST, GREATEST = -(2**63), 2**63 - 1
STEPS = st.integers(LEAST, GREATEST) | st.integers(-5, 40)
VALUES = st.sampled_from([math.nan, math.inf, -math.inf, 0.0]) | st.floats(-100, 100)
POINTS = st.lists(st.tuples(STEPS, st.integers(0, 30), VALUES), min_size=1, max_size=120)
NUMBER = count()


def read(api: Api, **request: Any) -> list[tuple[str, str, int, int, float]]:
    return [
        (answer.run_id, answer.metrics.keys[0], *point)
        for answer in api.metrics.ReadMetricHistory(ReadMetricHistoryRequest(**request))
        for point in zip(
            answer.metrics.step, answer.metrics.timestamp, answer.metrics.value, strict=True
        )
    ]


def logged(api: Api, points: list[Point]) -> str:
    run_id = api.create_run()
    (answer,) = api.log_batches([make_batch(run_id, points)])
    assert not answer.HasField("error")
    return run_id


def test_a_range_of_steps_includes_both_ends(shared: Api) -> None:
    """M6."""
    run_id = logged(shared, [("loss", step, 1, 0.5) for step in (LEAST, -1, 0, 1, 2, GREATEST)])

    def steps(**bounds: int) -> list[int]:
        return [row[2] for row in read(shared, run_id=run_id, **bounds)]

    assert steps(start_step=-1, end_step=1) == [-1, 0, 1]
    assert steps(start_step=0) == [0, 1, 2, GREATEST]
    assert steps(end_step=0) == [LEAST, -1, 0]
    assert steps(start_step=GREATEST, end_step=GREATEST) == [GREATEST]
    assert steps(start_step=LEAST, end_step=LEAST) == [LEAST]
    assert steps(start_step=2, end_step=1) == []


def test_a_range_of_a_long_history_comes_whole(shared: Api) -> None:
    run_id = logged(shared, [("loss", step, 1, 0.5) for step in range(60_000)])
    found = read(shared, run_id=run_id, start_step=100, end_step=50_099)
    assert [row[2] for row in found] == list(range(100, 50_100))


def test_many_runs_come_in_the_order_that_is_asked_for(shared: Api) -> None:
    runs = [
        logged(shared, [("b", 1, 1, i), ("a", 1, 1, i)] if i else [("a", 1, 1, 0)])
        for i in range(3)
    ]
    wanted = [runs[2], runs[0], runs[1]]
    found = [(row[0], row[1]) for row in read(shared, run_ids=wanted)]
    assert found == [
        (runs[2], "a"),
        (runs[2], "b"),
        (runs[0], "a"),
        (runs[1], "a"),
        (runs[1], "b"),
    ]
    found = [(row[0], row[1]) for row in read(shared, run_ids=wanted, metric_keys=["b"])]
    assert found == [(runs[2], "b"), (runs[1], "b")]


def test_a_run_that_is_named_twice_comes_once(shared: Api) -> None:
    runs = [logged(shared, [("a", 1, 1, 0.5)]) for _ in range(2)]
    found = read(shared, run_ids=[runs[0], runs[1], runs[0]])
    assert [row[0] for row in found] == runs


def test_an_unknown_run_is_named_before_any_point_comes(shared: Api) -> None:
    run_id = logged(shared, [("loss", step, 1, 0.5) for step in range(60_000)])
    request = ReadMetricHistoryRequest(run_ids=[run_id, "unknown"])
    with expect_refusal(grpc.StatusCode.NOT_FOUND, "RUN_NOT_FOUND") as refusal:
        next(shared.metrics.ReadMetricHistory(request))
    assert refusal.metadata["value"] == "unknown"


def test_short_and_long_histories_come_whole_and_in_order(shared: Api) -> None:
    lengths = {f"m{i:03}": 40_000 if i == 150 else i % 3 + 1 for i in range(300)}
    run_id = logged(
        shared, [(key, step, 1, 0.5) for key, number in lengths.items() for step in range(number)]
    )
    expected = [(key, step) for key, number in lengths.items() for step in range(number)]
    assert [row[1:3] for row in read(shared, run_id=run_id)] == expected


@pytest.mark.parametrize(
    ("request_", "code", "reason"),
    [
        ({}, grpc.StatusCode.INVALID_ARGUMENT, "RUN_IDS_MISSING"),
        ({"run_id": "a", "run_ids": ["b"]}, grpc.StatusCode.INVALID_ARGUMENT, "RUN_IDS_CONFLICT"),
        ({"run_id": "0" * 32}, grpc.StatusCode.NOT_FOUND, "RUN_NOT_FOUND"),
        ({"run_ids": ["0" * 32]}, grpc.StatusCode.NOT_FOUND, "RUN_NOT_FOUND"),
        (
            {"run_id": "a", "max_points": 9},
            grpc.StatusCode.INVALID_ARGUMENT,
            "MAX_POINTS_OUT_OF_RANGE",
        ),
        (
            {"run_id": "a", "max_points": -1},
            grpc.StatusCode.INVALID_ARGUMENT,
            "MAX_POINTS_OUT_OF_RANGE",
        ),
    ],
)
def test_a_bad_request_is_refused(
    shared: Api, request_: Any, code: grpc.StatusCode, reason: str
) -> None:
    with expect_refusal(code, reason):
        read(shared, **request_)


def same(point: tuple[int, int, float]) -> tuple[int, int, str]:
    """A point that is equal to itself also where it is NaN."""
    return point[0], point[1], repr(point[2] + 0.0)


@settings(max_examples=60)
@given(points=POINTS, most=st.integers(10, 60))
@example([(0, t, math.nan if t % 7 == 0 else float(t % 11)) for t in range(100)], 20)
@example([(LEAST, 1, 0.5), *((GREATEST, t, 1.0) for t in range(30))], 10)
def test_a_thinned_history_keeps_the_shape_of_every_part(
    shared: Api, points: list[tuple[int, int, float]], most: int
) -> None:
    key = f"m{next(NUMBER)}"
    run_id = logged(shared, [(key, *point) for point in points])
    whole = [row[2:] for row in read(shared, run_id=run_id, metric_keys=[key])]
    thin = [row[2:] for row in read(shared, run_id=run_id, metric_keys=[key], max_points=most)]
    if len(whole) <= most:
        assert list(map(same, thin)) == list(map(same, whole))
        return
    assert len(thin) <= most
    kept = set(map(same, thin))
    assert [point for point in map(same, whole) if point in kept] == list(map(same, thin))
    axis = 0 if whole[0][0] < whole[-1][0] else 1
    low, high = int(whole[0][axis]), int(whole[-1][axis])
    number = min(most // 5, high - low + 1)
    for i in range(number):
        begin = low + (high - low + 1) * i // number
        end = low + (high - low + 1) * (i + 1) // number
        part = [point for point in whole if begin <= point[axis] < end]
        numbers = [point[2] for point in part if point[2] == point[2]]
        here = [point for point in thin if begin <= point[axis] < end]
        assert bool(part) == bool(here)
        if part:
            assert same(part[0]) == same(here[0])
            assert same(part[-1]) == same(here[-1])
            assert (len(numbers) < len(part)) == any(point[2] != point[2] for point in here)
        if numbers:
            left = [point[2] for point in here if point[2] == point[2]]
            assert (min(left), max(left)) == (min(numbers), max(numbers))


def test_the_range_is_thinned_and_not_the_whole_history(shared: Api) -> None:
    run_id = logged(shared, [("loss", step, 1, float(step)) for step in range(1000)])
    wanted = {"run_id": run_id, "max_points": 100}
    assert len(read(shared, **wanted)) < 100
    assert len(read(shared, **wanted, start_step=200, end_step=299)) == 100
    found = read(shared, **wanted, start_step=200, end_step=399)
    assert (found[0][2], found[-1][2], len(found)) == (200, 399, 40)


def test_a_spike_and_a_gap_in_a_long_history_are_kept(shared: Api) -> None:
    points = [("loss", step, 1, 0.5) for step in range(50_000)]
    points[31_415] = ("loss", 31_415, 1, 99.0)
    points[27_182] = ("loss", 27_182, 1, math.nan)
    run_id = logged(shared, points)
    found = {row[2]: row[4] for row in read(shared, run_id=run_id, max_points=50)}
    assert found[31_415] == 99.0
    assert math.isnan(found[27_182])
    assert len(found) <= 50


def test_a_thinned_history_may_be_long_itself(shared: Api) -> None:
    run_id = logged(shared, [("loss", step, 1, float(step * 7 % 11)) for step in range(60_000)])
    request = ReadMetricHistoryRequest(run_id=run_id, max_points=40_000)
    tables = [answer.metrics for answer in shared.metrics.ReadMetricHistory(request)]
    steps = [step for table in tables for step in table.step]
    assert all(len(table.step) <= 65_536 for table in tables)
    assert steps == sorted(set(steps))
    assert 8_000 * 2 <= len(steps) <= 40_000
