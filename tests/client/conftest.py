"""Fixtures: a client of a server, and a run of it; no test leaves a connection behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from runstream import TrackingClient, connections
from server_process import ServerProcess


@pytest.fixture(autouse=True)
def _closed_connections() -> Iterator[None]:
    """Close what a test left open, as the end of a program does; its server is gone."""
    yield
    for connection in list(connections._connections.values()):
        connection.outbox.forget()
        connection.close()


@pytest.fixture
def client(server: ServerProcess) -> Iterator[TrackingClient]:
    with TrackingClient(server.uri) as client:
        yield client


@pytest.fixture
def run_id(client: TrackingClient) -> str:
    return client.create_run().info.run_id
