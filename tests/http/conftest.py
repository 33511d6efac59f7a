"""Fixtures: a server with its REST API, and a client of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from http_rest import Rest
from server_process import ServerProcess


@pytest.fixture
def server(start_server: Callable[..., ServerProcess]) -> ServerProcess:
    return start_server(RUNSTREAM_HTTP_PORT="0")


@pytest.fixture
def rest(server: ServerProcess) -> Iterator[Rest]:
    rest = Rest(server.http)
    yield rest
    rest.session.close()
