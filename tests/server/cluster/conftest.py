"""Fixtures: three servers on one PostgreSQL, which seal early, and the stubs of each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import grpc
import pytest

from support.api import Api
from support.cluster import Cluster
from support.postgres import Postgres

# Tails are sealed after few points, so that servers do that while others log to the same runs.
SEALS_EARLY = """
from runstream_service.points import backlog, sealing
backlog.SEAL_ROWS, backlog.SEAL_POINTS, backlog.SEAL_SERIES_POINTS = 8, 100, 1
backlog.IDLE_SECONDS = backlog.LOOK_SECONDS = 0.2
sealing.MIN_POINTS = sealing.MIN_IDLE_POINTS = 8
from runstream.cli import main
main()
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> Iterator[Cluster]:
    """Three servers for the tests of a file."""
    cluster = Cluster(
        tmp_path_factory.mktemp("cluster"),
        postgres.create_database(),
        program=("-c", SEALS_EARLY),
    )
    yield cluster
    errors = "".join(cluster.stop())
    assert "a command failed" not in errors, errors


@pytest.fixture
def apis(cluster: Cluster) -> Iterator[list[Api]]:
    """The raw stubs of each server."""
    with ExitStack() as opened:
        yield [
            Api(opened.enter_context(grpc.insecure_channel(server.address)))
            for server in cluster.servers
        ]
