"""The mlflow package against this server: the newest of MLflow 3, an older and the oldest of 2.

`make test` installs them, each in an environment of its own (`.venv-mlflow`).
"""

from __future__ import annotations

import json
import math
import subprocess
from pathlib import Path
from typing import Any

import pytest

from runstream import TrackingClient
from support.server_process import ENVIRONMENT, ServerProcess

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(__file__).with_name("programs")
NEWEST, OLDER, OLDEST = "3", "2.9", "2"


def run(version: str, program: str, server: ServerProcess, folder: Path) -> dict[str, str]:
    """Run a program with a version of MLflow; return what it prints last."""
    done = subprocess.run(
        [ROOT / ".venv-mlflow" / version / "bin/python", PROGRAMS / f"{program}.py", folder],
        cwd=folder,
        env=ENVIRONMENT | {"MLFLOW_TRACKING_URI": server.http, "MLFLOW_DISABLE_TELEMETRY": "true"},
        capture_output=True,
        text=True,
        timeout=150,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return told


@pytest.mark.parametrize("version", [NEWEST, OLDER, OLDEST])
def test_training_code_runs_unchanged(
    server: ServerProcess, tmp_path: Path, version: str
) -> None:  # W1 to W6
    told = run(version, "training", server, tmp_path)
    with TrackingClient(server.uri) as client:
        stored = client.get_run(told["run_id"])
        assert stored.info.run_name == "parent"
        assert stored.info.status == "FINISHED"
        assert math.isinf(stored.data.metrics["infinity"])  # M3
        assert stored.data.tags["mlflow.user"]
        assert len(client.get_metric_history(told["run_id"], "loss")) == 20
        other = client.get_run(told["other"])
        assert (other.info.status, other.info.lifecycle_stage) == ("FAILED", "deleted")
        assert len(client.get_metric_history(told["other"], "m")) == 900
        assert client.load_text(told["run_id"], "notes.txt") == "größer"
    assert server.stop() == ""


def test_what_is_not_here_is_done_otherwise_or_refused_at_once(
    server: ServerProcess, tmp_path: Path
) -> None:
    """Multipart uploads and signed addresses of MLflow's client fall back to the proxy."""
    told: dict[str, Any] = run(NEWEST, "optional", server, tmp_path)
    assert told["listed"] == ["deep/large.bin"]
    for part, refusal in told["refusals"].items():
        assert "Runstream does not have" in refusal, part
    assert {"traces", "webhooks"} <= told["refusals"].keys()
    assert server.stop() == ""


@pytest.mark.parametrize("version", [NEWEST, OLDEST])
def test_models_are_logged_and_loaded(
    server: ServerProcess, tmp_path: Path, version: str
) -> None:  # R4
    told = run(version, "models", server, tmp_path)
    with TrackingClient(server.uri) as client:
        automatic = client.get_run(told["automatic"])
        assert automatic.data.params["fit_intercept"] == "True"
        assert "training_score" in automatic.data.metrics
    assert server.stop() == ""


def test_what_is_logged_asynchronously_is_there(server: ServerProcess, tmp_path: Path) -> None:
    told = run(NEWEST, "asynchronous", server, tmp_path)
    with TrackingClient(server.uri) as client:
        assert len(client.get_metric_history(told["run_id"], "loss")) == 300
        assert client.get_run(told["run_id"]).data.tags["stage"] == "trial"
    assert server.stop() == ""


@pytest.mark.parametrize("version", [NEWEST, OLDER, OLDEST])
def test_the_edges_are_mlflows(server: ServerProcess, tmp_path: Path, version: str) -> None:  # X6
    told = run(version, "edges", server, tmp_path)
    with TrackingClient(server.uri) as client:
        assert len(client.get_metric_history(told["run_id"], "m")) == 30_000
    assert server.stop() == ""
