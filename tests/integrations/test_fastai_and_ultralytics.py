"""The callbacks of fastai and Ultralytics."""

from __future__ import annotations

import pytest

from runstream import TrackingClient
from support.frameworks import Frameworks, documented_program

FASTAI = documented_program("fastai")
ULTRALYTICS = documented_program("Ultralytics")

pytestmark = pytest.mark.parametrize("environment", ["torch", "torch-lowest"])


def test_the_callback_of_fastai_logs_batches_and_epochs(
    frameworks: Frameworks, client: TrackingClient, environment: str
) -> None:
    run_id = frameworks.run(environment, FASTAI).split()[-1]
    run = client.get_run(run_id)
    assert (run.info.run_name, run.info.status) == ("regression", "FINISHED")
    assert run.data.params["epochs"] == "3"
    assert run.data.params["loss_func"] == "mse_loss"
    for key in ("train_loss", "raw_loss", "lr_0"):
        steps = [point.step for point in client.get_metric_history(run_id, key)]
        assert steps == list(range(1, 13)), key
    for key in ("valid_loss", "mse"):
        assert [point.step for point in client.get_metric_history(run_id, key)] == [4, 8, 12]


def test_the_callbacks_of_ultralytics_log_epochs_and_files(
    frameworks: Frameworks, client: TrackingClient, environment: str
) -> None:
    run_id = frameworks.run(environment, ULTRALYTICS).split()[-1]
    run = client.get_run(run_id)
    assert (run.info.run_name, run.info.status) == ("colours", "FINISHED")
    assert {"epochs": "2", "imgsz": "32"}.items() <= run.data.params.items()
    assert {"train/loss", "lr/pg0", "metrics/accuracy_top1"} <= run.data.metrics.keys()
    assert len(client.get_metric_history(run_id, "train/loss")) == 2
    files = {file.path for file in client.list_artifacts(run_id)}
    assert {"weights", "args.yaml", "results.csv"} <= files
    weights = [file.path for file in client.list_artifacts(run_id, "weights")]
    assert weights == ["weights/best.pt", "weights/last.pt"]
