"""The loggers of PyTorch-Ignite and skorch."""

from __future__ import annotations

import pytest

from runstream import TrackingClient
from support.frameworks import Frameworks, documented_program

IGNITE = documented_program("PyTorch-Ignite")
SKORCH = documented_program("skorch")

pytestmark = pytest.mark.parametrize("environment", ["lightning", "lightning-lowest"])


def test_the_logger_of_ignite_takes_outputs_metrics_and_learning_rates(
    frameworks: Frameworks, client: TrackingClient, environment: str
) -> None:
    run_id = frameworks.run(environment, IGNITE).split()[-1]
    run = client.get_run(run_id)
    assert (run.info.run_name, run.info.status) == ("regression", "FINISHED")
    assert run.data.params == {"learning_rate": "0.05"}
    losses = client.get_metric_history(run_id, "training loss")
    assert [point.step for point in losses] == list(range(1, 13))
    errors = client.get_metric_history(run_id, "validation mse")
    assert [point.step for point in errors] == [1, 2, 3]
    rates = client.get_metric_history(run_id, "lr group_0")
    assert {point.value for point in rates} == {0.05}
    assert len(rates) == 12


def test_the_logger_of_skorch_takes_the_history_and_the_weights(
    frameworks: Frameworks, client: TrackingClient, environment: str
) -> None:
    run_id = frameworks.run(environment, SKORCH).split()[-1]
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    for key in ("train_loss_epoch", "valid_loss_epoch", "dur_epoch"):
        assert [point.step for point in client.get_metric_history(run_id, key)] == [1, 2, 3]
    assert len(client.get_metric_history(run_id, "train_loss_batch")) == 3
    files = [file.path for file in client.list_artifacts(run_id) if not file.is_dir]
    assert files == ["criterion.pth", "history.json", "optimizer.pth", "params.pth"]
