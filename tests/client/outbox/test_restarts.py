"""Servers that are away for a while, or for good."""

from __future__ import annotations

import threading
import time

import pytest

from runstream import DeadlineExceeded, TrackingClient, Unavailable
from runstream.transport import connection
from support.ports import reserve_port
from support.server_process import ServerProcess


def test_logging_goes_on_while_the_server_restarts_and_nothing_is_lost_or_twice(
    client: TrackingClient, run_id: str, server: ServerProcess
) -> None:
    """M4."""
    slowest = 0.0
    for step in range(60_000):
        if step == 20_000:
            server.kill()
        if step == 40_000:
            server.restart()
        begin = time.perf_counter()
        client.log_metric(run_id, "loss", step / 3, step=step)
        slowest = max(slowest, time.perf_counter() - begin)
        if step % 1000 == 0:
            time.sleep(0.005)
    client.flush(timeout=30)
    history = client.get_metric_history(run_id, "loss")
    assert [(point.step, point.value) for point in history] == [(s, s / 3) for s in range(60_000)]
    assert slowest < 3


def test_a_call_waits_for_a_server_that_restarts(
    client: TrackingClient, run_id: str, server: ServerProcess
) -> None:
    server.stop()
    later = threading.Timer(1.0, server.restart)
    later.start()
    try:
        assert client.create_run().info.status == "RUNNING"
        assert client.create_experiment("waits") == "1"
        assert client.get_run(run_id).info.run_id == run_id
    finally:
        later.join()


def test_where_no_server_is_a_call_fails_and_logging_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "RETRY_SECONDS", 0.5)
    client = TrackingClient(f"grpc://127.0.0.1:{reserve_port()}")
    with pytest.raises(Unavailable):
        client.create_run()
    client.log_metric("f" * 32, "loss", 1.0)
    with pytest.raises(DeadlineExceeded, match="1 point;") as error:
        client.flush(timeout=0.5)
    assert error.value.metadata["points"] == "1"
    client._outbox.reset_after_fork()  # or else this would wait for the server
    client.close()
