"""Fixtures: a log, its writer and its reader, over real files."""

from __future__ import annotations

from pathlib import Path

import pytest

from runstream.spool.log_writer import LogWriter


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a log."""
    return tmp_path / "batches"


@pytest.fixture
def writer(folder: Path) -> LogWriter:
    """Its writer."""
    return LogWriter(folder)
