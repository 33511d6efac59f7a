"""Fixtures: a spool and a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from runstream import TrackingClient


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """A spool of its own."""
    return tmp_path / "spool"


@pytest.fixture
def run_id(client: TrackingClient) -> str:
    """A run on the server."""
    return client.create_run().info.run_id
