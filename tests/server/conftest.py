"""Fixtures: a server for the tests of a file, and the artifact root of a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest

from support.api import Api
from support.server_process import ServerProcess

# The rooms whose tests run on each database.
ROOMS_OF_THE_STORE = ("alerts", "catalog", "engine", "ingest", "live", "points", "search")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of the store on both databases, but for those that look into the file."""
    is_marked = any(metafunc.definition.iter_markers("sqlite"))
    in_room = metafunc.definition.path.parent.name in ROOMS_OF_THE_STORE
    if "new_url" in metafunc.fixturenames and in_room and not is_marked:
        metafunc.parametrize("new_url", ["sqlite", "postgresql"], indirect=True, scope="session")


@pytest.fixture(scope="module")
def shared(
    tmp_path_factory: pytest.TempPathFactory, new_url: Callable[[], str | None]
) -> Iterator[Api]:
    """The stubs of one server for the tests that need no server of their own."""
    server = ServerProcess(tmp_path_factory.mktemp("shared") / "runs.db", url=new_url())
    with grpc.insecure_channel(server.address) as channel:
        yield Api(channel)
    server.stop()


@pytest.fixture
def root(server: ServerProcess) -> Path:
    """The artifact root of the server, by default beside the database."""
    return server.database.with_name("artifacts")
