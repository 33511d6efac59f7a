"""What is logged comes out of the outbox whole, in batches that a server takes."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from runstream.entities import Metric
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


@given(METRICS)
def test_every_row_of_a_table_comes_out_as_it_went_in(metrics: list[Metric]) -> None:
    outbox = new_outbox()
    keys = sorted({metric.key for metric in metrics})
    outbox.buffer(RUN).log_columns(
        keys,
        [keys.index(metric.key) for metric in metrics],
        [metric.step for metric in metrics],
        [metric.timestamp for metric in metrics],
        [metric.value for metric in metrics],
    )
    assert sorted(batch_points(send_all(outbox))) == sorted(metric_points(metrics))


def test_a_table_may_be_of_numpy_arrays() -> None:
    outbox = new_outbox()
    outbox.buffer(RUN).log_columns(
        ["loss", "acc"],
        np.array([0, 1, 0]),
        np.array([1, 1, 2], dtype=np.int32),
        np.array([7, 8, 9]),
        np.array([0.5, 1.5, math.inf], dtype=np.float32),
    )
    assert sorted(batch_points(send_all(outbox))) == sorted(
        metric_points(
            [Metric("loss", 0.5, 7, 1), Metric("acc", 1.5, 8, 1), Metric("loss", math.inf, 9, 2)]
        )
    )


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
