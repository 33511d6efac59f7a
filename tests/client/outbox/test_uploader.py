"""The uploader loses and doubles nothing, whatever becomes of its stream: scripted faults."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise

import grpc
import pytest

from runstream.errors import (
    DeadlineExceeded,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    Unauthenticated,
)
from runstream.outbox import outage
from runstream.outbox.batch import Backlog
from runstream.outbox.drain import drain
from runstream.outbox.uploader import TICK
from runstream.v1.logging_service_pb2 import BatchError, LogBatchRequest
from support.scripted_server import RUN, ScriptedServer, answer, break_off, take_params


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    monkeypatch.setattr(outage, "_FIRST_PAUSE", 0.02)
    server = ScriptedServer()
    yield server
    server.uploader.stop()


def test_a_point_is_sent_at_the_latest_100_ms_after_it_was_logged(server: ScriptedServer) -> None:
    server.log_params("a")
    stream = server.accept()
    take_params(stream, 1)
    for pause in (0, 0.001, TICK, 20 * TICK):
        waits: list[float] = []
        while not waits or (min(waits) > 0.1 and len(waits) < 10):  # the machine may be busy
            time.sleep(pause)
            server.buffer.log_metric("loss", 1.0, 0, None)
            begin = time.monotonic()
            request = LogBatchRequest.FromString(stream.take_request())
            waits.append(time.monotonic() - begin)
            assert request.metrics.value[:] == [1.0]
        assert min(waits) <= 0.1


def test_what_was_not_answered_and_only_that_is_sent_again_after_a_break(
    server: ScriptedServer,
) -> None:
    """M4."""
    server.log_params("a", "b", "c", "d")
    first = server.accept()
    assert take_params(first, 4) == ["a", "b", "c", "d"]
    answer(first, 2)
    server.wait_for_backlog(2)
    break_off(first)
    second = server.accept()
    server.log_params("e")
    assert take_params(second, 3) == ["c", "d", "e"]
    answer(second, 1)
    answer(second, 3)
    server.outbox.flush(timeout=5)


def test_one_answer_may_cover_several_batches(server: ScriptedServer) -> None:
    server.log_params("a", "b", "c")
    stream = server.accept()
    take_params(stream, 3)
    answer(stream, 3)
    server.outbox.flush(timeout=5)


def test_a_refusal_in_the_middle_drops_that_batch_alone(server: ScriptedServer) -> None:
    """X4."""
    server.log_params("a", "b", "c")
    stream = server.accept()
    take_params(stream, 3)
    refusal = BatchError(
        code=3, message="params.b is 'x'", reason="PARAM_IMMUTABLE", metadata={"field": "params.b"}
    )
    answer(stream, 2, refusal)
    answer(stream, 3)
    with pytest.raises(InvalidArgument, match=rf"run {RUN}: .* params\.b is 'x'") as error:
        server.outbox.flush(timeout=5)
    assert error.value.reason == "PARAM_IMMUTABLE"
    assert error.value.metadata["field"] == "params.b"
    assert error.value.metadata["run_id"] == RUN
    server.outbox.flush(timeout=5)


def test_a_refused_batch_is_not_sent_again_after_a_break(server: ScriptedServer) -> None:
    server.log_params("a", "b")
    first = server.accept()
    take_params(first, 2)
    answer(first, 1, BatchError(code=9, message="the run is deleted"))
    server.wait_for_backlog(1)
    break_off(first)
    second = server.accept()
    assert take_params(second, 1) == ["b"]
    answer(second, 1)
    with pytest.raises(FailedPrecondition):
        server.outbox.flush(timeout=5)


def test_flush_waits_over_a_break(server: ScriptedServer) -> None:
    server.log_params("a")
    flushed = threading.Thread(target=server.outbox.flush)
    flushed.start()
    break_off(server.accept())
    second = server.accept()
    take_params(second, 1)
    flushed.join(0.1)
    assert flushed.is_alive()
    answer(second, 1)
    flushed.join(5)
    assert not flushed.is_alive()


def test_an_outage_gives_one_warning_and_one_notice_of_its_end(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "runstream"):
        server.log_params("a")
        for _ in range(4):
            break_off(server.accept())
        stream = server.accept()
        take_params(stream, 1)
        answer(stream, 1)
        server.outbox.flush(timeout=5)
        deadline = time.monotonic() + 5
        while f"{server.name} answers" not in caplog.text and time.monotonic() < deadline:
            time.sleep(0.01)
    told = [record for record in caplog.records if server.name in record.getMessage()]
    assert [record.levelname for record in told] == ["WARNING", "INFO"]
    assert f"{server.name} does not answer (scripted)" in told[0].getMessage()


def test_an_outage_that_turns_into_a_refusal_gives_another_warning_and_no_third(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.log_params("a")
    away, refused = grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAUTHENTICATED
    for code in (away, away, refused, away, refused):
        break_off(server.accept(), code)
    stream = server.accept()
    take_params(stream, 1)
    answer(stream, 1)
    server.wait_for_backlog(0)
    told = [one.getMessage() for one in caplog.records if server.name in one.getMessage()]
    assert len(told) == 2
    assert "does not answer" in told[0]
    assert "what is logged meanwhile is sent when it takes it again" in told[0]
    assert "refuses it" in told[1]
    assert "not sent before that is mended" in told[1]


def test_the_pauses_between_attempts_grow_and_begin_anew_after_an_answer(
    server: ScriptedServer,
) -> None:
    server.log_params("a")
    for _ in range(5):
        break_off(server.accept())
    stream = server.accept()
    pauses = [later - earlier for earlier, later in pairwise(server.open_times)]
    # 100, 200, 400 ms and so on, each shortened by up to a half, on a tick of 60 ms.
    assert pauses[-1] > 0.15 > pauses[0]
    take_params(stream, 1)
    answer(stream, 1)
    server.outbox.flush(timeout=5)
    waits: list[float] = []
    while not waits or (min(waits) > 0.15 and len(waits) < 10):  # the machine may be busy
        time.sleep(2 * TICK)
        server.log_params("b")
        begin = time.monotonic()
        break_off(stream)
        stream = server.accept()
        waits.append(time.monotonic() - begin)
        take_params(stream, 1)
        answer(stream, 1)
        server.outbox.flush(timeout=5)
    assert min(waits) <= 0.15


def test_a_stream_that_ends_with_nothing_to_send_is_opened_when_there_is_something(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.log_params("a")
    stream = server.accept()
    take_params(stream, 1)
    answer(stream, 1)
    server.outbox.flush(timeout=5)
    break_off(stream)
    time.sleep(5 * TICK)
    assert len(server.open_times) == 1
    assert server.name not in caplog.text
    server.log_params("b")
    assert take_params(server.accept(), 1) == ["b"]


def test_an_answer_that_makes_no_sense_breaks_the_stream(server: ScriptedServer) -> None:
    server.log_params("a")
    first = server.accept()
    take_params(first, 1)
    answer(first, 7)
    second = server.accept()
    assert take_params(second, 1) == ["a"]
    answer(second, 1)
    server.outbox.flush(timeout=5)


def test_flush_fails_at_once_where_waiting_cannot_help_and_nothing_is_lost(
    server: ScriptedServer,
) -> None:
    server.log_params("a")
    break_off(server.accept(), grpc.StatusCode.UNAUTHENTICATED)
    with pytest.raises(Unauthenticated, match="scripted"):
        server.outbox.flush(timeout=5)
    stream = server.accept()
    take_params(stream, 1)
    answer(stream, 1)
    server.wait_for_backlog(0)
    server.outbox.flush(timeout=5)


def test_calls_that_log_do_not_wait_for_a_server_that_does_not_answer(
    server: ScriptedServer,
) -> None:
    server.log_params("a")
    server.accept()
    begin = time.monotonic()
    for step in range(20_000):
        server.buffer.log_metric("loss", 1.0, step, None)
    assert time.monotonic() - begin < 20


def test_drain_gives_up_after_a_time_without_an_answer_not_before(server: ScriptedServer) -> None:
    server.log_params("a", "b", "c", "d")
    stream = server.accept()
    take_params(stream, 4)
    drained: list[object] = []
    draining = threading.Thread(target=lambda: drained.append(drain(server.outbox, 2, 30)))
    draining.start()
    for count in (1, 2, 3):
        time.sleep(0.8)
        answer(stream, count)
    draining.join(0.2)
    assert draining.is_alive()
    draining.join(20)
    assert isinstance(drained[0], DeadlineExceeded)
    assert server.outbox.backlog()[RUN] == Backlog(params_and_tags=1)


class Catastrophe(BaseException):
    """What nobody foresees."""


@pytest.mark.parametrize("fault", [ZeroDivisionError, MemoryError, Catastrophe])
def test_an_uploader_that_failed_goes_unnoticed_by_no_call(
    server: ScriptedServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    fault: type[BaseException],
) -> None:
    def fail() -> None:
        raise fault("a fault of ours")

    server.log_params("a")
    take_params(server.accept(), 1)
    monkeypatch.setattr(server.uploader, "_reopen_stream", fail)
    server.buffer.log_metric("loss", 1.0, 0, None)
    with pytest.raises(
        Internal, match=f"{fault.__name__}.*a fault of ours.*1 param or tag"
    ) as error:
        server.outbox.flush(timeout=30)
    assert isinstance(error.value.__cause__, fault)
    calls: list[Callable[[], object]] = [
        lambda: server.buffer.log_metric("loss", 1.0, 1, None),
        lambda: server.buffer.log_metrics({"loss": 1.0}, 1, None),
        lambda: server.log_params("b"),
        lambda: server.buffer.set_tags({"b": 1}),
        lambda: server.buffer.log_columns("m", [1.0], [1], [1]),
        lambda: server.outbox.buffer("b" * 32).log_metric("loss", 1.0, 1, None),
        lambda: server.outbox.flush(RUN),
        lambda: server.outbox.flush(),
    ]
    for call in calls:
        with pytest.raises(Internal, match="uploading failed for good") as error:
            call()
        assert error.value.reason == "UPLOADER_FAILED"
    assert sum(server.outbox.backlog().values(), Backlog()) == Backlog(1, 1)
    give_up = time.monotonic() + 10
    while f"uploading to {server.name} failed for good" not in caplog.text:
        assert time.monotonic() < give_up
        time.sleep(0.01)
