"""Fixtures of the tests of the command: one server for all of them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runstream import TrackingClient
from runstream.spool.folder import SpoolFolder
from support.launched import Launched, children_of
from support.server_process import ServerProcess
from support.shell import Shell
from support.spools import append_upload, left_folder, points_batch


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server whose database the tests share: each names what is its own."""
    server = ServerProcess(tmp_path_factory.mktemp("cli") / "runs.db")
    yield server
    server.stop()


@pytest.fixture
def shell(server: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Runs commands against `server`, whatever the environment of the tests says."""
    for prefix in ("RUNSTREAM", "MLFLOW"):
        for name in ("EXPERIMENT_ID", "EXPERIMENT_NAME"):
            monkeypatch.delenv(f"{prefix}_{name}", raising=False)
    return Shell(server.uri)


@pytest.fixture
def db() -> Shell:
    """Runs commands that need no server."""
    return Shell("grpc://127.0.0.1:1")


@pytest.fixture
def left(client: TrackingClient, run_id: str, spool: Path) -> SpoolFolder:
    """A folder with two batches of three points, and a file."""
    batches = [points_batch(run_id, [1]), points_batch(run_id, [2, 3])]
    folder = left_folder(spool, client.tracking_uri, batches)
    append_upload(folder, run_id, "a.txt", b"hello")
    return folder


@pytest.fixture
def launch(server: ServerProcess) -> Iterator[Callable[..., Launched]]:
    """Start a `runstream run` with some arguments, which is killed after the test."""
    started: list[Launched] = []

    def launch(*arguments: str, **environment: str) -> Launched:
        started.append(Launched(server.uri, *arguments, **environment))
        return started[-1]

    yield launch
    for launched in started:
        if launched.process.poll() is None:
            for program in children_of(launched.process.pid):  # each has a group of its own
                os.killpg(int(program), signal.SIGKILL)
        launched.process.communicate(timeout=60)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose name no other test has."""
    return tmp_path / tmp_path.name
