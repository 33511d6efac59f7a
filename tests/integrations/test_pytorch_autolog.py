"""Autologging of trainers of PyTorch Lightning."""

from __future__ import annotations

import json

import pytest

from runstream import TrackingClient
from support.frameworks import PROGRAMS, Frameworks, documented_program

PROGRAM = documented_program("Autologging of PyTorch Lightning")
TRAININGS = (PROGRAMS / "lightning_autolog.py").read_text()


@pytest.mark.parametrize("environment", ["lightning", "lightning-lowest"])
def test_the_documented_program_logs_what_mlflow_does(
    frameworks: Frameworks, client: TrackingClient, environment: str
) -> None:
    is_equal, run_id = frameworks.run(environment, PROGRAM).split()[-2:]
    assert is_equal == "True"
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    wanted = {
        "epochs": "3",
        "optimizer_name": "SGD",
        "lr": "0.05",
        "monitor": "val_loss",
        "mode": "min",
        "patience": "3",
        "min_delta": "-0.0",
        "stopped_epoch": "0",
    }
    assert wanted.items() <= run.data.params.items()
    assert run.data.tags["Mode"] == "training"
    assert run.data.tags["mlflow.autologging"] == "pytorch"
    steps = [point.step for point in client.get_metric_history(run_id, "train_loss")]
    assert steps == list(range(1, 13))
    assert [point.step for point in client.get_metric_history(run_id, "val_loss")] == [0, 1, 2]
    assert "layer" in client.load_text(run_id, "model_summary.txt")
    checkpoints = [file.path for file in client.list_artifacts(run_id, "checkpoints")]
    assert checkpoints == [
        "checkpoints/latest_checkpoint.pth",
        "checkpoints/latest_checkpoint_metrics.json",
    ]
    stored = client.load_dict(run_id, checkpoints[1])
    assert stored["val_loss"] == pytest.approx(run.data.metrics["val_loss"])
    assert run.data.tags["mlflow.latest_checkpoint_artifact"] == checkpoints[0]


def test_autologging_changes_no_training_and_ends_with_it(
    frameworks: Frameworks, client: TrackingClient
) -> None:
    told = json.loads(frameworks.run("lightning", TRAININGS, "lightning.pytorch").splitlines()[-1])
    assert told["is_identical"]
    assert told["is_restored"]
    assert not {"AutologCallback"} & set(told["callbacks"])
    assert "EarlyStopping" in told["callbacks"]
    stopped = client.get_run(told["stopped"])
    assert stopped.info.status == "FINISHED"
    assert stopped.data.metrics["stopped_epoch"] == 1
    assert stopped.data.metrics["restored_epoch"] == 0
    assert stopped.data.metrics["test_loss"] > 0
    assert stopped.data.tags["Mode"] == "testing"
    assert client.get_run(told["failed"]).info.status == "FAILED"
    conflicting = client.get_run(told["active"])
    assert conflicting.info.status == "FINISHED"
    assert conflicting.data.params["lr"] == "the user's"
    assert conflicting.data.params["optimizer_name"] == "SGD"
    with_logger = client.get_run(told["with_logger"])
    assert with_logger.data.params["optimizer_name"] == "SGD"
    points = client.get_metric_history(told["with_logger"], "train_loss")
    assert [point.step for point in points] == list(range(32))  # the logger's, and no epochs
    trained, latest, second = told["checkpoints"]
    assert latest == trained != second
    assert client.count_runs(["0"]) == 5


def test_of_two_processes_that_train_together_one_autologs(
    frameworks: Frameworks, client: TrackingClient
) -> None:
    frameworks.run("lightning", TRAININGS, "lightning.pytorch", "together")
    [run] = client.search_runs(["0"])
    assert run.info.status == "FINISHED"
    assert run.data.params["optimizer_name"] == "SGD"
    assert len(client.get_metric_history(run.info.run_id, "train_loss")) == 4
