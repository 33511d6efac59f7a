"""MLflow's own code over gRPC: programs of MLflow, with `runstream.mlflow_plugin` (W12)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runstream import InvalidArgument, TrackingClient
from runstream.mlflow_plugin.tracking_server import tracking_server
from support.frameworks import PROGRAMS, Frameworks, documented_program
from support.mlflow_programs import start_program
from support.server_process import ServerProcess
from support.waiting import wait_until

SHARING = """
import sys
import mlflow

with mlflow.start_run(run_id=sys.argv[1]) as run:
    assert run.info.run_name == "made"
    mlflow.log_metric("loss", 0.5)
    mlflow.log_text("by MLflow", "folder/notes.txt")
assert mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/folder/notes.txt") == "by MLflow"
"""


@pytest.fixture
def variables(mlflow_variables: dict[str, str]) -> dict[str, str]:
    return mlflow_variables


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


@pytest.mark.parametrize("version", ["mlflow", "mlflow-lowest"])
def test_a_program_of_mlflow_registers_finds_and_loads_models_over_grpc(
    frameworks: Frameworks, server: ServerProcess, variables: dict[str, str], version: str
) -> None:
    program = (PROGRAMS / "mlflow_registry.py").read_text()
    told = json.loads(frameworks.run(version, program, **variables).splitlines()[-1])
    with TrackingClient(server.uri) as client:
        [found] = client.search_model_versions("name = 'taxi'")
        assert (found.version, found.run_id) == ("2", told["run_id"])
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


def test_a_program_of_mlflow_and_one_of_runstream_share_a_file(
    frameworks: Frameworks, variables: dict[str, str], tmp_path: Path
) -> None:
    variables |= {"MLFLOW_TRACKING_URI": "runstream+sqlite:///shared.db"}  # in its working folder
    with TrackingClient(f"sqlite:///{tmp_path}/shared.db") as client:
        made = client.create_run(run_name="made").info.run_id
        frameworks.run("mlflow", SHARING, made, **variables)
        run = client.get_run(made)
        assert (run.info.status, run.data.metrics) == ("FINISHED", {"loss": 0.5})
        assert client.load_text(made, "folder/notes.txt") == "by MLflow"


def test_mlflows_commands_read_and_change_what_is_there_and_run_a_project(
    frameworks: Frameworks, client: TrackingClient, variables: dict[str, str]
) -> None:
    program = (PROGRAMS / "mlflow_commands.py").read_text()
    run_id = frameworks.run("mlflow", program, **variables).split()[-1]
    run = client.get_run(run_id)
    assert (run.info.status, run.data.metrics) == ("FINISHED", {"seen": 0.25})
    assert run.data.tags["mlflow.source.type"] == "PROJECT"
    assert client.get_experiment(run.info.experiment_id).name == "renamed"


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
    program = start_program("mlflow_outage.py", variables, tmp_path)
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


def test_a_run_is_lost_with_the_program_that_started_it_and_not_with_one_that_made_it_for_another(
    start_server: Callable[..., ServerProcess], variables: dict[str, str], tmp_path: Path
) -> None:
    server = start_server(RUNSTREAM_LOST_AFTER="4")
    variables |= {"MLFLOW_TRACKING_URI": server.uri}
    with TrackingClient(server.uri) as client:
        starting = start_program("mlflow_heartbeats.py", variables, tmp_path)
        assert starting.stdout is not None
        started, made, served = starting.stdout.readline().split()
        resuming = start_program("mlflow_heartbeats.py", variables, tmp_path, started, made)
        assert resuming.stdout is not None
        resumed, *_ = resuming.stdout.readline().split()
        assert resumed == made
        starting.kill()  # but neither its child nor who renamed the run

        wait_until(lambda: client.get_run(started).info.status == "FAILED", 60)
        run = client.get_run(started)
        assert run.info.run_name == "renamed"
        assert run.data.tags["runstream.lost"].startswith("The last heartbeat came at ")
        assert client.get_run(made).info.status == "RUNNING"

        resuming.communicate("\n", timeout=60)
        starting.communicate(timeout=60)
        assert client.get_run(made).info.status == "FINISHED"
        assert client.get_run(served).info.status == "RUNNING"


@pytest.mark.parametrize(
    ("end", "active", "logger"),
    [
        ("return", "FINISHED", "FINISHED"),
        ("raise", "FINISHED", "FAILED"),  # MLflow's own word for its active run
        ("terminate", "KILLED", "KILLED"),
    ],
)
def test_runs_that_a_program_of_mlflow_leaves_open_end_with_it(
    client: TrackingClient,
    mlflow_variables: dict[str, str],
    tmp_path: Path,
    end: str,
    active: str,
    logger: str,
) -> None:
    program = start_program("mlflow_left_open.py", mlflow_variables, tmp_path)
    assert program.stdout is not None
    run_ids = program.stdout.readline().split()
    if end == "terminate":
        program.terminate()
    program.communicate(None if end == "terminate" else f"{end}\n", timeout=60)
    assert [client.get_run(run_id).info.status for run_id in run_ids] == [active, logger]
