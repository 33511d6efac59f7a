"""Tables whose bytes no library wrote: what is of the contract is stored, nothing else is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runstream.contract import wire_columns
from runstream.v1.logging_service_pb2 import LogBatchRequest, LogBatchResponse, LogResponse
from support.api import Api, Point, expect_refusal
from support.server_process import ServerProcess
from support.wire import (
    STEP,
    column_numbers,
    encode_table,
    field,
    keys_and_counts,
    log_batch_request,
    log_request,
    packed,
    unpacked,
)

POINTS: list[Point] = [
    *(("loss", step, 1000 + step, 1 / (step + 1)) for step in range(-20, 20) if step != -1),
    *(("acc", step, 7, -0.0) for step in range(11)),
]


class RawCalls:
    """LogBatch and Log, which send bytes as they are."""

    def __init__(self, channel: grpc.Channel) -> None:
        service = "/runstream.v1.LoggingService"
        self._log_batch: Any = channel.stream_stream(
            f"{service}/LogBatch", None, LogBatchResponse.FromString
        )
        self._log: Any = channel.unary_unary(f"{service}/Log", None, LogResponse.FromString)

    def log_batches(self, *messages: bytes) -> list[LogBatchResponse]:
        return list(self._log_batch(iter(messages), timeout=30))

    def log(self, message: bytes) -> None:
        self._log(message, timeout=30)


@pytest.fixture
def raw(server: ServerProcess) -> Iterator[RawCalls]:
    with grpc.insecure_channel(server.address) as channel:
        yield RawCalls(channel)


@pytest.mark.parametrize(
    ("chunk", "single"),
    [(1000, 0), (7, 0), (1, 0), (1000, 1000), (1000, 3), (5, 3)],
    ids=["packed", "chunks", "chunks of one", "unpacked", "both", "both in chunks"],
)
def test_columns_are_stored_however_a_message_has_their_numbers(
    api: Api, raw: RawCalls, chunk: int, single: int
) -> None:
    table = encode_table(POINTS, chunk=chunk, single=single)
    for log in (
        lambda run_id: raw.log_batches(log_batch_request(run_id, table)),
        lambda run_id: raw.log(log_request(run_id, table)),
    ):
        run_id = api.create_run()
        log(run_id)
        stored = api.read_points(run_id)
        assert stored == sorted(POINTS)
        assert all(math.copysign(1, value) < 0 for key, *_, value in stored if key == "acc")


def test_a_table_in_two_parts_is_one(api: Api, raw: RawCalls) -> None:
    run_id = api.create_run()
    parts = [encode_table(POINTS[i : i + 39], chunk=1000, single=0) for i in (0, 39)]
    (answer,) = raw.log_batches(log_batch_request(run_id, *parts))
    assert answer == LogBatchResponse(answered=1)
    assert api.read_points(run_id) == sorted(POINTS)


@pytest.mark.parametrize("cut", [1, 4, 7])
def test_a_column_that_ends_within_a_number_is_no_message(
    api: Api, raw: RawCalls, cut: int
) -> None:
    run_id = api.create_run()
    head = keys_and_counts(POINTS)
    columns = [packed(*column) for column in column_numbers(POINTS)]
    for broken in range(3):
        parts = columns.copy()
        number = broken + 3
        content = columns[broken][-8 * len(POINTS) :]
        parts[broken] = field(number, content[:-cut])
        halves = columns.copy()
        halves[broken] = field(number, content[:cut]) + field(number, content[cut:])
        for table in (head + b"".join(parts), head + b"".join(halves)):
            with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, "MESSAGE_MALFORMED"):
                raw.log_batches(log_batch_request(run_id, table))
            with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, "MESSAGE_MALFORMED"):
                raw.log(log_request(run_id, table))
    assert api.read_points(run_id) == []


def test_a_number_too_many_is_seen_however_it_is_sent(api: Api, raw: RawCalls) -> None:
    run_id = api.create_run()
    whole = encode_table(POINTS, chunk=1000, single=0)
    for table in (whole + unpacked(STEP, 5), whole + packed(STEP, [5])):
        (answer,) = raw.log_batches(log_batch_request(run_id, table))
        assert (answer.error.reason, answer.error.metadata["field"]) == (
            "METRIC_TABLE_MALFORMED",
            "metrics",
        )
        with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, "METRIC_TABLE_MALFORMED"):
            raw.log(log_request(run_id, table))
    assert api.read_points(run_id) == []


def test_millions_of_empty_chunks_are_passed_over(api: Api, raw: RawCalls) -> None:
    run_id = api.create_run()
    table = encode_table(POINTS, chunk=1000, single=0) + 1_000_000 * packed(STEP, [])
    (answer,) = raw.log_batches(log_batch_request(run_id, table))
    assert answer == LogBatchResponse(answered=1)
    assert api.read_points(run_id) == sorted(POINTS)


def test_a_field_of_a_newer_contract_is_passed_over(api: Api, raw: RawCalls) -> None:
    run_id = api.create_run()
    table = encode_table(POINTS, chunk=1000, single=0) + field(99, b"new")
    raw.log_batches(log_batch_request(run_id, table) + field(98, b"newer"))
    assert api.read_points(run_id) == sorted(POINTS)


@given(
    st.lists(
        st.tuples(
            st.sampled_from("ab"),
            st.integers(-(2**63), 2**63 - 1),
            st.integers(-(2**63), 2**63 - 1),
            st.floats(),
        ),
        max_size=30,
    ),
    st.integers(1, 30),
    st.integers(0, 30),
)
def test_twins_read_what_the_classes_of_the_contract_read(
    points: list[Point], chunk: int, single: int
) -> None:
    table = encode_table(sorted(points, key=lambda p: p[0]), chunk=chunk, single=single)
    message = log_batch_request("run", table)
    expected = wire_columns.read_table(LogBatchRequest.FromString(message).metrics)
    found, columns = wire_columns.decode_log_batch_request(message)
    assert columns == expected
    assert LogBatchRequest.FromString(found.SerializeToString()).run_id == "run"
