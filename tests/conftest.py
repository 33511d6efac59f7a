"""Fixtures: real servers on free ports, each with a database file of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest

from api import Api
from server_process import ServerProcess


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., ServerProcess]]:
    """Start a server on `tmp_path/NAME` with more environment variables, if given."""
    started: list[ServerProcess] = []

    def start(name: str = "runs.db", **environment: str) -> ServerProcess:
        started.append(ServerProcess(tmp_path / name, environment))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.stop()


@pytest.fixture
def server(start_server: Callable[..., ServerProcess]) -> ServerProcess:
    """A server on an empty database."""
    return start_server()


@pytest.fixture
def connect() -> Iterator[Callable[[str], Api]]:
    """Make the raw stubs for an address; their channel is closed after the test."""
    channels = []

    def connect(address: str) -> Api:
        channels.append(grpc.insecure_channel(address))
        return Api(channels[-1])

    yield connect
    for channel in channels:
        channel.close()


@pytest.fixture
def api(server: ServerProcess, connect: Callable[[str], Api]) -> Api:
    """The raw stubs of `server`."""
    return connect(server.address)
