"""Programs of MLflow that find Runstream installed."""

from __future__ import annotations

import subprocess
from importlib.metadata import distribution
from pathlib import Path

from support.frameworks import PROGRAMS
from support.server_process import ENVIRONMENT

_ROOT = Path(__file__).parents[2]


def plugin_variables(uri: str, folder: Path) -> dict[str, str]:
    """Return the environment of a program of MLflow that finds Runstream installed.

    Args:
        uri: the tracking URI.
        folder: where what is said of the installation is kept.
    """
    # As an installation would, this tells MLflow of the entry points of the source tree.
    metadata = folder / "installed/runstream-0.dist-info"
    metadata.mkdir(parents=True)
    for name in ("METADATA", "entry_points.txt"):
        (metadata / name).write_text(distribution("runstream").read_text(name) or "")
    return {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_TRACKING_URI": uri,
        "PYTHONPATH": f"{_ROOT / 'clients/python'}:{metadata.parent}",
    }


def start_program(
    name: str, variables: dict[str, str], folder: Path, *arguments: str, version: str = "mlflow"
) -> subprocess.Popen[str]:
    """Start one of the programs beside the tests.

    Args:
        name: its file.
        variables: its environment, beside that of all tests.
        folder: where it runs.
        arguments: its arguments.
        version: the environment that has its MLflow.
    """
    return subprocess.Popen(
        [_ROOT / f".venv-frameworks/{version}/bin/python", PROGRAMS / name, *arguments],
        cwd=folder,
        env=ENVIRONMENT | variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
