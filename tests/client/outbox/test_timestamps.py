"""Timestamps that the client fills in strictly grow for points of one key and step (M5)."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runstream.contract.wire_columns import unpack_column
from runstream.outbox import buffer as buffer_module
from runstream.outbox.outbox import Outbox
from runstream.outbox.series import Series, pack_point
from runstream.v1.logging_service_pb2 import LogBatchRequest

# A point: what the clock says, in milliseconds, its step, whether the batch ends after it.
LOGGED = st.lists(st.tuples(st.integers(1, 6), st.integers(0, 3), st.booleans()), max_size=60)


def take(series: Series, rows: int) -> list[tuple[int, int]]:
    """Take the oldest points out of a series; return step and timestamp of each."""
    columns = series.peek(rows)
    series.drop(rows)
    steps, timestamps = unpack_column("q", columns.step), unpack_column("q", columns.timestamp)
    return list(zip(steps, timestamps, strict=True))


def stamped(logged: list[tuple[int, int, bool]]) -> list[tuple[int, int]]:
    """Log points at these times; return step and timestamp of each, in the order of logging."""
    series = Series("loss")
    result: list[tuple[int, int]] = []
    for clock, step, ends_batch in logged:
        series.append(pack_point(0.0, step, -clock * 1_000_000))
        if ends_batch:
            result += take(series, 1000)
    return result + take(series, 1000)


@given(LOGGED)
def test_they_strictly_grow_for_each_step_whatever_the_clock_does(
    logged: list[tuple[int, int, bool]],
) -> None:
    by_step = defaultdict(list)
    for step, timestamp in stamped(logged):
        by_step[step].append(timestamp)
    for timestamps in by_step.values():
        assert all(earlier < later for earlier, later in pairwise(timestamps))


@given(st.lists(st.tuples(st.integers(1, 50), st.booleans()), max_size=60))
def test_they_are_the_time_of_the_clock_where_steps_differ(
    logged: list[tuple[int, bool]],
) -> None:
    clocks = sorted(clock for clock, _ in logged)
    points = [
        (c, step, ends) for step, (c, (_, ends)) in enumerate(zip(clocks, logged, strict=True))
    ]
    assert [timestamp for _, timestamp in stamped(points)] == clocks


@given(LOGGED)
def test_they_stay_within_what_the_number_of_points_demands(
    logged: list[tuple[int, int, bool]],
) -> None:
    highest = max((clock for clock, _, _ in logged), default=0)
    assert all(timestamp < highest + len(logged) for _, timestamp in stamped(logged))


def test_explicit_ones_are_kept_among_those_filled_in() -> None:
    series = Series("loss")
    for timestamp in (7, -9_000_000, 3, -9_000_000, 9):
        series.append(pack_point(0.0, 0, timestamp))
    assert [timestamp for _, timestamp in take(series, 10)] == [7, 9, 3, 10, 9]


def test_what_is_remembered_is_forgotten_when_the_clock_has_passed() -> None:
    series = Series("loss")
    for clock in range(1, 50):
        for step in range(20):
            series.append(pack_point(0.0, step, -clock * 1_000_000))
        take(series, 1000)
        assert len(series._latest_by_step) <= 20
    series.append(pack_point(0.0, 99, -100 * 1_000_000))
    take(series, 1)
    assert series._latest_by_step == {99: 100}
    assert series.has_timestamps_after(99)
    assert not series.has_timestamps_after(100)


def test_threads_that_log_one_step_at_once_get_different_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = time.time_ns()
    monkeypatch.setattr(buffer_module, "time_ns", lambda: now)
    buffer = Outbox(lambda: True).buffer("a" * 32)

    def log() -> None:
        for _ in range(500):
            buffer.log_metric("m", 1.0, 0, None)

    threads = [threading.Thread(target=log) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    messages: list[bytes] = []
    buffer.contents.drain(lambda _run_id, message, _content: messages.append(message))
    timestamps = [
        timestamp
        for message in messages
        for timestamp in LogBatchRequest.FromString(message).metrics.timestamp
    ]
    assert len(set(timestamps)) == 2000
