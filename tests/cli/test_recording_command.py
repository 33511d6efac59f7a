"""Runs that a shell logs."""

from __future__ import annotations

import math

from runstream import TrackingClient
from support.shell import Shell


def test_a_run_is_logged_from_a_shell(shell: Shell, client: TrackingClient) -> None:
    run_id = shell.output("runs", "create", "--run-name", "nightly", "-t", "team=a=b").strip()
    for step in range(3):
        logged = ("-m", f"loss={1 / (step + 1)}", "-m", "AP@[IoU=0.5]=nan", "--step", str(step))
        assert shell.output("log", run_id, *logged) == ""
    shell.output("log", "-p", "lr=1e-3", "-t", "stage=", RUNSTREAM_RUN_ID=run_id)
    assert shell.output("runs", "end", run_id, "--status", "failed").split()[2] == run_id
    run = client.get_run(run_id)
    assert (run.info.run_name, run.info.status) == ("nightly", "FAILED")
    assert run.info.experiment_id == "0"
    assert run.data.params == {"lr": "1e-3"}
    assert {key: run.data.tags[key] for key in ("team", "stage")} == {"team": "a=b", "stage": ""}
    assert math.isnan(run.data.metrics["AP@[IoU=0.5]"])
    history = client.get_metric_history(run_id, "loss")
    assert [(point.step, point.value) for point in history] == [(0, 1), (1, 1 / 2), (2, 1 / 3)]


def test_a_run_is_created_in_the_named_experiment_below_its_parent(
    shell: Shell, client: TrackingClient
) -> None:
    experiment_id = client.create_experiment("sweeps by hand")
    parent = shell.json("runs", "create", "-n", "sweeps by hand")["info"]
    assert parent["experiment_id"] == experiment_id
    child = shell.output(
        "runs", "create", "--parent", parent["run_id"][:10], RUNSTREAM_EXPERIMENT_ID=experiment_id
    ).strip()
    run = client.get_run(child)
    assert run.info.experiment_id == experiment_id
    assert run.data.tags["mlflow.parentRunId"] == parent["run_id"]


def test_a_run_is_created_in_an_experiment_that_the_environment_names_anew(
    shell: Shell, client: TrackingClient
) -> None:
    for _ in range(2):
        run = shell.json("runs", "create", RUNSTREAM_EXPERIMENT_NAME="named by a shell")["info"]
        experiment = client.get_experiment_by_name("named by a shell")
        assert experiment is not None
        assert run["experiment_id"] == experiment.experiment_id
    assert "'nobody'" in shell.refusal(3, "runs", "create", "-n", "nobody")
    assert "give either" in shell.refusal(2, "runs", "create", "-n", "nobody", "-x", "0")


def test_what_cannot_be_logged_is_refused_and_nothing_is_logged(
    shell: Shell, client: TrackingClient
) -> None:
    run_id = client.create_run().info.run_id
    assert "KEY=NUMBER" in shell.refusal(2, "log", run_id, "-m", "loss=high")
    assert "no '='" in shell.refusal(2, "log", run_id, "-p", "lr")
    assert "give --metric" in shell.refusal(2, "log", run_id)
    assert "a//b" in shell.refusal(2, "log", run_id, "-p", "lr=1", "-m", "a//b=1")
    shell.refusal(3, "log", "f" * 32, "-m", "loss=1")
    assert client.get_run(run_id).data.params == {}


def test_the_beginning_of_an_id_names_a_run_as_long_as_it_names_one(
    shell: Shell, client: TrackingClient
) -> None:
    one, other = "abcdef" + "0" * 26, "abcdef" + "1" * 26
    client.create_run(run_id=one)
    client.create_run(run_id=other)
    assert shell.json("runs", "show", "abcdef0")["info"]["run_id"] == one
    assert "2 runs have an id" in shell.refusal(2, "runs", "show", "abcdef")
    assert "begins with abcdef2" in shell.refusal(3, "runs", "delete", "abcdef2")
    shell.output("runs", "delete", "abcdef1")
    assert client.get_run(other).info.lifecycle_stage == "deleted"
    shell.output("runs", "restore", "abcdef1")
    assert client.get_run(other).info.lifecycle_stage == "active"


def test_without_a_run_the_variable_that_names_one_is_said(shell: Shell) -> None:
    for command in (("log", "-m", "loss=1"), ("runs", "end")):
        assert "RUNSTREAM_RUN_ID" in shell.refusal(2, *command, RUNSTREAM_RUN_ID="")
