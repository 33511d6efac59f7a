"""MetricService and the latest points: rows M3, M5 and M6 of docs/behaviour.md."""

from __future__ import annotations

import math
import random
import struct

import pytest
from grpc import StatusCode

from runstream.v1.metric_service_pb2 import GetMetricHistoryRequest, ReadMetricHistoryRequest
from support.api import Api, Point, expect_refusal, make_batch

NAN, INFINITY = math.nan, math.inf
DOUBLES = (0.0, -0.0, 5e-324, 1.7976931348623157e308, 0.1, -INFINITY, INFINITY, NAN, 2.0**60, 1e16)


def bits(value: float) -> bytes:
    return struct.pack(">d", value)


def test_every_double_comes_back_exactly(api: Api) -> None:
    """M3."""
    run_id = api.create_run()
    points = [(f"m{i}", 0, 0, value) for i, value in enumerate(DOUBLES)]
    api.log_batches([make_batch(run_id, points)])
    expected = {key: bits(value) for key, _, _, value in points}
    assert {key: bits(value) for key, _, _, value in api.read_points(run_id)} == expected
    assert {
        key: bits(value) for key, (_, _, value) in api.read_latest_points(run_id).items()
    } == expected


def test_zeros_of_both_signs_are_one_point_and_the_first_stays(api: Api) -> None:
    """M4."""
    for zeros in ((0.0, -0.0), (-0.0, 0.0)):
        together, apart = api.create_run(), api.create_run()
        rows: list[Point] = [("m", 3, 4, zero) for zero in zeros]
        api.log_batches([make_batch(together, rows)])
        api.log_batches(make_batch(apart, [row]) for row in rows)
        for run_id in (together, apart):
            assert repr(api.read_points(run_id)) == repr(rows[:1])
            assert repr(api.read_latest_points(run_id)) == repr({"m": rows[0][1:]})


@pytest.mark.parametrize(
    ("points", "latest"),
    [
        ([(1, 5, 1.0), (2, 4, 0.5)], (2, 4, 0.5)),
        ([(2, 4, 0.5), (1, 5, 1.0)], (2, 4, 0.5)),
        ([(2, 4, 0.5), (2, 5, 0.1)], (2, 5, 0.1)),
        ([(2, 5, 0.5), (2, 5, 0.1)], (2, 5, 0.5)),
        ([(2, 5, NAN), (2, 5, -0.1)], (2, 5, NAN)),
        ([(2, 5, NAN), (2, 5, 0.1)], (2, 5, 0.1)),
        ([(-20, 1, 1.0), (-30, 9, 2.0)], (-20, 1, 1.0)),
        ([(0, 0, -INFINITY), (0, 0, NAN)], (0, 0, NAN)),
    ],
)
def test_the_latest_point_is_the_greatest_whatever_came_first(
    api: Api, points: list[tuple[int, int, float]], latest: tuple[int, int, float]
) -> None:
    """M5."""
    together, forwards, backwards = (api.create_run() for _ in range(3))
    rows: list[Point] = [("m", *point) for point in points]
    api.log_batches([make_batch(together, rows)])
    api.log_batches(make_batch(forwards, [row]) for row in rows)
    for row in reversed(rows):
        api.log_batches([make_batch(backwards, [row])])
    for run_id in (together, forwards, backwards):
        assert repr(api.read_latest_points(run_id)["m"]) == repr(latest)


def test_a_history_is_ordered_by_step_timestamp_and_value_with_nan_last(api: Api) -> None:
    """M6."""
    run_id = api.create_run()
    values = [-INFINITY, -1.0, 0.5, INFINITY, NAN]
    ordered = [
        ("m", step, time, value) for step in (-5, 0, 7) for time in (1, 2) for value in values
    ]
    shuffled = random.Random(7).sample(ordered, len(ordered))
    api.log_batches([make_batch(run_id, shuffled[:11]), make_batch(run_id, shuffled[11:])])
    assert repr(api.read_points(run_id)) == repr(ordered)


def test_the_stream_of_columns_gives_the_asked_metrics_whole(api: Api) -> None:
    run_id = api.create_run()
    count = 150_000
    api.log_batches(
        make_batch(run_id, [("long", step, step, 0.5) for step in range(start, start + 50_000)])
        for start in range(0, count, 50_000)
    )
    api.log_batches([make_batch(run_id, [("b", 1, 1, 1.0), ("a", 1, 1, 2.0)])])
    assert [step for _, step, _, _ in api.read_points(run_id, "long")] == list(range(count))
    assert [point[0] for point in api.read_points(run_id, "b", "a", "none")] == ["a", "b"]
    assert len(api.read_points(run_id)) == count + 2
    request = ReadMetricHistoryRequest(run_id=run_id)
    answers = list(api.metrics.ReadMetricHistory(request))
    assert all(len(answer.metrics.keys) == 1 for answer in answers)
    assert all(len(answer.metrics.value) <= 32_768 for answer in answers)
    totals = {answer.metrics.keys[0]: answer.total_points for answer in answers}
    assert totals == {"a": 1, "b": 1, "long": count}
    request.end_step = count - 2
    answers = list(api.metrics.ReadMetricHistory(request))
    assert {answer.total_points for answer in answers} == {0}  # it is not known


def test_pages_join_to_the_whole_history(api: Api) -> None:
    """M6."""
    run_id = api.create_run()
    values = (0.5, NAN, INFINITY)
    ordered = [("m", s, t, v) for s in range(5) for t in (1, 2) for v in sorted(values, key=repr)]
    api.log_batches([make_batch(run_id, ordered)])
    expected = api.read_points(run_id, "m")
    for size in (1, 7, 30, 31):
        rows: list[Point] = []
        request = GetMetricHistoryRequest(run_id=run_id, metric_key="m", max_results=size)
        while True:
            page = api.metrics.GetMetricHistory(request)
            assert len(page.metrics) <= size
            rows += [(m.key, m.step, m.timestamp, m.value) for m in page.metrics]
            if not page.next_page_token:
                break
            request.page_token = page.next_page_token
        assert repr(rows) == repr(expected)


def test_a_metric_never_logged_has_no_points_and_an_unknown_run_is_not_found(api: Api) -> None:
    request = GetMetricHistoryRequest(run_id=api.create_run(), metric_key="m")
    answer = api.metrics.GetMetricHistory(request)
    assert (list(answer.metrics), answer.next_page_token) == ([], "")
    request.run_id = "x"
    with expect_refusal(StatusCode.NOT_FOUND, "RUN_NOT_FOUND"):
        api.metrics.GetMetricHistory(request)
    with expect_refusal(StatusCode.NOT_FOUND, "RUN_NOT_FOUND"):
        api.read_points("x")


def test_a_page_token_is_good_for_its_request_alone(api: Api) -> None:
    """M6."""
    run_id, other = api.create_run(), api.create_run()
    for run in (run_id, other):
        api.log_batches([make_batch(run, [("m", step, 1, 1.0) for step in range(3)])])
    first = GetMetricHistoryRequest(run_id=run_id, metric_key="m", max_results=2)
    token = api.metrics.GetMetricHistory(first).next_page_token
    for request in (
        GetMetricHistoryRequest(run_id=other, metric_key="m", page_token=token),
        GetMetricHistoryRequest(run_id=run_id, metric_key="n", page_token=token),
        GetMetricHistoryRequest(run_id=run_id, metric_key="m", page_token="made up"),
        GetMetricHistoryRequest(run_id=run_id, metric_key="m", page_token="bnVsbA=="),
    ):
        with expect_refusal(StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_MISMATCH") as refusal:
            api.metrics.GetMetricHistory(request)
        assert refusal.metadata["field"] == "page_token"


@pytest.mark.parametrize("size", [-1, 25_001])
def test_a_page_has_at_most_25_000_points(api: Api, size: int) -> None:
    request = GetMetricHistoryRequest(run_id=api.create_run(), metric_key="m", max_results=size)
    with expect_refusal(StatusCode.INVALID_ARGUMENT, "PAGE_SIZE_OUT_OF_RANGE") as refusal:
        api.metrics.GetMetricHistory(request)
    assert refusal.metadata["limit"] == "25000"
