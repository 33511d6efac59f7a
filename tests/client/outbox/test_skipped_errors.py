"""A call that is told to skip errors logs what it can, and warns once of each key."""

from __future__ import annotations

from typing import Any

import pytest

from runstream.errors import InvalidArgument, NotFound
from support.outboxes import RUN, batch_points, new_outbox, send_all


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
    assert len(batch_points(batches := send_all(outbox))) == 3
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
    assert send_all(outbox) == []


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
        outbox.dispatch.collect()
        stream = outbox.window.start_stream()
        outbox.window.next_message(stream)
        outbox.answers.record(stream, 1, NotFound("Run not found"))
    buffer.log_metrics({"loss": 1.0}, 3, 1, "skip")
    assert [record.getMessage() for record in caplog.records] == [
        f"run {RUN}: not logged: run {RUN}: 1 point was refused: Run not found"
    ]
