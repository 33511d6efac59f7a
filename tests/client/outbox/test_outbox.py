"""What is logged comes out of the outbox whole, in batches that a server takes."""

from __future__ import annotations

import gc
import logging
import math
import struct
import threading
import time
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import ml_dtypes
import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from runstream.entities import Metric, Param
from runstream.errors import DeadlineExceeded, Internal, InvalidArgument, NotFound
from runstream.outbox import batch_queue
from runstream.outbox import outbox as outbox_module
from runstream.outbox.outbox import Outbox
from runstream.rules import MESSAGE_BYTES
from runstream.v1.logging_service_pb2 import LogBatchRequest

RUN = "a" * 32
INT64 = st.integers(-(2**63), 2**63 - 1)
TIMESTAMPS = st.integers(0, 2**63 - 1)
KEYS = st.text("abcé_-. ", max_size=3).map(lambda end: f"k{end}")
METRICS = st.lists(st.builds(Metric, KEYS, st.floats(), TIMESTAMPS, INT64), max_size=50)


def new_outbox() -> Outbox:
    """Return an outbox whose uploader's thread is this one: it does at once what is asked."""

    def start() -> bool:
        outbox.do_posted(0)
        return True

    outbox = Outbox(start)
    return outbox


def sent(outbox: Outbox) -> list[LogBatchRequest]:
    """Send everything that was logged, and return it."""
    outbox.collect()
    stream = outbox.queue.begin_stream()
    requests = []
    while outbox.queue.pending():
        message = outbox.queue.next_message(stream)
        assert message is not None
        assert len(message) <= MESSAGE_BYTES
        requests.append(LogBatchRequest.FromString(message))
        outbox.answer(stream, len(requests), None)
    return requests


def points(requests: list[LogBatchRequest]) -> list[tuple[str, bytes, int, int]]:
    """Return the points of batches, their values as bytes because NaN equals nothing."""
    return [
        (table.keys[key], struct.pack("=d", value), timestamp, step)
        for table in (request.metrics for request in requests)
        for key, step, timestamp, value in zip(
            table.key, table.step, table.timestamp, table.value, strict=True
        )
    ]


def as_bytes(metrics: list[Metric]) -> list[tuple[str, bytes, int, int]]:
    return [(m.key, struct.pack("=d", m.value), m.timestamp, m.step) for m in metrics]


@given(METRICS)
def test_every_point_comes_out_as_it_went_in(metrics: list[Metric]) -> None:
    outbox = new_outbox()
    for metric in metrics:
        outbox.buffer(RUN).log_metric(metric.key, metric.value, metric.step, metric.timestamp)
    assert sorted(points(sent(outbox))) == sorted(as_bytes(metrics))


@given(METRICS)
def test_every_row_of_a_batch_call_comes_out_as_it_went_in(metrics: list[Metric]) -> None:
    outbox = new_outbox()
    outbox.buffer(RUN).log_batch(metrics)
    assert sorted(points(sent(outbox))) == sorted(as_bytes(metrics))


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
    assert sorted(points(sent(outbox))) == sorted(as_bytes(metrics))


def test_a_table_may_be_of_numpy_arrays() -> None:
    outbox = new_outbox()
    outbox.buffer(RUN).log_columns(
        ["loss", "acc"],
        np.array([0, 1, 0]),
        np.array([1, 1, 2], dtype=np.int32),
        np.array([7, 8, 9]),
        np.array([0.5, 1.5, math.inf], dtype=np.float32),
    )
    assert sorted(points(sent(outbox))) == sorted(
        as_bytes(
            [Metric("loss", 0.5, 7, 1), Metric("acc", 1.5, 8, 1), Metric("loss", math.inf, 9, 2)]
        )
    )


def test_many_points_are_split_into_batches_of_about_a_mebibyte() -> None:
    outbox = new_outbox()
    for step in range(200_000):
        outbox.buffer(RUN).log_metric("loss", step / 3, step, None)
    requests = sent(outbox)
    assert len(points(requests)) == 200_000
    assert all(request.ByteSize() > 500_000 for request in requests[:-1])


def test_the_largest_keys_and_numbers_stay_below_the_limit_of_a_message() -> None:
    outbox = new_outbox()
    for number in range(3_000):
        key = "𝔸" * 245 + f"{number:05}"
        outbox.buffer(RUN).log_metric(key, 1.0, -(2**63), 2**63 - 1)
    outbox.buffer(RUN).log_batch([Metric("loss", 1.0, 2**63 - 1, -step) for step in range(100_000)])
    assert len(points(sent(outbox))) == 103_000


def test_params_and_tags_of_any_size_are_split_too() -> None:
    outbox = new_outbox()
    params = {f"p{number}": "𝔸" * 65_536 for number in range(40)}
    outbox.buffer(RUN).log_params(params)
    outbox.buffer(RUN).set_tags(params)
    requests = sent(outbox)
    assert {param.key: param.value for r in requests for param in r.params} == params
    assert {tag.key: tag.value for r in requests for tag in r.tags} == params


def test_params_travel_apart_from_points_and_from_other_calls() -> None:
    outbox = new_outbox()
    outbox.buffer(RUN).log_metric("loss", 1.0, 0, None)
    outbox.buffer(RUN).log_params({"lr": 0.1, "depth": None})
    outbox.buffer(RUN).log_params({"lr": 0.1})
    contents = [
        (len(request.metrics.value), [(param.key, param.value) for param in request.params])
        for request in sent(outbox)
    ]
    assert sorted(contents) == [
        (0, [("lr", "0.1")]),
        (0, [("lr", "0.1"), ("depth", "None")]),
        (1, []),
    ]


@pytest.mark.parametrize(
    ("value", "double"),
    [
        (3, 3.0),
        (True, 1.0),
        (np.float32(0.1), 0.10000000149011612),
        (np.int64(3), 3.0),
        (np.float64(math.nan), math.nan),
        (np.array(2.5), 2.5),
        (np.array([2.5]), 2.5),
        (np.array([[2]]), 2.0),
        (pandas.Series([2.5], index=["a"]), 2.5),
        (ml_dtypes.bfloat16(0.1), 0.10009765625),
        (np.array([0.1], ml_dtypes.bfloat16), 0.10009765625),
        (Decimal("0.1"), 0.1),
        (Fraction(1, 3), 1 / 3),
        ("0.25", 0.25),
        ("-1e-3", -0.001),
        ("inf", math.inf),
        (np.str_("2"), 2.0),
    ],
)
def test_whatever_is_one_number_is_a_value(value: Any, double: float) -> None:
    """M3."""
    outbox = new_outbox()
    buffer = outbox.buffer(RUN)
    buffer.log_metric("loss", value, np.int32(3), np.int64(5))
    buffer.log_metrics({"loss": value}, 4, 5)
    buffer.log_batch([("loss", value, 5, 5)])
    buffer.log_columns(["loss"], [0], [6], [5], [value])
    assert points(sent(outbox)) == as_bytes([Metric("loss", double, 5, i) for i in range(3, 7)])


@pytest.mark.parametrize(
    "step", [50, 50.0, np.int64(50), np.float32(50), np.array([50]), Decimal(50), Fraction(50)]
)
def test_a_step_or_a_time_that_is_an_integer_may_be_of_any_type(step: Any) -> None:
    """M2."""
    outbox = new_outbox()
    outbox.buffer(RUN).log_metric("loss", 1.0, step, step)
    outbox.buffer(RUN).log_batch([("loss", 2.0, step, step)])
    wanted = [Metric("loss", value, 50, 50) for value in (1.0, 2.0)]
    assert points(sent(outbox)) == as_bytes(wanted)


def test_a_step_of_none_is_zero() -> None:
    outbox = new_outbox()
    outbox.buffer(RUN).log_metric("loss", 1.0, None, 1)
    outbox.buffer(RUN).log_metrics({"loss": 2.0}, None, 1)
    assert [step for _, _, _, step in points(sent(outbox))] == [0, 0]


BAD = [
    ("", 1.0, 0, None, "KEY_EMPTY"),
    ("/loss", 1.0, 0, None, "KEY_MALFORMED"),
    ("a" * 251, 1.0, 0, None, "KEY_TOO_LONG"),
    (7, 1.0, 0, None, "KEY_NOT_TEXT"),
    ("loss", "one", 0, None, "VALUE_NOT_A_NUMBER"),
    ("loss", np.zeros(2), 0, None, "VALUE_NOT_A_NUMBER"),
    ("loss", 1j, 0, None, "VALUE_NOT_A_NUMBER"),
    ("loss", None, 0, None, "VALUE_NOT_A_NUMBER"),
    ("loss", [1.0], 0, None, "VALUE_NOT_A_NUMBER"),
    ("loss", 10**400, 0, None, "VALUE_NOT_A_NUMBER"),
    ("loss", 1.0, 1.5, None, "STEP_NOT_AN_INTEGER"),
    ("loss", 1.0, "1", None, "STEP_NOT_AN_INTEGER"),
    ("loss", 1.0, 2**63, None, "STEP_OUT_OF_RANGE"),
    ("loss", 1.0, 0, -1, "TIMESTAMP_OUT_OF_RANGE"),
    ("loss", 1.0, 0, 2**63, "TIMESTAMP_OUT_OF_RANGE"),
    ("loss", 1.0, np.float32(50.5), None, "STEP_NOT_AN_INTEGER"),
    ("loss", 1.0, math.nan, None, "STEP_NOT_AN_INTEGER"),
    ("loss", 1.0, 0, 1.5, "TIMESTAMP_NOT_AN_INTEGER"),
]


@pytest.mark.parametrize(("key", "value", "step", "timestamp", "reason"), BAD)
def test_bad_input_is_refused_at_once_and_nothing_is_queued(
    key: Any, value: Any, step: Any, timestamp: Any, reason: str
) -> None:
    """M1, M2."""
    outbox = new_outbox()
    buffer = outbox.buffer(RUN)
    with pytest.raises(InvalidArgument) as one:
        buffer.log_metric(key, value, step, timestamp)
    with pytest.raises(InvalidArgument) as several:
        buffer.log_metrics({"fine": 1.0, key: value}, step, timestamp)
    assert one.value.reason == several.value.reason == reason
    if timestamp is not None or reason.startswith(("KEY", "VALUE")):
        row = (key, value, 1 if timestamp is None else timestamp, step)
        with pytest.raises(InvalidArgument) as batch:
            buffer.log_batch([Metric("fine", 1.0, 1, 0), row])
        assert batch.value.reason == reason
    assert sent(outbox) == []


@pytest.mark.parametrize(
    "columns",
    [
        ([0], [1, 2], [1], [1.0]),
        ([0, 1], [1, 2], [1, 2], [1.0, 2.0]),
        ([-1], [1], [1], [1.0]),
    ],
)
def test_a_malformed_table_is_refused(columns: tuple[Any, ...]) -> None:
    outbox = new_outbox()
    with pytest.raises(InvalidArgument) as error:
        outbox.buffer(RUN).log_columns(["loss"], *columns)
    assert error.value.reason == "METRIC_TABLE_MALFORMED"
    assert sent(outbox) == []


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (lambda b: b.log_params({"lr": "x" * 65_537}), "VALUE_TOO_LONG"),
        (lambda b: b.set_tags({"note": "x" * 65_537}), "VALUE_TOO_LONG"),
        (lambda b: b.set_tags({"note": "\udc80"}), "VALUE_NOT_UNICODE"),
        (lambda b: b.log_params({"a//b": 1}), "KEY_MALFORMED"),
        (lambda b: b.log_params([("lr", 1), ("lr", 2)]), "PARAM_REPEATED"),
        (lambda b: b.log_params({0: 1}), "KEY_NOT_TEXT"),
        (lambda b: b.log_params("lr"), "PAIRS_MALFORMED"),
        (lambda b: b.log_params(["lr", 1]), "PAIRS_MALFORMED"),
        (lambda b: b.log_params(None), "PAIRS_MALFORMED"),
        (lambda b: b.log_params(Namespace), "PAIRS_MALFORMED"),
        (lambda b: b.log_params({"lr": 1}, "ignore"), "ON_ERROR_UNKNOWN"),
    ],
)
def test_bad_params_and_tags_are_refused_at_once(log: Callable[..., None], reason: str) -> None:
    """M1, P2, P5."""
    outbox = new_outbox()
    with pytest.raises(InvalidArgument) as error:
        log(outbox.buffer(RUN))
    assert error.value.reason == reason
    assert sent(outbox) == []


@dataclass
class Options:
    lr: float = 0.1
    layers: tuple[int, ...] = (3, 4)


@pytest.mark.parametrize(
    "params",
    [
        {"lr": 0.1, "layers": (3, 4)},
        [("lr", 0.1), ("layers", (3, 4))],
        [Param("lr", "0.1"), Param("layers", "(3, 4)")],
        Namespace(lr=0.1, layers=(3, 4)),
        SimpleNamespace(lr=0.1, layers=(3, 4)),
        Options(),
        OmegaConf.create({"lr": 0.1, "a": 3, "layers": "(${a}, 4)"}),
    ],
)
def test_params_come_in_the_forms_that_people_have_them(params: Any) -> None:
    """P1."""
    outbox = new_outbox()
    outbox.buffer(RUN).log_params(params)
    outbox.buffer(RUN).set_tags(params)
    wanted = {"lr": "0.1", "layers": "(3, 4)"}
    logged_params, logged_tags = sent(outbox)
    assert {one.key: one.value for one in logged_params.params}.items() >= wanted.items()
    assert {one.key: one.value for one in logged_tags.tags}.items() >= wanted.items()


def test_a_call_that_skips_errors_logs_the_rest_and_tells_once_of_each_key(
    caplog: pytest.LogCaptureFixture,
) -> None:
    outbox = new_outbox()
    buffer = outbox.buffer(RUN)
    bad: dict[str, Any] = {"loss": 1.0, "a//b": 2.0, "lr": None}
    for step in range(3):
        buffer.log_metrics(bad, step, 1, "skip")
        buffer.log_params({"seed": 1, "note": "x" * 65_537}, "skip")
        buffer.set_tags({"good": 1, "": 2}, "skip")
    buffer.log_params({"seed": 2, "new": 1}, "skip")
    assert len(points(batches := sent(outbox))) == 3
    assert {param.key: param.value for b in batches for param in b.params} == {
        "seed": "1",
        "new": "1",
    }
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 5
    for text in ("'a//b'", "metrics.lr got None", "params.note has 65537", "Missing value", "seed"):
        assert sum(text in message for message in told) == 1, told
    with pytest.raises(InvalidArgument, match=r"metrics\.lr got None, which is not a number"):
        buffer.log_metrics({"loss": 1.0, "lr": bad["lr"]}, 4, 1)
    assert sent(outbox) == []


def test_one_key_is_told_of_as_a_metric_a_param_and_a_tag_up_to_100_in_all(
    caplog: pytest.LogCaptureFixture,
) -> None:
    buffer = new_outbox().buffer(RUN)
    for _ in range(2):
        buffer.log_metrics({"lr": "fast"}, 1, 1, "skip")
        buffer.log_params({"lr": "x" * 65_537}, "skip")
        buffer.set_tags({"lr": "x" * 65_537}, "skip")
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 3
    for text in ("metrics.lr", "params.lr", "tags.lr"):
        assert sum(text in message for message in told) == 1, told
    buffer.log_metrics({f"m{n}": "fast" for n in range(200)}, 1, 1, "skip")
    assert len(caplog.records) == 100


def test_what_the_server_refused_ends_no_call_that_skips_errors(
    caplog: pytest.LogCaptureFixture,
) -> None:
    outbox = new_outbox()
    buffer = outbox.buffer(RUN)
    for step in range(3):
        buffer.log_metrics({"loss": 1.0}, step, 1, "skip")
        outbox.collect()
        stream = outbox.queue.begin_stream()
        outbox.queue.next_message(stream)
        outbox.answer(stream, 1, NotFound("Run not found"))
    buffer.log_metrics({"loss": 1.0}, 3, 1, "skip")
    assert [record.getMessage() for record in caplog.records] == [
        f"run {RUN}: not logged: run {RUN}: 1 points were refused: Run not found"
    ]


def test_a_param_cannot_change_in_one_process() -> None:
    """P1."""
    outbox = new_outbox()
    outbox.buffer(RUN).log_params({"lr": 0.1})
    with pytest.raises(InvalidArgument, match=r"params\.lr of run a+ is already '0\.1'") as error:
        outbox.buffer(RUN).log_params({"new": 1, "lr": 0.2})
    assert error.value.metadata["old"] == "0.1"
    outbox.buffer("b" * 32).log_params({"lr": 0.2})
    assert len(sent(outbox)) == 2


def test_a_batch_with_a_param_of_another_value_queues_nothing() -> None:
    """P1: all is checked before anything is queued."""
    outbox = new_outbox()
    buffer = outbox.buffer(RUN)
    buffer.log_params({"lr": 0.1})
    sent(outbox)
    with pytest.raises(InvalidArgument) as error:
        buffer.log_batch([Metric("loss", 1.0, 1, 0)], {"new": 1, "lr": 0.2}, {"note": "x"})
    assert error.value.reason == "PARAM_IMMUTABLE"
    assert sent(outbox) == []
    buffer.log_params({"new": 2})
    (request,) = sent(outbox)
    assert [(param.key, param.value) for param in request.params] == [("new", "2")]


def test_flush_says_exactly_how_many_points_have_no_answer() -> None:
    outbox = new_outbox()
    outbox.buffer(RUN).log_batch([Metric("loss", 1.0, 1, step) for step in range(123)])
    outbox.buffer("b" * 32).log_batch([Metric("loss", 1.0, 1, step) for step in range(1000)])
    outbox.buffer(RUN).log_params({"lr": 0.1})
    with pytest.raises(
        DeadlineExceeded, match="123 points and 1 params and tags of run aaa"
    ) as one:
        outbox.flush(RUN, timeout=0.01)
    assert one.value.metadata["points"] == "123"
    assert one.value.metadata["run_id"] == RUN
    with pytest.raises(DeadlineExceeded) as all_runs:
        outbox.flush(timeout=0.01)
    assert all_runs.value.metadata["points"] == "1123"
    assert sum(len(request.metrics.value) for request in sent(outbox)) == 1123
    outbox.flush(timeout=0)


def test_a_refusal_is_raised_once_and_only_for_its_run() -> None:
    outbox = new_outbox()
    good, bad = outbox.buffer("b" * 32), outbox.buffer(RUN)
    good.log_metric("loss", 1.0, 0, None)
    bad.log_params({"lr": 0.1})
    outbox.collect()
    stream = outbox.queue.begin_stream()
    messages = [outbox.queue.next_message(stream) for _ in range(2)]
    for count, message in enumerate(messages, 1):
        request = LogBatchRequest.FromString(message or b"")
        refusal = NotFound("Run not found", field="run_id") if request.run_id == RUN else None
        outbox.answer(stream, count, refusal)
    good.log_metric("loss", 1.0, 1, None)
    outbox.flush("c" * 32, timeout=0)
    with pytest.raises(NotFound, match=f"run {RUN}: 1 params or tags were refused") as error:
        bad.log_metric("loss", 1.0, 0, None)
    assert error.value.metadata["run_id"] == RUN
    assert error.value.metadata["field"] == "run_id"
    bad.log_metric("loss", 1.0, 0, None)


def test_several_refusals_are_raised_as_one_error_that_names_them() -> None:
    outbox = new_outbox()
    for number in range(3):
        outbox.buffer(RUN).log_params({f"p{number}": 1})
    outbox.collect()
    stream = outbox.queue.begin_stream()
    for number in range(3):
        outbox.queue.next_message(stream)
        outbox.answer(stream, number + 1, NotFound(f"reason {number}"))
    with pytest.raises(NotFound, match=r"reason 0 \(and 2 more .* reason 1; .* reason 2\)"):
        outbox.flush(RUN)
    outbox.flush(RUN)


def test_an_answer_to_what_was_not_sent_is_a_fault_of_the_server() -> None:
    outbox = new_outbox()
    outbox.buffer(RUN).log_params({"lr": 1})
    outbox.collect()
    stream = outbox.queue.begin_stream()
    with pytest.raises(Internal):
        outbox.answer(stream, 1, None)
    outbox.queue.next_message(stream)
    with pytest.raises(Internal):
        outbox.answer(stream, 2, None)
    outbox.answer(stream, 1, None)


def test_a_new_stream_sends_again_what_the_old_one_left_unanswered() -> None:
    outbox = new_outbox()
    for number in range(5):
        outbox.buffer(RUN).log_params({f"p{number}": number})
    outbox.collect()
    first = outbox.queue.begin_stream()
    messages = [outbox.queue.next_message(first) for _ in range(4)]
    outbox.answer(first, 2, None)
    second = outbox.queue.begin_stream()
    outbox.answer(first, 4, None)  # too late: it may speak of batches that were sent again
    assert outbox.queue.next_message(first) is None
    assert [outbox.queue.next_message(second) for _ in range(2)] == messages[2:]


def test_no_more_than_the_window_is_sent_without_an_answer(monkeypatch: Any) -> None:
    monkeypatch.setattr(batch_queue, "WINDOW_BYTES", 100_000)
    outbox = new_outbox()
    for number in range(5):
        outbox.buffer(RUN).set_tags({f"t{number}": "x" * 40_000})
    outbox.collect()
    stream = outbox.queue.begin_stream()
    taken: list[bytes | None] = []
    sender = threading.Thread(
        target=lambda: taken.extend(iter(lambda: outbox.queue.next_message(stream), None))
    )
    sender.start()
    sender.join(0.2)
    assert len(taken) == 3
    outbox.answer(stream, 1, None)
    sender.join(0.2)
    assert len(taken) == 4
    outbox.queue.end_stream(stream)
    sender.join(5)
    assert not sender.is_alive()


def test_when_the_outbox_is_full_calls_that_log_wait_and_one_warning_is_given(
    monkeypatch: Any, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(outbox_module, "LIMIT_BYTES", 100_000)
    outbox = Outbox(lambda: True)
    logged: list[int] = []

    def log() -> None:
        for number in range(40):
            outbox.buffer(RUN).log_batch([Metric("m", 1.0, 1, i) for i in range(1000)])
            logged.append(number)
            while outbox.buffer(RUN).waiting().points:  # until they are in a batch
                time.sleep(0.001)

    def collect(until: Callable[[], bool]) -> None:
        give_up = time.monotonic() + 30
        while not until():
            assert time.monotonic() < give_up
            outbox.do_posted(0.01)
            outbox.collect()

    thread = threading.Thread(target=log, daemon=True)
    with caplog.at_level(logging.WARNING, "runstream"):
        thread.start()
        collect(lambda: "calls that log wait" in caplog.text)
        thread.join(0.3)
        assert thread.is_alive()
        assert 3 < len(logged) < 10
        received = []
        while thread.is_alive() or outbox.queue.pending():
            outbox.do_posted(0.01)
            received += sent(outbox)
    assert sum(len(request.metrics.value) for request in received) == 40_000
    waits = [record for record in caplog.records if "calls that log wait" in record.message]
    assert 1 <= len(waits) <= 10  # one each time it fills up


def test_buffers_are_let_go_when_nobody_uses_them(monkeypatch: Any) -> None:
    monkeypatch.setattr(outbox_module, "_KEPT", 0.0)
    outbox = new_outbox()
    for number in range(100):
        outbox.buffer(f"{number:032x}").log_metric("loss", 1.0, 0, 1)
    sent(outbox)
    outbox.collect()
    assert len(outbox._buffers) == 0


def test_what_is_logged_to_a_buffer_that_was_let_go_is_sent_whoever_holds_it(
    monkeypatch: Any,
) -> None:
    monkeypatch.setattr(outbox_module, "_KEPT", 0.0)
    outbox = new_outbox()
    held = outbox.buffer(RUN)
    outbox.collect()
    assert held.retired
    held.log_metric("loss", 1.0, 0, 1)
    held.log_params({"lr": 1})
    held.set_tags({"note": "x"})
    held.log_batch([Metric("loss", 2.0, 1, 1)])
    del held
    gc.collect()
    requests = sent(outbox)
    assert len(points(requests)) == 2
    assert [len(request.params) + len(request.tags) for request in requests].count(1) == 2


def test_what_a_call_logs_while_its_buffer_is_let_go_is_sent(monkeypatch: Any) -> None:
    """The call looks whether it may log, the buffer is let go of, and then the point comes."""
    monkeypatch.setattr(outbox_module, "_KEPT", 0.0)
    outbox = new_outbox()
    held = outbox.buffer(RUN)

    class Slow:
        def __float__(self) -> float:
            outbox.collect()
            return 1.0

    held.log_metric("loss", 0.5, 0, 1)
    sent(outbox)
    held.log_metric("loss", Slow(), 1, 1)
    assert held.retired
    del held
    assert len(points(sent(outbox))) == 1


def test_a_buffer_with_points_is_never_let_go(monkeypatch: Any) -> None:
    monkeypatch.setattr(outbox_module, "_KEPT", 0.0)
    outbox = new_outbox()
    outbox.buffer(RUN).log_metric("loss", 1.0, 0, 1)
    assert not outbox.sleep()
    assert len(points(sent(outbox))) == 1
