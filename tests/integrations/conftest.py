"""Fixtures: the environments of the frameworks, with a server for what their programs log."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.frameworks import SECONDS, Frameworks
from support.mlflow_programs import plugin_variables
from support.server_process import ServerProcess


@pytest.fixture
def frameworks(server: ServerProcess, tmp_path: Path) -> Frameworks:
    return Frameworks(server, tmp_path)


@pytest.fixture
def mlflow_variables(server: ServerProcess, tmp_path: Path) -> dict[str, str]:
    """The environment of a program of MLflow that finds Runstream installed."""
    return plugin_variables(server.uri, tmp_path)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "frameworks" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(SECONDS + 60))
