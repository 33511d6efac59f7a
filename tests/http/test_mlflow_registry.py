"""The model registry as MLflow's own clients use it: rows Q1 to Q8 of docs/behaviour.md."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from support.server_process import ENVIRONMENT, ServerProcess

ROOT = Path(__file__).parents[2]
PROGRAM = Path(__file__).with_name("programs") / "registry.py"

# What MLflow says itself, by what is wrong; the oldest has no aliases.
ERRORS = {
    "exists": ("RESOURCE_ALREADY_EXISTS", "Registered Model (name=taxi fares) already exists."),
    "missing": ("RESOURCE_DOES_NOT_EXIST", "Registered Model with name=nothing not found"),
    "missing version": (
        "RESOURCE_DOES_NOT_EXIST",
        "Model Version (name=taxi fares, version=9) not found",
    ),
    "no name": ("INVALID_PARAMETER_VALUE", "Missing value for required parameter 'name'"),
    "slash": ("INVALID_PARAMETER_VALUE", "Names cannot contain '/' or ':'."),
    "stage": (
        "INVALID_PARAMETER_VALUE",
        "Value must be one of None, Staging, Production, Archived",
    ),
    "source": ("INVALID_PARAMETER_VALUE", "Invalid model version source"),
    "alias": ("INVALID_PARAMETER_VALUE", "'latest' alias name (case insensitive) is reserved."),
    "no alias": ("INVALID_PARAMETER_VALUE", "Registered model alias nothing not found."),
}


@pytest.mark.parametrize("version", ["3", "2.9", "2"])
def test_mlflows_clients_register_find_and_load_models(
    server: ServerProcess, tmp_path: Path, version: str
) -> None:
    done = subprocess.run(
        [ROOT / ".venv-mlflow" / version / "bin/python", PROGRAM],
        cwd=tmp_path,
        env=ENVIRONMENT | {"MLFLOW_TRACKING_URI": server.http, "MLFLOW_DISABLE_TELEMETRY": "true"},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    for what, (code, text) in told["errors"].items():
        assert ERRORS[what][0] == code, what
        assert ERRORS[what][1] in text, what
    assert server.stop() == ""
