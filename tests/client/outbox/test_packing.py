"""What is logged comes out of the outbox whole, in batches that a server takes."""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from runstream.entities import Metric
from runstream.errors import InvalidArgument
from support.outboxes import RUN, batch_points, metric_points, new_outbox, send_all

INT64 = st.integers(-(2**63), 2**63 - 1)
TIMESTAMPS = st.integers(0, 2**63 - 1)
KEYS = st.text("abcé_-. ", max_size=3).map(lambda end: f"k{end}")
METRICS = st.lists(st.builds(Metric, KEYS, st.floats(), TIMESTAMPS, INT64), max_size=50)


@given(METRICS)
def test_every_point_comes_out_as_it_went_in(metrics: list[Metric]) -> None:
    outbox = new_outbox()
    for metric in metrics:
        outbox.buffer(RUN).log_metric(metric.key, metric.value, metric.step, metric.timestamp)
    assert sorted(batch_points(send_all(outbox))) == sorted(metric_points(metrics))


@given(METRICS)
def test_every_row_of_a_batch_call_comes_out_as_it_went_in(metrics: list[Metric]) -> None:
    outbox = new_outbox()
    outbox.buffer(RUN).log_batch(metrics)
    assert sorted(batch_points(send_all(outbox))) == sorted(metric_points(metrics))


def as_lists(column: list[float], kind: str) -> Any:  # noqa: ARG001
    return column


def as_arrays(column: list[float], kind: str) -> Any:
    return array(kind, column)


def as_numpy(column: list[float], kind: str) -> Any:
    return np.array(column, kind)


@pytest.fixture(params=[True, False], ids=["numpy", "no numpy"])
def numpy_is_imported(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    if not request.param:
        monkeypatch.delitem(sys.modules, "numpy")
    return bool(request.param)


@given(METRICS, st.sampled_from([as_lists, as_arrays, as_numpy]), st.integers(1, 3))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_row_of_a_table_comes_out_as_it_went_in(
    numpy_is_imported: bool,
    metrics: list[Metric],
    make: Callable[[list[float], str], Any],
    times: int,
) -> None:
    """M2, M3: whatever the columns are made of, in the order of each key."""
    assume(numpy_is_imported or make is not as_numpy)
    metrics *= times
    outbox = new_outbox()
    keys = sorted({metric.key for metric in metrics})
    outbox.buffer(RUN).log_columns(
        make([keys.index(metric.key) for metric in metrics], "B"),
        make([metric.value for metric in metrics], "d"),
        make([metric.step for metric in metrics], "q"),
        make([metric.timestamp for metric in metrics], "q"),
        keys,
    )
    sent, logged = batch_points(send_all(outbox)), metric_points(metrics)
    for key in keys:
        assert [p for p in sent if p[0] == key] == [p for p in logged if p[0] == key]
    assert len(sent) == len(logged)


@pytest.mark.parametrize("keys", [1, 3, 70_000])
@pytest.mark.parametrize("is_sorted", [True, False])
def test_many_points_of_a_table_come_out_metric_by_metric(keys: int, is_sorted: bool) -> None:
    outbox = new_outbox()
    names = [f"k{number}" for number in range(keys)]
    key = np.arange(100_000) % keys
    if is_sorted:
        key.sort()
    steps = np.arange(100_000)
    outbox.buffer(RUN).log_columns(key, steps / 7, steps, steps, names)
    assert [(name, step) for name, _, _, step in batch_points(send_all(outbox))] == [
        (names[index], step)
        for index, step in sorted(zip(key.tolist(), steps.tolist(), strict=True))
    ]


@pytest.mark.parametrize(
    ("steps", "values"),
    [
        (np.array([1, 1, 2], np.int32), np.array([0.5, 1.5, math.inf], np.float32)),
        (np.array([1.0, 1.0, 2.0]), [0.5, "1.5", math.inf]),
        (np.array([1, 1, 2], np.uint64), np.array([0.5, 1.5, math.inf], np.float16)),
        (np.array([1, 1, 2], object), pd.Series([0.5, 1.5, math.inf])),
        ([True, np.int8(1), 2], [0.5, np.float32(1.5), np.array([math.inf])]),
    ],
    ids=lambda column: getattr(column, "dtype", None) and str(column.dtype),
)
def test_a_table_may_be_of_all_that_single_points_are(steps: Any, values: Any) -> None:
    outbox = new_outbox()
    outbox.buffer(RUN).log_columns(
        np.array([0, 1, 0]), values, steps, np.array([7, 8, 9]), ["loss", "acc"]
    )
    assert sorted(batch_points(send_all(outbox))) == sorted(
        metric_points(
            [Metric("loss", 0.5, 7, 1), Metric("acc", 1.5, 8, 1), Metric("loss", math.inf, 9, 2)]
        )
    )


@pytest.mark.parametrize(
    ("steps", "times", "values", "reason"),
    [
        (np.array([1.5]), np.array([1]), np.array([1.0]), "STEP_NOT_AN_INTEGER"),
        (np.array([2**63], np.uint64), np.array([1]), np.array([1.0]), "STEP_OUT_OF_RANGE"),
        (np.array([1]), np.array([-1]), np.array([1.0]), "TIMESTAMP_OUT_OF_RANGE"),
        ([1], [-(2**63)], [1.0], "TIMESTAMP_OUT_OF_RANGE"),
        (np.array([1]), np.array([1]), np.array([1j]), "VALUE_NOT_A_NUMBER"),
    ],
)
def test_a_number_that_breaks_its_rule_refuses_the_whole_table(
    steps: Any, times: Any, values: Any, reason: str
) -> None:
    """M2, M3, P5."""
    outbox = new_outbox()
    with pytest.raises(InvalidArgument) as error:
        outbox.buffer(RUN).log_columns("loss", values, steps, times)
    assert error.value.reason == reason
    assert send_all(outbox) == []


def test_many_points_are_split_into_batches_of_about_a_mebibyte() -> None:
    outbox = new_outbox()
    for step in range(200_000):
        outbox.buffer(RUN).log_metric("loss", step / 3, step, None)
    requests = send_all(outbox)
    assert len(batch_points(requests)) == 200_000
    assert all(request.ByteSize() > 500_000 for request in requests[:-1])


def test_the_largest_keys_and_numbers_stay_below_the_limit_of_a_message() -> None:
    outbox = new_outbox()
    for number in range(3_000):
        key = "𝔸" * 245 + f"{number:05}"
        outbox.buffer(RUN).log_metric(key, 1.0, -(2**63), 2**63 - 1)
    outbox.buffer(RUN).log_batch([Metric("loss", 1.0, 2**63 - 1, -step) for step in range(100_000)])
    assert len(batch_points(send_all(outbox))) == 103_000


def test_params_and_tags_of_any_size_are_split_too() -> None:
    outbox = new_outbox()
    params = {f"p{number}": "𝔸" * 65_536 for number in range(40)}
    outbox.buffer(RUN).log_params(params)
    outbox.buffer(RUN).set_tags(params)
    requests = send_all(outbox)
    assert {param.key: param.value for r in requests for param in r.params} == params
    assert {tag.key: tag.value for r in requests for tag in r.tags} == params


def test_params_travel_apart_from_points_and_from_other_calls() -> None:
    outbox = new_outbox()
    outbox.buffer(RUN).log_metric("loss", 1.0, 0, None)
    outbox.buffer(RUN).log_params({"lr": 0.1, "depth": None})
    outbox.buffer(RUN).log_params({"lr": 0.1})
    contents = [
        (len(request.metrics.value), [(param.key, param.value) for param in request.params])
        for request in send_all(outbox)
    ]
    assert sorted(contents) == [
        (0, [("lr", "0.1")]),
        (0, [("lr", "0.1"), ("depth", "None")]),
        (1, []),
    ]


def test_a_metric_is_not_cut_for_the_rest_of_a_batch_that_is_half_full() -> None:
    outbox = new_outbox()
    keys, points = [f"k{i}" for i in range(10)], 5_000  # eight of them fit into a batch
    outbox.buffer(RUN).log_columns(
        np.repeat(np.arange(10), points),
        np.zeros(10 * points),
        np.tile(np.arange(points), 10),
        np.full(10 * points, 1_000),
        keys,
    )
    counts = [list(request.metrics.counts) for request in send_all(outbox)]
    assert counts == [[points] * 8, [points] * 2]
