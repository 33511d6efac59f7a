"""The outbox releases a buffer that nobody uses, and loses nothing that was logged to it."""

from __future__ import annotations

import gc
from typing import Any

from runstream.entities import Metric
from runstream.outbox import collector
from runstream.v1.logging_service_pb2 import LogBatchRequest, RunUpdate
from support.outboxes import RUN, batch_points, new_outbox, send_all

OTHER = "b" * 32


def test_buffers_are_let_go_when_nobody_uses_them(monkeypatch: Any) -> None:
    monkeypatch.setattr(collector, "_UNUSED_SECONDS", 0.0)
    outbox = new_outbox()
    for number in range(100):
        outbox.buffer(f"{number:032x}").log_metric("loss", 1.0, 0, 1)
    send_all(outbox)
    outbox.dispatch.collect()
    assert len(outbox._collector._buffers) == 0


def test_the_buffer_of_a_run_that_has_ended_is_let_go_sooner(monkeypatch: Any) -> None:
    monkeypatch.setattr(collector, "_ENDED_SECONDS", 0.0)
    outbox = new_outbox()
    outbox.buffer(RUN).log_metric("loss", 1.0, 0, 1)
    outbox.buffer(OTHER).log_metric("loss", 1.0, 0, 1)
    outbox.buffer(OTHER).queue_update(LogBatchRequest(run_id=OTHER, update=RunUpdate(end_time=1)))
    send_all(outbox)
    outbox._collector._next_retirement = 0.0
    outbox.dispatch.collect()
    assert list(outbox._collector._buffers) == [RUN]


def test_the_uploader_does_not_look_at_runs_that_have_ended() -> None:
    outbox = new_outbox()
    outbox.buffer(RUN).log_metric("loss", 1.0, 0, 1)
    outbox.buffer(OTHER).log_metric("loss", 1.0, 0, 1)
    outbox.buffer(OTHER).queue_update(LogBatchRequest(run_id=OTHER, update=RunUpdate(end_time=1)))
    outbox.dispatch.collect()
    outbox.dispatch.collect()
    assert list(outbox._collector._active) == [RUN]


def test_what_is_logged_after_the_end_of_a_run_is_sent() -> None:
    outbox = new_outbox()
    buffer = outbox.buffer(RUN)
    buffer.queue_update(LogBatchRequest(run_id=RUN, update=RunUpdate(end_time=1)))
    outbox.dispatch.collect()
    outbox.dispatch.collect()
    buffer.log_metric("loss", 1.0, 0, 1)
    outbox.dispatch.collect()
    requests = send_all(outbox)
    assert len(batch_points(requests)) == 1


def test_what_is_logged_to_a_buffer_that_was_let_go_is_sent_whoever_holds_it(
    monkeypatch: Any,
) -> None:
    monkeypatch.setattr(collector, "_UNUSED_SECONDS", 0.0)
    outbox = new_outbox()
    held = outbox.buffer(RUN)
    outbox.dispatch.collect()
    assert held.is_retired
    held.log_metric("loss", 1.0, 0, 1)
    held.log_params({"lr": 1})
    held.set_tags({"note": "x"})
    held.log_batch([Metric("loss", 2.0, 1, 1)])
    del held
    gc.collect()
    requests = send_all(outbox)
    assert len(batch_points(requests)) == 2
    assert [len(request.params) + len(request.tags) for request in requests].count(1) == 2


def test_what_a_call_logs_while_its_buffer_is_let_go_is_sent(monkeypatch: Any) -> None:
    """The call looks whether it may log, the buffer is let go of, and then the point comes."""
    monkeypatch.setattr(collector, "_UNUSED_SECONDS", 0.0)
    outbox = new_outbox()
    held = outbox.buffer(RUN)

    class Slow:
        def __float__(self) -> float:
            outbox.dispatch.collect()
            return 1.0

    held.log_metric("loss", 0.5, 0, 1)
    send_all(outbox)
    held.log_metric("loss", Slow(), 1, 1)
    assert held.is_retired
    del held
    assert len(batch_points(send_all(outbox))) == 1


def test_a_buffer_with_points_is_never_let_go(monkeypatch: Any) -> None:
    monkeypatch.setattr(collector, "_UNUSED_SECONDS", 0.0)
    outbox = new_outbox()
    outbox.buffer(RUN).log_metric("loss", 1.0, 0, 1)
    assert not outbox.dispatch.sleep()
    assert len(batch_points(send_all(outbox))) == 1
