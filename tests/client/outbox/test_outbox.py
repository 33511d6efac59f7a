"""The outbox keeps what has no answer, within its bounds, and raises each refusal once."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from runstream.entities import Metric
from runstream.errors import DeadlineExceeded, Internal, InvalidArgument, NotFound
from runstream.outbox import outgoing_batches, stream_window, waits
from runstream.outbox.outbox import Outbox
from runstream.v1.logging_service_pb2 import LogBatchRequest
from support.outboxes import RUN, new_outbox, send_all
from support.waiting import wait_until


def test_a_param_cannot_change_in_one_process() -> None:
    """P1."""
    outbox = new_outbox()
    outbox.buffer(RUN).log_params({"lr": 0.1})
    with pytest.raises(InvalidArgument, match=r"params\.lr of run a+ is already '0\.1'") as error:
        outbox.buffer(RUN).log_params({"new": 1, "lr": 0.2})
    assert error.value.metadata["old"] == "0.1"
    outbox.buffer("b" * 32).log_params({"lr": 0.2})
    assert len(send_all(outbox)) == 2


def test_a_batch_with_a_param_of_another_value_queues_nothing() -> None:
    """P1: all is checked before anything is queued."""
    outbox = new_outbox()
    buffer = outbox.buffer(RUN)
    buffer.log_params({"lr": 0.1})
    send_all(outbox)
    with pytest.raises(InvalidArgument) as error:
        buffer.log_batch([Metric("loss", 1.0, 1, 0)], {"new": 1, "lr": 0.2}, {"note": "x"})
    assert error.value.reason == "PARAM_IMMUTABLE"
    assert send_all(outbox) == []
    buffer.log_params({"new": 2})
    (request,) = send_all(outbox)
    assert [(param.key, param.value) for param in request.params] == [("new", "2")]


def test_flush_says_exactly_how_many_points_have_no_answer() -> None:
    outbox = new_outbox()
    outbox.buffer(RUN).log_batch([Metric("loss", 1.0, 1, step) for step in range(123)])
    outbox.buffer("b" * 32).log_batch([Metric("loss", 1.0, 1, step) for step in range(1000)])
    outbox.buffer(RUN).log_params({"lr": 0.1})
    with pytest.raises(DeadlineExceeded, match="123 points and 1 param or tag of run aaa") as one:
        outbox.flush(RUN, timeout=0.01)
    assert one.value.metadata["points"] == "123"
    assert one.value.metadata["run_id"] == RUN
    with pytest.raises(DeadlineExceeded) as all_runs:
        outbox.flush(timeout=0.01)
    assert all_runs.value.metadata["points"] == "1123"
    assert sum(len(request.metrics.value) for request in send_all(outbox)) == 1123
    outbox.flush(timeout=0)


def test_a_refusal_is_raised_once_and_only_for_its_run() -> None:
    outbox = new_outbox()
    good, bad = outbox.buffer("b" * 32), outbox.buffer(RUN)
    good.log_metric("loss", 1.0, 0, None)
    bad.log_params({"lr": 0.1})
    outbox.dispatch.collect()
    stream = outbox.window.start_stream()
    messages = [outbox.window.next_message(stream) for _ in range(2)]
    for count, message in enumerate(messages, 1):
        request = LogBatchRequest.FromString(message or b"")
        refusal = NotFound("Run not found", field="run_id") if request.run_id == RUN else None
        outbox.answers.record(stream, count, refusal)
    good.log_metric("loss", 1.0, 1, None)
    outbox.flush("c" * 32, timeout=0)
    with pytest.raises(NotFound, match=f"run {RUN}: 1 param or tag was refused") as error:
        bad.log_metric("loss", 1.0, 0, None)
    assert error.value.metadata["run_id"] == RUN
    assert error.value.metadata["field"] == "run_id"
    bad.log_metric("loss", 1.0, 0, None)


def test_several_refusals_are_raised_as_one_error_that_names_them() -> None:
    outbox = new_outbox()
    for number in range(3):
        outbox.buffer(RUN).log_params({f"p{number}": 1})
    outbox.dispatch.collect()
    stream = outbox.window.start_stream()
    for number in range(3):
        outbox.window.next_message(stream)
        outbox.answers.record(stream, number + 1, NotFound(f"reason {number}"))
    with pytest.raises(NotFound, match=r"reason 0 \(and 2 more .* reason 1; .* reason 2\)"):
        outbox.flush(RUN)
    outbox.flush(RUN)


def test_an_answer_to_what_was_not_sent_is_a_fault_of_the_server() -> None:
    outbox = new_outbox()
    outbox.buffer(RUN).log_params({"lr": 1})
    outbox.dispatch.collect()
    stream = outbox.window.start_stream()
    with pytest.raises(Internal):
        outbox.answers.record(stream, 1, None)
    outbox.window.next_message(stream)
    with pytest.raises(Internal):
        outbox.answers.record(stream, 2, None)
    outbox.answers.record(stream, 1, None)


def test_a_new_stream_sends_again_what_the_old_one_left_unanswered() -> None:
    outbox = new_outbox()
    for number in range(5):
        outbox.buffer(RUN).log_params({f"p{number}": number})
    outbox.dispatch.collect()
    first = outbox.window.start_stream()
    messages = [outbox.window.next_message(first) for _ in range(4)]
    outbox.answers.record(first, 2, None)
    second = outbox.window.start_stream()
    outbox.answers.record(first, 4, None)  # too late: it may speak of batches that were sent again
    assert outbox.window.next_message(first) is None
    assert [outbox.window.next_message(second) for _ in range(2)] == messages[2:]


def test_no_more_than_the_window_is_sent_without_an_answer(monkeypatch: Any) -> None:
    monkeypatch.setattr(stream_window, "WINDOW_BYTES", 100_000)
    outbox = new_outbox()
    for number in range(5):
        outbox.buffer(RUN).set_tags({f"t{number}": "x" * 40_000})
    outbox.dispatch.collect()
    stream = outbox.window.start_stream()
    taken: list[bytes | None] = []
    sender = threading.Thread(
        target=lambda: taken.extend(iter(lambda: outbox.window.next_message(stream), None))
    )
    sender.start()
    wait_until(lambda: len(taken) == 3, 30)
    sender.join(0.2)
    assert len(taken) == 3
    outbox.answers.record(stream, 1, None)
    wait_until(lambda: len(taken) == 4, 30)
    sender.join(0.2)
    assert len(taken) == 4
    outbox.window.end_stream(stream)
    sender.join(30)
    assert not sender.is_alive()


def test_when_the_outbox_is_full_calls_that_log_wait_and_one_warning_is_given(
    monkeypatch: Any, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(outgoing_batches, "LIMIT_BYTES", 100_000)
    monkeypatch.setattr(waits, "PATIENCE_SECONDS", 0.05)
    outbox = Outbox(lambda: True)
    logged: list[int] = []

    def log() -> None:
        for number in range(40):
            outbox.buffer(RUN).log_batch([Metric("m", 1.0, 1, i) for i in range(1000)])
            logged.append(number)
            while outbox.buffer(RUN).contents.waiting().points:  # until they are in a batch
                time.sleep(0.001)

    def collect(until: Callable[[], bool]) -> None:
        give_up = time.monotonic() + 30
        while not until():
            assert time.monotonic() < give_up
            outbox.tasks.run_pending(0.01)
            outbox.dispatch.collect()

    thread = threading.Thread(target=log, daemon=True)
    with caplog.at_level(logging.WARNING, "runstream"):
        thread.start()
        collect(lambda: "calls that log wait" in caplog.text)
        thread.join(0.3)
        assert thread.is_alive()
        assert 3 < len(logged) < 10
        received = []
        while thread.is_alive() or outbox.window.has_pending():
            outbox.tasks.run_pending(0.01)
            received += send_all(outbox)
    assert sum(len(request.metrics.value) for request in received) == 40_000
    assert caplog.text.count("runstream: calls that log wait for room") == 1


def test_a_call_that_soon_has_room_gives_no_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(outgoing_batches, "LIMIT_BYTES", 100)
    monkeypatch.setattr(waits, "PATIENCE_SECONDS", 60.0)
    outbox = Outbox(lambda: True)
    outbox.buffer(RUN).log_metric("m", 1.0, 1, 1)
    outbox.dispatch.collect()
    assert outbox.batches.is_full
    thread = threading.Thread(target=lambda: outbox.buffer(RUN).log_metric("m", 2.0, 2, 2))
    with caplog.at_level(logging.WARNING, "runstream"):
        thread.start()
        while thread.is_alive():
            outbox.tasks.run_pending(0.01)
            send_all(outbox)
    assert caplog.text == ""
