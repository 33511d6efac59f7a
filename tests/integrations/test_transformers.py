"""RunstreamCallback and autologging in trainers of Transformers and TRL."""

from __future__ import annotations

import json

import pytest

from runstream import TrackingClient
from support.frameworks import PROGRAMS, Frameworks, documented_program

PROGRAM = documented_program("Transformers and TRL")
AUTOLOG = documented_program("Autologging of Transformers")
TRL = (PROGRAMS / "trl_training.py").read_text()

both = pytest.mark.parametrize("environment", ["torch", "torch-lowest"])


@both
def test_the_documented_program_logs_params_metrics_and_checkpoints(
    frameworks: Frameworks, client: TrackingClient, environment: str
) -> None:
    run_id = frameworks.run(environment, PROGRAM).split()[-1]
    run = client.get_run(run_id)
    assert (run.info.run_name, run.info.status) == ("classifier", "FINISHED")
    wanted = {"hidden_size": "16", "max_steps": "6", "output_dir": "checkpoints"}
    assert wanted.items() <= run.data.params.items()
    assert len(run.data.params) > 100
    losses = client.get_metric_history(run_id, "loss")
    assert [point.step for point in losses] == [1, 2, 3, 4, 5, 6]
    assert {"train_loss", "train_runtime", "learning_rate", "epoch"} <= run.data.metrics.keys()
    assert "eval_loss" in run.data.metrics  # after the end of the training
    files = {file.path for file in client.list_artifacts(run_id, "checkpoint-6")}
    assert "checkpoint-6/trainer_state.json" in files
    assert client.count_runs(["0"]) == 1


@both
def test_trainers_of_trl_and_trainings_that_fail_have_runs_of_their_own(
    frameworks: Frameworks, client: TrackingClient, environment: str
) -> None:
    told = json.loads(frameworks.run(environment, TRL).splitlines()[-1])
    tuned = client.get_run(told["sft"])
    assert (tuned.info.run_name, tuned.info.status) == ("sft", "FINISHED")
    assert client.get_experiment(tuned.info.experiment_id).name == "fine-tuning"
    assert [point.step for point in client.get_metric_history(told["sft"], "loss")] == [1, 2, 3, 4]

    failed = client.get_run(told["failed"])
    assert failed.info.status == "FAILED"
    assert len(client.get_metric_history(told["failed"], "loss")) == 1
    named = client.get_run(told["named"])
    assert (named.info.run_name, named.info.status) == ("named", "FINISHED")
    assert told["is_identical"]

    assert told["active_status"] == "RUNNING"
    assert client.get_run(told["active"]).data.metrics.keys() >= {"loss", "train_loss"}
    autologged = client.get_run(told["autologged"])
    assert autologged.info.status == "FINISHED"
    assert autologged.data.metrics.keys() >= {"loss", "train_loss"}


@both
def test_autologging_logs_what_the_callback_does_and_the_model(
    frameworks: Frameworks, client: TrackingClient, environment: str
) -> None:
    is_equal, run_id = frameworks.run(environment, AUTOLOG).split()[-2:]
    assert is_equal == "True"
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["hidden_size"] == "16"
    assert run.data.tags["mlflow.autologging"] == "transformers"
    losses = client.get_metric_history(run_id, "loss")
    assert [point.step for point in losses] == [1, 2, 3, 4, 5, 6]
    assert "eval_loss" in run.data.metrics
    assert client.count_runs(["0"]) == 1


def test_of_two_processes_that_train_together_one_logs(
    frameworks: Frameworks, client: TrackingClient
) -> None:
    frameworks.run_together("torch", PROGRAM, 2)
    [run] = client.search_runs(["0"])
    assert run.info.status == "FINISHED"
    assert len(client.get_metric_history(run.info.run_id, "loss")) == 6
