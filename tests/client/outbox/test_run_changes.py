"""Starts, ends and inputs of runs are batches in the order of the program."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from runstream.errors import AlreadyExists, ResourceExhausted
from runstream.outbox import outage, waits
from runstream.outbox.outbox import Outbox
from runstream.v1.logging_service_pb2 import (
    BatchError,
    LogBatchRequest,
    LogBatchResponse,
    RunStart,
    RunUpdate,
)
from runstream.v1.run_pb2 import RunInfo, RunStatus
from support.outboxes import RUN, new_outbox, send_all
from support.scripted_server import ScriptedServer, answer, break_off

START = LogBatchRequest(run_id=RUN, start=RunStart(run_name="first", heartbeat=True))
RESUME = LogBatchRequest(run_id=RUN, update=RunUpdate(status=RunStatus.RUNNING))
END = LogBatchRequest(run_id=RUN, update=RunUpdate(status=RunStatus.FINISHED))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    monkeypatch.setattr(outage, "_FIRST_PAUSE", 0.02)
    server = ScriptedServer()
    yield server
    server.uploader.stop()


def contents(outbox: Outbox) -> list[str]:
    """Return what the batches that wait say, in their order, and answer them."""
    return [
        next(
            field.name for field, _ in request.ListFields() if field.name not in ("run_id", "write")
        )
        for request in send_all(outbox)
    ]


def test_a_start_comes_first_and_an_end_after_the_points_that_were_logged_before_it() -> None:
    outbox = new_outbox()
    buffer = outbox.buffer(RUN)
    buffer.queue_batch(START)
    buffer.log_metric("loss", 1.0, 0, None)
    buffer.set_tags({"a": "b"})
    buffer.queue_update(END)
    assert contents(outbox) == ["start", "tags", "metrics", "update"]


def test_a_run_that_is_resumed_after_its_end_is_running() -> None:
    outbox = new_outbox()
    buffer = outbox.buffer(RUN)
    buffer.queue_update(END)
    buffer.log_metric("loss", 1.0, 0, None)
    buffer.queue_batch(RESUME)
    statuses = [request.update.status for request in send_all(outbox) if request.HasField("update")]
    assert statuses == [RunStatus.FINISHED, RunStatus.RUNNING]


def test_whatever_depends_on_its_order_has_a_write_id() -> None:
    outbox = new_outbox()
    buffer = outbox.buffer(RUN)
    buffer.queue_batch(START)
    buffer.queue_batch(LogBatchRequest(run_id=RUN, deleted_tags=["a"]))
    buffer.log_metric("loss", 1.0, 0, None)
    buffer.queue_update(END)
    start, deleted, points, end = send_all(outbox)
    assert not points.HasField("write")
    assert start.write.writer == deleted.write.writer == end.write.writer != ""
    assert start.write.sequence < deleted.write.sequence < end.write.sequence


def test_a_batch_that_no_message_can_hold_is_refused_at_once() -> None:
    outbox = new_outbox()
    with pytest.raises(ResourceExhausted, match="more than one message"):
        outbox.buffer(RUN).queue_batch(LogBatchRequest(run_id=RUN, deleted_tags=["x" * 2**22]))
    assert send_all(outbox) == []


def test_what_is_lost_of_a_run_does_not_keep_it_from_ending() -> None:
    outbox = new_outbox()
    buffer = outbox.buffer(RUN)
    buffer.log_params({"a": 1})
    outbox.dispatch.collect()
    stream = outbox.window.start_stream()
    outbox.window.next_message(stream)
    outbox.answers.record(stream, 1, AlreadyExists("taken"))
    buffer.queue_update(END)
    assert contents(outbox) == ["update"]
    with pytest.raises(AlreadyExists):
        outbox.raise_refusals(RUN)


def test_a_start_returns_what_the_server_answered(server: ScriptedServer) -> None:
    server.buffer.queue_batch(START)
    returned: list[object] = []
    waiting = threading.Thread(target=lambda: returned.append(server.outbox.wait_for_start(RUN)))
    waiting.start()
    stream = server.accept()
    assert LogBatchRequest.FromString(stream.take_request()).start == START.start
    info = RunInfo(run_id=RUN, run_name="renamed", status=RunStatus.RUNNING)
    stream.send_response(LogBatchResponse(answered=1, run_infos=[info]))
    waiting.join(5)
    (run,) = returned
    assert getattr(run, "run_name", None) == "renamed"


def test_a_start_that_is_refused_raises_why(server: ScriptedServer) -> None:
    server.buffer.queue_batch(START)

    def refuse() -> None:
        stream = server.accept()
        stream.take_request()
        answer(stream, 1, BatchError(code=6, message="the id is taken"))

    threading.Thread(target=refuse).start()
    with pytest.raises(AlreadyExists, match="its start, end or inputs were refused: the id"):
        server.outbox.wait_for_start(RUN)


def test_a_start_does_not_wait_for_a_server_that_is_known_to_be_away(
    server: ScriptedServer,
) -> None:
    server.outbox._connect_seconds = 60
    server.log_params("a")
    stream = server.accept()
    stream.take_request()
    waiting = threading.Thread(target=server.outbox.wait_for_start, args=[RUN])
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive()
    break_off(stream)
    waiting.join(20)  # it ends with the stream, long before the time for a connection
    assert not waiting.is_alive()
    begin = time.monotonic()
    server.buffer.queue_batch(START)
    assert server.outbox.wait_for_start(RUN) is None
    assert time.monotonic() - begin < 20


def test_a_start_waits_longer_for_an_answer_than_for_a_connection(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.outbox._connect_seconds = 0.2
    monkeypatch.setattr(waits, "START_ANSWER_SECONDS", 3.0)
    server.uploader.suspend()
    server.buffer.queue_batch(START)
    begin = time.monotonic()
    assert server.outbox.wait_for_start(RUN) is None
    assert 0.2 <= time.monotonic() - begin < 2.5
    server.uploader.resume()
    stream = server.accept()
    stream.take_request()
    answer(stream, 1)
    server.outbox.flush()
    server.buffer.queue_batch(START)
    begin = time.monotonic()
    assert server.outbox.wait_for_start(RUN) is None
    assert time.monotonic() - begin >= 3
