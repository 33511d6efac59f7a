"""Fixtures: no test leaves its environment or a connection behind."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from runstream.calls import sessions


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the tests that fork come first: gRPC that a thousand tests have used forks slowly."""
    items.sort(key=lambda item: item.path.parent.name != "process")


@pytest.fixture(autouse=True)
def _own_environment() -> Iterator[None]:
    """Restore the environment, where `set_tracking_uri` and `set_experiment` keep what they set."""
    before = os.environ.copy()
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(autouse=True)
def _closed_connections() -> Iterator[None]:
    """Close what a test left open, as the end of a program does; its server is gone.

    A fork asks each session of the process, and a program has one or two: those of a thousand tests
    would make each fork of the next ones take a second.
    """
    yield
    for session in list(sessions._sessions.values()):
        session.outbox.reset_after_fork()
        session.close()
    sessions._sessions.clear()
