"""Consoles that a client reads, and lines that its outbox sends."""

from __future__ import annotations

import pytest

from runstream import TrackingClient
from runstream.errors import FailedPrecondition
from runstream.v1.console_pb2 import CONSOLE_STREAM_STDERR, ConsoleLine


def lines(count: int, text: str = "") -> list[ConsoleLine]:
    return [
        ConsoleLine(
            stream=CONSOLE_STREAM_STDERR, text=f"{i} {text}", timestamp=i, writer=3, sequence=i
        )
        for i in range(count)
    ]


def test_a_console_is_read_from_both_ends_over_many_pages(client: TrackingClient) -> None:
    run_id = client.create_run().info.run_id
    sent = lines(2_000, "x" * 1_500)
    client.buffer(run_id).log_console(sent)
    found = list(client.read_console(run_id))  # which waits until they are on disk
    assert [(line.number, line.stream, line.timestamp, line.text) for line in found] == [
        (i + 1, "stderr", i, line.text) for i, line in enumerate(sent)
    ]
    assert list(client.read_console(run_id, after=1_990)) == found[1_990:]
    assert list(client.read_console(run_id, last=1_800)) == found[200:]
    assert list(client.read_console(run_id, last=0)) == []
    assert list(client.read_console(run_id, after=1_995, last=1_800)) == found[1_995:]


def test_lines_that_are_refused_are_told(client: TrackingClient) -> None:
    run_id = client.create_run().info.run_id
    client.delete_run(run_id)
    client.buffer(run_id).log_console(lines(4))
    with pytest.raises(FailedPrecondition, match="4 lines of the console were refused"):
        client.flush()
