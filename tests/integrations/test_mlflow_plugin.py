"""MLflow's own code over gRPC: programs of MLflow, with `runstream.mlflow_plugin` (W12)."""

from __future__ import annotations

import json
import subprocess
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest

from runstream import InvalidArgument, TrackingClient
from runstream.mlflow_plugin.tracking_server import tracking_server
from support.frameworks import Frameworks, documented_program
from support.server_process import ENVIRONMENT, ServerProcess

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(__file__).with_name("programs")


@pytest.fixture
def variables(server: ServerProcess, tmp_path: Path) -> dict[str, str]:
    """The environment of a program of MLflow that finds Runstream installed."""
    # As an installation would, this tells MLflow of the entry points of the source tree.
    metadata = tmp_path / "installed/runstream-0.dist-info"
    metadata.mkdir(parents=True)
    for name in ("METADATA", "entry_points.txt"):
        (metadata / name).write_text(distribution("runstream").read_text(name) or "")
    return {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_TRACKING_URI": server.uri,
        "PYTHONPATH": f"{ROOT / 'clients/python'}:{metadata.parent}",
    }


@pytest.mark.parametrize("version", ["mlflow", "mlflow-lowest"])
def test_a_program_of_mlflow_logs_reads_and_searches_over_grpc(
    frameworks: Frameworks, server: ServerProcess, variables: dict[str, str], version: str
) -> None:
    program = (PROGRAMS / "mlflow_tracking.py").read_text()
    told: dict[str, Any] = json.loads(
        frameworks.run(version, program, **variables).splitlines()[-1]
    )
    with TrackingClient(server.uri) as client:
        run = client.get_run(told["run_id"])
        assert (run.info.run_name, run.info.status) == ("parent", "FINISHED")
        assert run.data.tags["mlflow.source.type"] == "LOCAL"
        assert len(client.get_metric_history(told["run_id"], "loss")) == 2_000
        assert "system/cpu_utilization_percentage" in run.data.metrics
        assert client.load_text(told["run_id"], "notes.txt") == "größer"
        automatic = client.get_run(told["automatic"])
        assert automatic.data.params["fit_intercept"] == "True"
        assert "training_mean_squared_error" in automatic.data.metrics
        assert len(client.get_metric_history(told["other"], "m")) == 30_000
    assert server.stop() == ""


def test_a_tracking_uri_of_mlflow_stands_for_one_of_runstream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    relative = f"runstream+sqlite:///{tmp_path.name}.db"
    first = tracking_server(relative)
    assert first.client.tracking_uri == f"sqlite:///{tmp_path}/{tmp_path.name}.db"
    monkeypatch.chdir("/")
    assert tracking_server(relative) is first
    assert tracking_server("Runstream://Host:50051").client.tracking_uri == "grpc://host:50051"
    assert tracking_server("grpcs://host:50051").client.tracking_uri == "grpcs://host:50051"
    with pytest.raises(InvalidArgument, match="host and a port"):
        tracking_server("runstream://host")


def test_the_documented_program_logs_to_one_run(
    frameworks: Frameworks, client: TrackingClient, variables: dict[str, str]
) -> None:
    printed = frameworks.run("mlflow", documented_program("MLflow's own programs"), **variables)
    assert printed.splitlines()[-1] == "3 both in one run"
    (run,) = client.search_runs()
    assert len(client.get_metric_history(run.info.run_id, "warm_up")) == 1_000
    assert "training_r2_score" in run.data.metrics


def test_a_killed_server_loses_nothing_that_a_program_of_mlflow_logged(
    server: ServerProcess, variables: dict[str, str], tmp_path: Path
) -> None:
    program = subprocess.Popen(
        [ROOT / ".venv-frameworks/mlflow/bin/python", PROGRAMS / "mlflow_outage.py"],
        cwd=tmp_path,
        env=ENVIRONMENT | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None
    run_id, half = program.stdout.readline().strip(), program.stdout.readline()
    assert half == "half\n"
    server.kill()
    (tmp_path / "killed").touch()
    assert program.stdout.readline() == "logged\n"
    server.restart()
    _, errors = program.communicate(timeout=120)
    assert program.returncode == 0, errors
    with TrackingClient(server.uri) as client:
        history = client.get_metric_history(run_id, "loss")
        assert [point.step for point in history] == list(range(20_000))
        run = client.get_run(run_id)
        assert (run.info.status, run.data.params) == ("FINISHED", {"lr": "0.1"})
