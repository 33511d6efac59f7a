"""Counts in messages that are not decoded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runstream.contract.wire_counts import count_points, started_run
from runstream.v1.logging_service_pb2 import LogBatchRequest, RunStart, RunUpdate
from runstream.v1.metric_pb2 import MetricTable
from runstream.v1.run_pb2 import Param


@given(st.lists(st.floats(), max_size=50), st.lists(st.text(max_size=200), max_size=3))
def test_the_points_of_a_batch_are_counted(values: list[float], texts: list[str]) -> None:
    table = MetricTable(
        keys=texts,
        counts=[len(values), 2**31],
        step=[-1] * len(values),
        timestamp=[2**60] * len(values),
        value=values,
    )
    batch = LogBatchRequest(
        run_id="r",
        metrics=table,
        params=[Param(key=text, value=text) for text in texts],
        update=RunUpdate(end_time=-5, heartbeat=True),
    )
    message = batch.SerializeToString()
    assert count_points(message) == len(values)
    assert count_points(message + message) == 2 * len(values), "joined messages are merged"


@pytest.mark.parametrize("message", [b"\x12", b"\x12\x05abc", b"\x0b", b"\x80"])
def test_what_is_no_message_is_refused(message: bytes) -> None:
    with pytest.raises(ValueError, match=r"the message is cut|no wire type"):
        count_points(message)


def test_the_run_that_a_batch_starts_is_seen() -> None:
    params = [Param(key=str(number), value="v") for number in range(200)]
    start = LogBatchRequest(run_id="r" * 32, params=params, start=RunStart(start_time=-5))
    assert started_run(start.SerializeToString()) == "r" * 32
    start.ClearField("start")
    assert started_run(start.SerializeToString()) == ""
    with pytest.raises(ValueError, match="cut"):
        started_run(b"\x0a\x05abc")
