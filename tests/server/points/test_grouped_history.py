"""Histories of groups of runs on aligned steps."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runstream.v1 import grouped_history_pb2 as pb
from support.api import Api, expect_refusal, make_batch
from support.eager_sealer import EAGER
from support.server_process import ServerProcess

Points = list[tuple[int, float]]

LEAST, GREATEST = -(2**63), 2**63 - 1
VALUES = st.sampled_from([math.nan, math.inf, 1e300, 1.7e308, -1.7e308]) | st.floats(-9, 9)
RUN = st.lists(st.tuples(st.integers(-9, 70), VALUES), max_size=30)
RUNS = st.lists(RUN, min_size=1, max_size=5)


def log(api: Api, points: Points, run_id: str = "") -> str:
    run_id = run_id or api.create_run()
    (answer,) = api.log_batches([make_batch(run_id, [("loss", s, 1, v) for s, v in points])])
    assert not answer.HasField("error")
    return run_id


def read(api: Api, *groups: list[str], **request: Any) -> list[pb.GroupedHistory]:
    sets = [pb.RunSet(name=f"g{i}", run_ids=ids) for i, ids in enumerate(groups)]
    request = {"metric_keys": ["loss"], **request}
    answer = api.metrics.ReadGroupedHistory(pb.ReadGroupedHistoryRequest(groups=sets, **request))
    assert not answer.damaged
    return list(answer.histories)


def starts_of_parts(low: int, high: int, most: int) -> list[int]:
    """Return where each part of a range of steps begins, and where the last one ends."""
    digits = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)
    lengths = [d * 10**e for e in range(6) for d in digits if d * 10**e == int(d * 10**e)]
    for length in map(int, lengths):
        inner = [step for step in range(low + 1, high + 1) if step % length == 0]
        if len(inner) < most:
            return [low, *inner, high + 1]
    raise AssertionError("the range is too long")


def expected(runs: list[Points], most: int) -> list[tuple[int, list[float]]]:
    """Return the middle of each part and the values of runs there, one by one."""
    steps = [step for points in runs for step, _ in points]
    starts = starts_of_parts(min(steps), max(steps), most)
    parts = len(starts) - 1
    values: list[list[float]] = [[] for _ in range(parts)]
    for points in runs:
        found = {}
        for i in range(parts):
            of_part = [v for s, v in points if starts[i] <= s < starts[i + 1] and math.isfinite(v)]
            if of_part:
                found[i] = math.fsum(v / len(of_part) for v in of_part)
        known = sorted(found)
        for i in range(known[0], known[-1] + 1) if known else ():
            before = max(k for k in known if k <= i)
            after = min(k for k in known if k >= i)
            share = (i - before) / (after - before) if after > before else 0.0
            values[i].append(found[before] * (1 - share) + found[after] * share)
    middle = [(starts[i] + starts[i + 1] - 1) // 2 for i in range(parts)]
    return [(step, at) for step, at in zip(middle, values, strict=True) if at]


def middle_of(values: list[float]) -> float:
    """Return the median, also of values whose sum is no double."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else ordered[half - 1] / 2 + ordered[half] / 2


@settings(max_examples=25)
@given(runs=RUNS, parts=st.integers(10, 30), median=st.booleans())
def test_a_group_is_told_by_its_definition(
    shared: Api, runs: list[Points], parts: int, median: bool
) -> None:
    # A point counts once.
    texts = [dict.fromkeys((s, repr(v + 0.0)) for s, v in points) for points in runs]
    numbers = [[(step, float(value)) for step, value in points] for points in texts]
    ids = [log(shared, points) for points in numbers]
    centre: Any = pb.CENTRE_MEDIAN if median else pb.CENTRE_UNSPECIFIED
    request = {"max_points": parts, "centre": centre, "band": pb.BAND_EXTREMES}
    (found,) = read(shared, ids, **request)
    whole = expected(numbers, parts) if any(numbers) else []
    assert list(found.step) == [step for step, _ in whole]
    assert list(found.count) == [len(values) for _, values in whole]
    finite = (abs(value) for points in numbers for _, value in points if math.isfinite(value))
    largest = max(finite, default=0.0)  # between values of both signs digits are lost
    middle = middle_of if median else lambda of: math.fsum(v / len(of) for v in of)
    with np.errstate(over="ignore"):
        for told, of in (
            (found.centre, [middle(values) for _, values in whole]),
            (found.low, [min(values) for _, values in whole]),
            (found.high, [max(values) for _, values in whole]),
        ):
            assert list(told) == pytest.approx(of, rel=1e-9, abs=1e-12 * largest)


def test_groups_of_long_runs_have_bands_and_end_where_their_runs_end(shared: Api) -> None:
    size = 30_000
    steps = np.arange(size)
    first = [[(int(s), float(s) + i) for s in steps[: size // (i + 1)]] for i in range(3)]
    # Logged every 7 steps: it counts between these, too.
    sparse = [(int(s), 10.0) for s in steps[::7]]
    groups = [[log(shared, points) for points in first], [log(shared, sparse), log(shared, [])]]
    long, other = read(shared, *groups, max_points=100, band=pb.BAND_DEVIATION)
    assert (long.group, other.group) == ("g0", "g1")
    # A part has 300 steps, which is a round number.
    assert list(long.count) == [3] * 34 + [2] * 16 + [1] * 50
    assert list(long.step[:2]) == [149, 449]
    part = np.mean(steps[:300])
    assert long.centre[0] == pytest.approx(part + 1)
    assert (long.low[0], long.high[0]) == pytest.approx((part, part + 2))
    assert long.low[-1] == long.centre[-1] == long.high[-1]
    assert list(other.count) == [1] * 100
    assert (long.run_count, other.run_count) == (3, 1)  # one has logged nothing
    assert set(other.centre) == {10.0}
    (dense,) = read(shared, groups[1], max_points=2_000, start_step=70, end_step=1_000)
    assert (dense.step[0], dense.step[-1], len(dense.step)) == (70, 994, 925)
    assert not dense.low


def test_what_is_logged_between_two_reads_counts(
    tmp_path: Path, new_url: Callable[[], str | None], connect: Callable[[str], Api]
) -> None:
    """Sums of chunks are kept; later points make new chunks, and late ones replace some."""
    choose = random.Random(4)
    server = ServerProcess(tmp_path / "runs.db", program=("-c", EAGER), url=new_url())
    try:
        api = connect(server.address)
        run_id = api.create_run()
        points: Points = []
        unlogged = list(range(3_000))
        while unlogged:
            # Some in order, and some in any.
            places = [0 if i < 60 else choose.randrange(len(unlogged) - i) for i in range(100)]
            steps = [unlogged.pop(place) for place in places]
            batch = [(step, choose.choice([math.nan, 1.5, choose.random()])) for step in steps]
            log(api, batch, run_id)
            points += batch
            check_means(api, run_id, points, 0, 3_000)
            check_means(api, run_id, points, 500, 1_999)
    finally:
        server.stop()


def check_means(api: Api, run_id: str, points: Points, first: int, last: int) -> None:
    """Compare what is told of a range of one run with its definition."""
    of_range = [(step, value) for step, value in points if first <= step <= last]
    found = read(api, [run_id], max_points=10, start_step=first, end_step=last)[0]
    whole = expected([of_range], 10) if of_range else []
    assert list(found.step) == [step for step, _ in whole]
    assert list(found.centre) == pytest.approx([one for _, (one,) in whole], rel=1e-12)


def test_steps_may_span_all_of_64_bits(shared: Api) -> None:
    run_id = log(shared, [(LEAST, 1.0), (0, 2.0), (GREATEST, 3.0)])
    (found,) = read(shared, [run_id], max_points=10)
    assert len(found.step) == 10
    assert (found.centre[0], found.centre[-1]) == (1.0, 3.0)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"groups": []}, "groups"),
        ({"groups": [pb.RunSet()] * 101}, "groups"),
        ({"groups": [pb.RunSet()]}, "groups.run_ids"),
        ({"groups": [pb.RunSet(run_ids=["a"] * 1_001)]}, "groups.run_ids"),
        ({"metric_keys": []}, "metric_keys"),
        ({"metric_keys": ["k"] * 11}, "metric_keys"),
        ({"max_points": 9}, "max_points"),
        ({"max_points": 2_001}, "max_points"),
        ({"groups": [pb.RunSet(run_ids=["a"])] * 100, "max_points": 501}, "max_points"),
        ({"centre": 3}, "centre"),
        ({"band": 3}, "band"),
    ],
)
def test_a_bad_request_is_refused(shared: Api, change: dict[str, Any], field: str) -> None:
    request = {"groups": [pb.RunSet(run_ids=["a"])], "metric_keys": ["loss"], **change}
    reason = "GROUPED_HISTORY_OUT_OF_RANGE"
    if change.get("max_points") == 501:
        reason = "GROUPED_POINTS_TOO_MANY"
    with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, reason) as refusal:
        shared.metrics.ReadGroupedHistory(pb.ReadGroupedHistoryRequest(**request))
    assert refusal.metadata["field"] == field


def test_an_unknown_run_is_named(shared: Api) -> None:
    with expect_refusal(grpc.StatusCode.NOT_FOUND, "RUN_NOT_FOUND") as refusal:
        read(shared, [log(shared, [(1, 1.0)]), "unknown"])
    assert refusal.metadata["value"] == "unknown"
