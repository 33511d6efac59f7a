"""The end of a run is queued after what was logged to it, and waits for nothing (R5)."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

import runstream
from runstream import InvalidArgument
from support.server_process import ServerProcess


@pytest.fixture(autouse=True)
def chosen(server: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("RUNSTREAM_TRACKING_URI", server.uri)
    monkeypatch.delenv("RUNSTREAM_EXPERIMENT_ID", raising=False)
    monkeypatch.setenv("RUNSTREAM_SOURCE", "none")
    yield
    while runstream.active_run():
        runstream.end_run()


@pytest.mark.parametrize("is_logging", [True, False])
def test_an_end_without_a_server_is_delivered_with_its_status_and_its_time(
    server: ServerProcess, is_logging: bool
) -> None:
    """R5."""
    run = runstream.start_run()
    server.kill()
    if is_logging:
        run.log_metric("loss", 1.0)
    begin = time.time_ns() // 1_000_000
    runstream.end_run("KILLED")
    end = time.time_ns() // 1_000_000
    assert run.info.status == "KILLED"
    run.end("FAILED")  # it has ended
    time.sleep(0.3)
    server.restart()
    stored = run.read()
    assert stored.info == run.info
    assert stored.info.end_time is not None
    assert begin <= stored.info.end_time <= end
    assert stored.data.metrics == ({"loss": 1.0} if is_logging else {})


def test_a_run_that_is_resumed_right_after_its_end_is_running(server: ServerProcess) -> None:
    """R5: also if the server gets all of it at once."""
    run = runstream.start_run()
    server.kill()
    for step in range(5):
        run.log_metric("loss", 1.0, step)
        run.end()
        run = runstream.start_run(run_id=run.run_id)
    server.restart()
    assert run.read().info.status == "RUNNING"
    assert len(list(run.client.get_metric_history(run.run_id, "loss"))) == 5
    run.end("FAILED")
    assert run.read().info.status == "FAILED"


def test_a_bad_status_ends_no_run() -> None:
    run = runstream.start_run()
    with pytest.raises(InvalidArgument, match="'DONE'"):
        run.end("DONE")
    assert runstream.active_run() is run
    assert run.read().info.status == "RUNNING"
