"""Calls MLflow's commands, as a terminal does; prints the id of the run of a project."""

import os
import sys
from pathlib import Path

from click.testing import CliRunner
from mlflow import MlflowClient
from mlflow.cli import cli

os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
Path("project").mkdir()
Path("project/MLproject").write_text(
    """
name: demo
entry_points:
  main:
    parameters:
      alpha: {type: float, default: 0.5}
    command: "python -c 'import mlflow; mlflow.log_metric(\\"seen\\", {alpha})'"
"""
)


def command(*words, code=0):
    """Return what a command prints."""
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == code, (words, done.output, done.exception)
    return done.output


command("run", "project", "--env-manager", "local", "-P", "alpha=0.25", "--experiment-name", "e")
experiment = MlflowClient().get_experiment_by_name("e").experiment_id
[run] = MlflowClient().search_runs([experiment])
run_id = run.info.run_id
assert "Default" in command("experiments", "search")
assert run_id in command("runs", "list", "--experiment-id", experiment)
assert '"alpha": "0.25"' in command("runs", "describe", "--run-id", run_id)
assert run_id in command("experiments", "csv", "-x", experiment)
command("artifacts", "log-artifact", "-l", "project/MLproject", "-r", run_id, "-a", "files")
assert "files/MLproject" in command("artifacts", "list", "--run-id", run_id, "-a", "files")
command("artifacts", "download", "-u", f"runs:/{run_id}/files", "-d", "copy")
assert Path("copy/files/MLproject").read_text() == Path("project/MLproject").read_text()
command("runs", "delete", "--run-id", run_id)
command("runs", "restore", "--run-id", run_id)
command("experiments", "rename", "--experiment-id", experiment, "--new-name", "renamed")
command("experiments", "delete", "-x", experiment)
command("experiments", "restore", "-x", experiment)
assert "hard-deleting" in str(CliRunner().invoke(cli, ["gc"]).exception)  # `runstream gc` does it
print(run_id)
