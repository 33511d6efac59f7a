"""Fixtures: a server for the tests of a file, and the artifact root of a server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from support.api import Api
from support.server_process import ServerProcess


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The stubs of one server for the tests that need no server of their own."""
    server = ServerProcess(tmp_path_factory.mktemp("shared") / "runs.db")
    with grpc.insecure_channel(server.address) as channel:
        yield Api(channel)
    server.stop()


@pytest.fixture
def root(server: ServerProcess) -> Path:
    """The artifact root of the server, by default beside the database."""
    return server.database.with_name("artifacts")
