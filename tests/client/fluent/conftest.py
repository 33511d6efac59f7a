"""Fixtures: a server of its own for each test, to which the fluent functions log."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

import runstream
from runstream.fluent.active_runs import _active_stack
from support.server_process import ServerProcess


@pytest.fixture
def tracking(server: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test logs to a server of its own, and leaves nothing behind."""
    for name in list(os.environ):
        if name.startswith(("RUNSTREAM_", "MLFLOW_")) and name != "RUNSTREAM_SPOOL":
            monkeypatch.delenv(name)
    monkeypatch.setenv("RUNSTREAM_SOURCE", "none")
    monkeypatch.setenv("RUNSTREAM_EXPERIMENT_ID", "")  # so that it is put back afterwards
    monkeypatch.setenv("RUNSTREAM_TRACKING_URI", "")
    runstream.set_tracking_uri(server.uri)
    yield
    while runstream.active_run():
        runstream.end_run()
    assert _active_stack.get() == ()
