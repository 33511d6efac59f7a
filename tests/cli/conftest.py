"""Fixtures of the tests of the command: one server for all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.server_process import ServerProcess
from support.shell import Shell


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
