"""Fixtures: autologging to a server of the test's own, off again after it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import runstream
from runstream.autologging.libraries import LIBRARIES
from runstream.calls import sessions
from support.server_process import ServerProcess


@pytest.fixture
def autologging(server: ServerProcess) -> Iterator[ServerProcess]:
    """A server to which trainings are logged, once the test turns that on."""
    runstream.set_tracking_uri(server.uri)
    yield server
    for session in sessions._sessions.values():
        session.drain(30, 30, away_timeout=1)
    for library in LIBRARIES:
        library.disable()
