"""Fixtures: the spool of the tests' process, and a file to upload."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture
def spool(spool: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The spool of this process, which no other test has."""
    monkeypatch.setenv("RUNSTREAM_SPOOL", str(spool))
    return spool


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file of 3 MB."""
    file = tmp_path / "model.bin"
    file.write_bytes(os.urandom(3_000_000))
    return file
