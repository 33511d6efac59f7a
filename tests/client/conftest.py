"""Fixtures: a client of a server, and a run of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from runstream import TrackingClient
from server_process import ServerProcess


@pytest.fixture
def client(server: ServerProcess) -> Iterator[TrackingClient]:
    with TrackingClient(server.uri) as client:
        yield client


@pytest.fixture
def run_id(client: TrackingClient) -> str:
    return client.create_run().info.run_id
