"""Outboxes without a thread or a server: a test takes out at once what was logged."""

from __future__ import annotations

import struct

from runstream.entities import Metric
from runstream.outbox.outbox import Outbox
from runstream.rules import MESSAGE_BYTES
from runstream.v1.logging_service_pb2 import LogBatchRequest
from support.api import table_points

RUN = "a" * 32


def new_outbox() -> Outbox:
    """Return an outbox whose tasks run at once on the thread of the test."""

    def start() -> bool:
        outbox.tasks.run_pending(0)
        return True

    outbox = Outbox(start)
    return outbox


def send_all(outbox: Outbox) -> list[LogBatchRequest]:
    """Send everything that was logged, and return it."""
    outbox.dispatch.collect()
    stream = outbox.window.start_stream()
    requests = []
    while outbox.window.has_pending():
        message = outbox.window.next_message(stream)
        assert message is not None
        assert len(message) <= MESSAGE_BYTES
        requests.append(LogBatchRequest.FromString(message))
        outbox.answers.record(stream, len(requests), None)
    return requests


def batch_points(requests: list[LogBatchRequest]) -> list[tuple[str, bytes, int, int]]:
    """Return the points of batches, their values as bytes because NaN equals nothing."""
    return [
        (key, struct.pack("=d", value), timestamp, step)
        for request in requests
        for key, step, timestamp, value in table_points(request.metrics)
    ]


def metric_points(metrics: list[Metric]) -> list[tuple[str, bytes, int, int]]:
    return [(m.key, struct.pack("=d", m.value), m.timestamp, m.step) for m in metrics]
