"""Smoothed values beside those of a history."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runstream.v1 import metric_service_pb2 as pb
from support.api import Api, expect_refusal, make_batch

Points = list[tuple[int, float]]

KINDS = (
    (pb.SMOOTHING_EXPONENTIAL, 0.9),
    (pb.SMOOTHING_EXPONENTIAL, 0.999),
    (pb.SMOOTHING_TIME_WEIGHTED, 3.5),
    (pb.SMOOTHING_GAUSSIAN, 2.0),
    (pb.SMOOTHING_RUNNING_MEAN, 7),
    (pb.SMOOTHING_RUNNING_MEAN, 100_000),
    (pb.SMOOTHING_MINIMUM, 0),
    (pb.SMOOTHING_MAXIMUM, 0),
)
VALUES = st.sampled_from([math.nan, math.inf, -math.inf, 1e300, 1e-300, 1.7e308]) | st.floats(0, 9)
NUMBER = iter(range(1_000_000))


def log(api: Api, points: Points) -> dict[str, Any]:
    """Log points to a metric of its own; return the request that reads it."""
    run_id, key = api.create_run(), f"m{next(NUMBER)}"
    points_of_key = [(key, step, 1, value) for step, value in points]
    (answer,) = api.log_batches([make_batch(run_id, points_of_key)])
    assert not answer.HasField("error")
    return {"run_id": run_id, "metric_keys": [key]}


def read(api: Api, **request: Any) -> list[tuple[int, float, float]]:
    """Return step, value and smoothed value of each point."""
    answers = list(api.metrics.ReadMetricHistory(pb.ReadMetricHistoryRequest(**request)))
    return [
        point
        for one in answers
        for point in zip(one.metrics.step, one.metrics.value, one.smoothed, strict=True)
    ]


def weigher(kind: int, amount: float) -> Callable[[int, int, int, int], float]:
    """Return what a point at an index and step weighs for one at another index and step."""
    half, ends = int(amount) // 2, math.ceil(4 * amount)

    def weigh(at: int, step: int, i: int, other: int) -> float:
        match kind:
            case pb.SMOOTHING_EXPONENTIAL:
                return float(amount ** (at - i)) if i <= at else 0.0
            case pb.SMOOTHING_TIME_WEIGHTED:
                return float(0.5 ** ((step - other) / amount)) if i <= at else 0.0
            case pb.SMOOTHING_GAUSSIAN:
                near = abs(at - i) <= ends
                return math.exp(-0.5 * ((at - i) / amount) ** 2) if near else 0.0
            case _:
                return 1.0 if abs(at - i) <= half else 0.0

    return weigh


def smooth(points: Sequence[tuple[int, float]], kind: int, amount: float) -> list[float]:
    """Smooth values one by one, by the definition."""
    finite = [(step, value) for step, value in points if math.isfinite(value)]
    weigh, found = weigher(kind, amount), []
    for at, (step, _) in enumerate(finite):
        if kind in (pb.SMOOTHING_MINIMUM, pb.SMOOTHING_MAXIMUM):
            choose = min if kind == pb.SMOOTHING_MINIMUM else max
            found.append(choose(value for _, value in finite[: at + 1]))
            continue
        weights = [weigh(at, step, i, other) for i, (other, _) in enumerate(finite)]
        parts = zip(weights, finite, strict=True)
        found.append(math.fsum(w / sum(weights) * value for w, (_, value) in parts))
    left = iter(found)
    return [next(left) if math.isfinite(value) else math.nan for _, value in points]


@pytest.mark.parametrize(("kind", "amount"), KINDS)
@settings(max_examples=10)
@given(points=st.lists(st.tuples(st.integers(0, 60), VALUES), min_size=1, max_size=50))
def test_a_smoothed_value_is_that_of_all_points_by_its_definition(
    shared: Api, points: Points, kind: Any, amount: float
) -> None:
    request = log(shared, points)
    whole = shared.read_points(request["run_id"])
    expected = smooth([(step, value) for _, step, _, value in whole], kind, amount)
    found = read(shared, **request, smoothing=kind, smoothing_amount=amount)
    assert [one[2] for one in found] == pytest.approx(expected, rel=1e-9, nan_ok=True)


@pytest.mark.parametrize(
    ("kind", "amount"),
    [
        (pb.SMOOTHING_EXPONENTIAL, 0.9),
        (pb.SMOOTHING_GAUSSIAN, 300),
        (pb.SMOOTHING_RUNNING_MEAN, 2_000),
        (pb.SMOOTHING_MAXIMUM, 0),
    ],
)
def test_a_range_and_thinning_leave_the_smoothed_line_as_it_is(
    shared: Api, kind: Any, amount: float
) -> None:
    """A spike of one step was 4,000 steps wide when what had been thinned was smoothed."""
    size, spike = 60_000, 32_345
    values = [math.sin(step / 1e4) + (step * 7919 % 101) / 100 for step in range(size)]
    values[spike], values[spike + 1_000] = 1e6, math.nan
    request = log(shared, list(enumerate(values)))
    request |= {"smoothing": kind, "smoothing_amount": amount}
    whole = {step: smoothed for step, _, smoothed in read(shared, **request)}
    assert len(whole) == size
    if kind == pb.SMOOTHING_EXPONENTIAL:
        assert abs(whole[spike + 500] - whole[spike - 500]) < 2
    thinned = read(shared, **request, max_points=700)
    assert len(thinned) <= 700
    assert (spike, 1e6) in [one[:2] for one in thinned]
    assert any(math.isnan(value) for _, value, _ in thinned)
    part = read(shared, **request, start_step=20_000, end_step=40_000, max_points=700)
    assert [part[0][0], part[-1][0]] == [20_000, 40_000]
    for step, _, smoothed in thinned + part:
        assert smoothed == pytest.approx(whole[step], rel=1e-9, nan_ok=True)
    # The extremes of each part of the smoothed line are there.
    lows = [size * i // 100 for i in range(101)]
    for low, high in pairwise(lows):
        line = [whole[step] for step in range(low, high) if not math.isnan(whole[step])]
        kept = [smooth for step, _, smooth in thinned if low <= step < high and smooth == smooth]
        assert (min(kept), max(kept)) == pytest.approx((min(line), max(line)), rel=1e-9)


def test_who_appends_a_point_by_the_weight_gets_what_the_server_gets(shared: Api) -> None:
    for kind, amount, left in (
        (pb.SMOOTHING_EXPONENTIAL, 0.95, 0.95),
        (pb.SMOOTHING_TIME_WEIGHTED, 4.0, 0.5 ** (2 / 4)),
    ):
        request = log(shared, [(2 * step, float(step % 7)) for step in range(50)])
        request |= {"smoothing": kind, "smoothing_amount": amount}
        (answer,) = shared.metrics.ReadMetricHistory(pb.ReadMetricHistoryRequest(**request))
        points = [(request["metric_keys"][0], 100, 1, 30.0)]
        shared.log_batches([make_batch(request["run_id"], points)])
        before = left * answer.smoothing_weight
        mine = (before * answer.smoothed[-1] + 30.0) / (before + 1)
        assert read(shared, **request)[-1][2] == pytest.approx(mine, rel=1e-12)


@pytest.mark.parametrize(
    ("kind", "amount", "reason"),
    [
        (7, 1, "SMOOTHING_UNKNOWN"),
        (pb.SMOOTHING_EXPONENTIAL, 0, "SMOOTHING_AMOUNT_OUT_OF_RANGE"),
        (pb.SMOOTHING_EXPONENTIAL, 1, "SMOOTHING_AMOUNT_OUT_OF_RANGE"),
        (pb.SMOOTHING_EXPONENTIAL, math.nan, "SMOOTHING_AMOUNT_OUT_OF_RANGE"),
        (pb.SMOOTHING_TIME_WEIGHTED, math.inf, "SMOOTHING_AMOUNT_OUT_OF_RANGE"),
        (pb.SMOOTHING_GAUSSIAN, 10_001, "SMOOTHING_AMOUNT_OUT_OF_RANGE"),
        (pb.SMOOTHING_RUNNING_MEAN, 0.5, "SMOOTHING_AMOUNT_OUT_OF_RANGE"),
        (pb.SMOOTHING_MINIMUM, 1, "SMOOTHING_AMOUNT_OUT_OF_RANGE"),
    ],
)
def test_smoothing_that_there_is_not_is_refused(
    shared: Api, kind: Any, amount: float, reason: str
) -> None:
    with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, reason) as refusal:
        read(shared, run_id="a", smoothing=kind, smoothing_amount=amount)
    assert refusal.metadata["field"].startswith("smoothing")
    assert refusal.metadata["limit"]
