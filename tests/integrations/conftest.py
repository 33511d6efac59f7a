"""Fixtures: the environments of the frameworks, with a server for what their programs log."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.frameworks import Frameworks
from support.server_process import ServerProcess


@pytest.fixture
def frameworks(server: ServerProcess, tmp_path: Path) -> Frameworks:
    return Frameworks(server, tmp_path)
