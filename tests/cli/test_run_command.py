"""`runstream run`: what is launched, and what the program and its run get."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from runstream import TrackingClient
from support.launched import only_run, write_file
from support.ports import reserve_port
from support.server_process import ENVIRONMENT
from support.shell import COMMAND, Shell


def test_a_script_gets_its_run_its_params_and_its_arguments(
    shell: Shell, client: TrackingClient, tmp_path: Path
) -> None:
    script = write_file(
        tmp_path,
        "train.py",
        "import json, os, sys, runstream\n"
        "with runstream.start_run() as run:\n"
        "    runstream.log_metric('loss', 0.5)\n"
        "print(json.dumps([run.run_id, sys.argv, dict(os.environ)]))\n",
    )
    done = shell.process(
        *("run", "--experiment-name", "launched script", "--run-name", "first"),
        *("-P", "lr=1e-3", "-P", "name=a b", script, "--", "--epochs", "3", "--", "-P"),
        MLFLOW_EXPERIMENT_NAME="another",
    )
    assert (done.returncode, done.stderr) == (0, "")
    run_id, argv, environment = json.loads(done.stdout)
    assert argv == [script, "--lr", "1e-3", "--name", "a b", "--epochs", "3", "--", "-P"]
    run = only_run(client, "launched script")
    assert (run.info.run_id, run.info.run_name, run.info.status) == (run_id, "first", "FINISHED")
    assert run.data.params == {"lr": "1e-3", "name": "a b"}
    assert run.data.metrics == {"loss": 0.5}
    assert run.data.tags["mlflow.source.name"] == script
    assert run.data.tags["mlflow.source.type"] == "LOCAL"
    uri = shell.environment["RUNSTREAM_TRACKING_URI"]
    # `start_run` has taken the id of the run, so that another one starts a run of its own.
    assert "RUNSTREAM_RUN_ID" not in environment
    assert environment["RUNSTREAM_EXPERIMENT_ID"] == run.info.experiment_id
    assert environment["MLFLOW_EXPERIMENT_ID"] == run.info.experiment_id
    assert "MLFLOW_EXPERIMENT_NAME" not in environment
    assert environment["RUNSTREAM_TRACKING_URI"] == environment["MLFLOW_TRACKING_URI"] == uri


def test_a_command_gets_the_run_in_its_environment(shell: Shell, client: TrackingClient) -> None:
    name = "launched command"
    command = 'echo "$RUNSTREAM_RUN_ID $MLFLOW_RUN_ID $1"; cat'
    done = shell.process("run", "-n", name, "sh", "-c", command, "sh", "--", "-n")
    run = only_run(client, name)
    assert done.stdout == f"{run.info.run_id} {run.info.run_id} --\n"
    assert run.info.status == "FINISHED"
    assert run.data.tags["mlflow.source.name"] == "sh"


def test_a_module_is_run_as_python_does(
    shell: Shell, client: TrackingClient, tmp_path: Path
) -> None:
    package = tmp_path / "package"
    package.mkdir()
    write_file(package, "__init__.py", "")
    write_file(package, "train.py", "import sys; print(__name__, sys.argv[1:])")
    done = subprocess.run(
        [*COMMAND, "run", "-n", "launched module", "-m", "package.train", "--quick"],
        env=ENVIRONMENT | shell.environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "__main__ ['--quick']\n", "")
    assert only_run(client, "launched module").data.tags["mlflow.source.name"] == "package.train"


def test_a_project_runs_in_its_folder_with_the_python_of_runstream(
    shell: Shell, client: TrackingClient, tmp_path: Path
) -> None:
    folder = tmp_path / "project"
    shutil.copytree(Path(__file__).parents[2] / "examples/project", folder)
    write_file(folder, "python_env.yaml", 'python: "2.7"')
    done = shell.process("run", "-n", "launched project", "-P", "watts=2000", str(folder))
    assert done.stdout == "stainless steel: 252 s with 2000 W\n"
    assert re.fullmatch(
        r"runstream: python_env.yaml asks for Python 2.7, and this is 3\S+\n", done.stderr
    )
    run = only_run(client, "launched project")
    assert run.data.params == {"watts": "2000", "litres": "1.5", "kettle": "stainless steel"}
    assert run.data.metrics == {"temperature": 100.0}
    tags = {key: value for key, value in run.data.tags.items() if "user" not in key}
    assert tags == {
        "mlflow.runName": run.info.run_name,
        "mlflow.source.name": str(folder),
        "mlflow.source.type": "PROJECT",
        "mlflow.project.entryPoint": "main",
        "mlflow.project.backend": "local",
    }


def test_a_run_that_is_launched_by_a_launched_program_is_its_child(
    shell: Shell, client: TrackingClient
) -> None:
    inner = f"{sys.executable} -m runstream run true"
    done = shell.process("run", "-n", "launched below", "sh", "-c", f"{inner} && {inner}")
    assert (done.returncode, done.stderr) == (0, "")
    found = client.get_experiment_by_name("launched below")
    assert found is not None
    *children, parent = client.search_runs([found.experiment_id])
    assert [run.data.tags["mlflow.parentRunId"] for run in children] == [parent.info.run_id] * 2


def test_what_cannot_be_launched_leaves_no_run(
    shell: Shell, client: TrackingClient, tmp_path: Path
) -> None:
    name = "not launched"
    here = client.create_experiment(name)
    (tmp_path / "MLproject").write_text("entry_points: {main: {command: 'true {lr}'}}")
    project = str(tmp_path)
    for status, words, arguments in (
        (3, "neither a Python script, nor a folder", ("no-such-program",)),
        (3, "if it is a module, give -m", ("json",)),
        (3, "no module 'nothing.at'", ("-m", "nothing.at")),
        (3, "neither an entry point nor a script 'b'", ("-e", "b", project)),
        (2, "{lr} is none of its parameters", (project,)),
        (2, "-P a is given twice", ("-P", "a=1", "-P", "a=2", "true")),
        (2, "'a//b'", ("-P", "a//b=1", "true")),
        (2, "no '='", ("-P", "a", "true")),
        (2, "Make it with conda", ("--env-manager", "conda", project)),
        (2, "it must be local", ("--env-manager", "nix", project)),
        (3, "Run with id=", ("true",)),
    ):
        environment = {"RUNSTREAM_RUN_ID": "0" * 32} if arguments == ("true",) else {}
        assert words in shell.refusal(status, "run", "-n", name, *arguments, **environment)
    assert list(client.search_runs([here])) == []


def test_a_script_runs_as_from_a_shell_and_what_hinders_it_is_said(
    shell: Shell, client: TrackingClient, tmp_path: Path
) -> None:
    for name, text in (("plain", "echo $1 by sh"), ("lost", "#!/no/such/shell")):
        os.chmod(write_file(tmp_path, name, text), 0o755)
    assert shell.process("run", str(tmp_path / "plain"), "hello").stdout == "hello by sh\n"
    done = shell.process("run", "-n", "no interpreter", str(tmp_path / "lost"))
    assert done.returncode == 1
    assert "its first line names an interpreter that is not there" in done.stderr
    assert only_run(client, "no interpreter").info.status == "FAILED"


def test_a_program_is_launched_while_the_server_cannot_be_reached_and_its_run_is_kept(
    shell: Shell, tmp_path: Path
) -> None:
    uri = f"grpc://127.0.0.1:{reserve_port()}"
    done = shell.process("run", "--tracking-uri", uri, "touch", str(tmp_path / "launched"))
    assert done.returncode == 0
    assert (tmp_path / "launched").exists()
    assert "` sends it, and so does the next program" in done.stderr
