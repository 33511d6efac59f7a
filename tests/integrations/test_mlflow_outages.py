"""Programs of MLflow whose server is away: nothing that they said is lost, nor there twice."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import runstream
from runstream import TrackingClient
from support.mlflow_programs import start_program
from support.server_process import ServerProcess

VERSIONS = pytest.mark.parametrize("version", ["mlflow", "mlflow-lowest"])


@pytest.fixture
def variables(mlflow_variables: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The environment of a program whose spool is its own, and whose end waits for a second."""
    own = {"RUNSTREAM_SPOOL": str(tmp_path / "spool"), "RUNSTREAM_EXIT_SECONDS": "1"}
    return mlflow_variables | own


def finish(program: subprocess.Popen[str]) -> tuple[list[str], str]:
    """Return the lines that a program still prints until it ends, and what it says of the end."""
    output, errors = program.communicate(timeout=120)
    assert program.returncode == 0, errors
    return output.splitlines(), errors


def check_runs(server: ServerProcess, run_id: str, child_id: str) -> None:
    """Check that the server has each thing that `mlflow_away.py` says, once."""
    with TrackingClient(server.uri) as client:
        run = client.get_run(run_id)
        assert (run.info.run_name, run.info.status) == ("parent", "FINISHED")
        assert client.get_experiment(run.info.experiment_id).name == "wine"
        assert run.data.params == {"lr": "0.1"}
        assert run.data.tags["team"] == "risk"
        assert "draft" not in run.data.tags
        history = client.get_metric_history(run_id, "loss")
        assert [point.step for point in history] == list(range(1_000))
        assert [one.dataset.name for one in run.inputs.dataset_inputs] == ["zeros"]
        assert client.load_text(run_id, "notes.txt") == "größer"
        child = client.get_run(child_id)
        assert (child.info.run_name, child.info.status) == ("renamed", "FINISHED")
        assert child.data.tags["mlflow.parentRunId"] == run_id
        assert child.data.params == {"depth": "2"}
        found = client.search_runs([run.info.experiment_id])
        assert {one.info.run_id for one in found} == {run_id, child_id}


@VERSIONS
def test_a_training_without_a_server_is_delivered_by_a_sync(
    server: ServerProcess, variables: dict[str, str], tmp_path: Path, version: str
) -> None:
    server.kill()
    program = start_program("mlflow_away.py", variables, tmp_path, version=version)
    (run_id, child_id, _), errors = finish(program)
    assert "runstream sync" in errors
    assert errors.count("does not answer") == 1
    server.restart()
    for _ in range(2):
        runstream.sync(variables["RUNSTREAM_SPOOL"])
        check_runs(server, run_id, child_id)


@VERSIONS
def test_a_server_that_dies_in_the_middle_and_comes_back_gets_all(
    server: ServerProcess, variables: dict[str, str], tmp_path: Path, version: str
) -> None:
    variables |= {"RUNSTREAM_EXIT_SECONDS": "60"}
    program = start_program("mlflow_away.py", variables, tmp_path, "wait", version=version)
    assert program.stdout is not None
    run_id = program.stdout.readline().strip()
    server.kill()
    (tmp_path / "middle").touch()
    child_id = program.stdout.readline().strip()
    server.restart()
    (tmp_path / "end").touch()
    finish(program)
    check_runs(server, run_id, child_id)


def test_a_server_that_dies_before_the_end_gets_the_end_by_a_sync(
    server: ServerProcess, variables: dict[str, str], tmp_path: Path
) -> None:
    program = start_program("mlflow_away.py", variables, tmp_path, "left open")
    assert program.stdout is not None
    run_id = program.stdout.readline().strip()
    (tmp_path / "middle").touch()
    child_id = program.stdout.readline().strip()
    server.kill()
    (tmp_path / "end").touch()
    (_, open_id), errors = finish(program)
    assert "runstream sync" in errors
    server.restart()
    runstream.sync(variables["RUNSTREAM_SPOOL"])
    with TrackingClient(server.uri) as client:
        left_open = client.get_run(open_id)
        assert (left_open.info.run_name, left_open.info.status) == ("left open", "FINISHED")
        client.delete_run(open_id)
    check_runs(server, run_id, child_id)


@VERSIONS
def test_a_run_is_resumed_without_a_server(
    server: ServerProcess, variables: dict[str, str], tmp_path: Path, version: str
) -> None:
    with TrackingClient(server.uri) as client:
        run_id = client.create_run(run_name="made").info.run_id
    server.kill()
    variables |= {"MLFLOW_RUN_ID": run_id}
    program = start_program("mlflow_resumption.py", variables, tmp_path, version=version)
    assert finish(program)[0] == [run_id]
    server.restart()
    runstream.sync(variables["RUNSTREAM_SPOOL"])
    with TrackingClient(server.uri) as client:
        run = client.get_run(run_id)
        assert (run.info.run_name, run.info.status) == ("made", "FINISHED")
        assert run.data.metrics == {"later": 2.0}
