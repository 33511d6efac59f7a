"""Answers of ReadMetricHistory as bytes: the same as the class of the contract makes of them."""

from __future__ import annotations

import numpy as np
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from runstream.contract.wire_columns import read_table
from runstream.contract.wire_history import (
    HistoryResponse,
    decode_history_response,
    encode_history_response,
)
from runstream.v1.metric_service_pb2 import ReadMetricHistoryResponse
from support.api import Point
from support.wire import STEP, encode_table, field, packed, unpacked, varint

INT64 = st.integers(-(2**63), 2**63 - 1)
POINTS: list[Point] = [("loss", step, 1000 + step, 1 / step) for step in range(1, 300)]
TABLE = encode_table(POINTS, chunk=1000, single=0)
RUN_ID = field(2, b"run")


def decode_by_contract(message: bytes) -> HistoryResponse:
    response = ReadMetricHistoryResponse.FromString(message)
    return HistoryResponse(response.run_id, response.total_points, read_table(response.metrics))


@given(
    st.text(max_size=9),
    st.text(max_size=300),
    st.lists(st.tuples(INT64, INT64, st.floats()), max_size=300),
    INT64,
)
def test_what_is_written_is_a_message_of_the_contract(
    run_id: str, key: str, rows: list[tuple[int, int, float]], total: int
) -> None:
    step, timestamp, value = (
        np.array([row[i] for row in rows], kind) for i, kind in enumerate(("<i8", "<i8", "<f8"))
    )
    message = encode_history_response(run_id, key, (step, timestamp, value), total)
    found = decode_history_response(message)
    assert found == decode_by_contract(message)
    columns = (step.tobytes(), timestamp.tobytes(), value.tobytes())
    assert found == (run_id, total, ([key], [len(rows)], *columns))


@given(
    st.lists(st.tuples(st.sampled_from("ab"), INT64, INT64, st.floats()), max_size=9),
    st.integers(1, 9),
    st.integers(0, 9),
    st.lists(
        st.sampled_from(
            [RUN_ID, field(1, b""), field(1, packed(STEP, [7])), field(1, unpacked(STEP, 7))]
            + [field(1, TABLE), field(99, b"newer"), varint(99 << 3) + varint(2**64 - 1)]
            + [varint(3 << 3) + varint(number) for number in (0, 5, 2**63 - 1, 2**64 - 1)]
        ),
        max_size=4,
    ),
)
def test_what_others_write_is_read_as_by_the_class_of_the_contract(
    points: list[Point], chunk: int, single: int, others: list[bytes]
) -> None:
    table = encode_table(sorted(points, key=lambda p: p[0]), chunk=chunk, single=single)
    for message in (b"".join((field(1, table), *others)), b"".join((*others, field(1, table)))):
        assert decode_history_response(message) == decode_by_contract(message)


@pytest.mark.parametrize(
    "message",
    [
        field(1, TABLE[:-1]),
        (field(1, TABLE) + RUN_ID)[:-1],
        field(1, TABLE) + RUN_ID[:1],
        field(1, TABLE) + RUN_ID + varint(3 << 3) + b"\x80" * 100_000,
        field(1, field(1, b"loss") + field(2, b"\1") + b"".join(field(i, b"7") for i in (3, 4, 5)))
        + RUN_ID,
        field(1, TABLE) + field(2, b"\xff"),
    ],
    ids=["a column", "the run", "a length", "a number", "parts of numbers", "no text"],
)
def test_a_malformed_message_is_no_history(message: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_history_response(message)
