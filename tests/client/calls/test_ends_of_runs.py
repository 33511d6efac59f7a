"""The end of a run is over when it is on disk, and can be repeated until then (R5)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

import runstream
from runstream import ActiveRun, DeadlineExceeded, Unavailable
from runstream.outbox import waits
from runstream.transport import connection
from support.server_process import ServerProcess


@pytest.fixture(autouse=True)
def impatient(server: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("RUNSTREAM_TRACKING_URI", server.uri)
    monkeypatch.delenv("RUNSTREAM_EXPERIMENT_ID", raising=False)
    monkeypatch.setattr(waits, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(connection, "RETRY_SECONDS", 0.5)
    yield
    be_patient(monkeypatch)
    while runstream.active_run():
        runstream.end_run()


def be_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "ANSWER_SECONDS", 60.0)
    monkeypatch.setattr(connection, "RETRY_SECONDS", 30.0)


@pytest.mark.parametrize(
    "again",
    [lambda run: run.end("KILLED"), lambda run: run.end_at_exit("FINISHED")],
    ids=["by the program", "at its end"],
)
@pytest.mark.parametrize("is_logging", [True, False])
def test_an_end_that_failed_is_repeated_with_its_status_and_its_time(
    server: ServerProcess,
    monkeypatch: pytest.MonkeyPatch,
    again: Callable[[ActiveRun], None],
    is_logging: bool,
) -> None:
    """R5."""
    run = runstream.start_run()
    run.flush(60)
    server.kill()
    if is_logging:
        run.log_metric("loss", 1.0)
    begin = time.time_ns() // 1_000_000
    with pytest.raises((DeadlineExceeded, Unavailable)):
        runstream.end_run("KILLED")
    end = time.time_ns() // 1_000_000
    server.restart()
    be_patient(monkeypatch)
    assert run.client.get_run(run.info.run_id).info.status == "RUNNING"
    again(run)
    stored = run.read()
    assert stored.info.status == "KILLED"
    assert stored.info.end_time is not None
    assert begin <= stored.info.end_time <= end
    assert stored.data.metrics == ({"loss": 1.0} if is_logging else {})
    run.end("FAILED")  # it has ended
    assert run.read().info == stored.info
