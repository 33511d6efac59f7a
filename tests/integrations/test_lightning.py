"""RunstreamLogger in trainers of PyTorch Lightning."""

from __future__ import annotations

import json

import pytest

from runstream import TrackingClient
from support.frameworks import PROGRAMS, Frameworks, documented_program

PROGRAM = documented_program("PyTorch Lightning")
TRAININGS = (PROGRAMS / "lightning_trainings.py").read_text()


@pytest.mark.parametrize("environment", ["lightning", "lightning-lowest"])
def test_the_documented_program_logs_params_metrics_and_checkpoints(
    frameworks: Frameworks, client: TrackingClient, environment: str
) -> None:
    run_id = frameworks.run(environment, PROGRAM).split()[-1]
    run = client.get_run(run_id)
    assert (run.info.run_name, run.info.status) == ("regression", "FINISHED")
    assert run.data.params == {"learning_rate": "0.05"}
    losses = client.get_metric_history(run_id, "train_loss")
    assert [point.step for point in losses] == list(range(12))
    assert [point.step for point in client.get_metric_history(run_id, "val_loss")] == [3, 7, 11]
    assert run.data.metrics.keys() == {"train_loss", "val_loss", "test_loss", "epoch"}
    folders = {file.path for file in client.list_artifacts(run_id) if file.is_dir}
    assert folders >= {"last", "epoch=2-step=12"}
    assert client.load_text(run_id, "last/aliases.txt") == "['latest']"
    metadata = client.load_dict(run_id, "epoch=2-step=12/metadata.yaml")
    assert metadata["score"] == pytest.approx(run.data.metrics["val_loss"])
    assert metadata["Checkpoint"]["monitor"] == "val_loss"


@pytest.mark.parametrize(
    ("environment", "package"),
    [("lightning", "lightning.pytorch"), ("lightning-lowest", "pytorch_lightning")],
)
def test_a_run_ends_as_its_training_does_and_an_active_run_goes_on(
    frameworks: Frameworks, client: TrackingClient, environment: str, package: str
) -> None:  # R5
    told = json.loads(frameworks.run(environment, TRAININGS, package, "1").splitlines()[-1])
    assert told["is_identical"]
    assert told["active_status"] == "RUNNING"
    active = client.get_run(told["active"])
    assert active.info.status == "FINISHED"
    assert active.data.params == {"optimizer/name": "sgd", "optimizer/rate": "0.1", "none": "{}"}
    assert active.data.metrics.keys() == {"fold-loss", "fold-epoch", "fold-good"}
    assert len(client.get_metric_history(told["active"], "fold-loss")) == 16

    failed = client.get_run(told["failed"])
    assert (failed.info.run_name, failed.info.status) == ("child", "FAILED")
    assert failed.data.tags["mlflow.parentRunId"] == told["active"]
    interrupted = client.get_run(told["interrupted"])
    assert (interrupted.data.tags["team"], interrupted.info.status) == ("vision", "KILLED")

    assert client.get_run(told["every"]).data.tags["by"] == "the client"
    checkpoints = {file.path for file in client.list_artifacts(told["every"])}
    assert checkpoints - {"source"} == {"epoch=0-step=8", "epoch=1-step=16"}
    assert client.count_runs(["0"]) == 4


def test_of_two_processes_that_train_together_one_logs(
    frameworks: Frameworks, client: TrackingClient
) -> None:
    told = frameworks.run("lightning", TRAININGS, "lightning.pytorch", "2")
    [run] = client.search_runs(["0"])
    assert f"rank 0 {run.info.run_id} {run.info.run_id}\n" in told
    assert "rank 1 None None\n" in told
    assert run.info.status == "FINISHED"
    assert len(client.get_metric_history(run.info.run_id, "loss")) == 8
