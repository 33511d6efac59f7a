"""RunstreamCallback in trainings of Keras."""

from __future__ import annotations

import json
import re

import pytest

from runstream import TrackingClient
from support.frameworks import PROGRAMS, Frameworks, documented_program

PROGRAM = documented_program("Keras")
OTHERS = (PROGRAMS / "keras_callbacks.py").read_text()


@pytest.mark.parametrize("environment", ["torch", "torch-lowest"])
def test_a_callback_logs_the_optimizer_the_model_and_metrics_of_epochs_or_batches(
    frameworks: Frameworks, client: TrackingClient, environment: str
) -> None:
    """The documented program, and others behind it: importing torch takes longer than training."""
    lines = frameworks.run(environment, PROGRAM + OTHERS, KERAS_BACKEND="torch").splitlines()
    [documented] = [line for line in lines if re.fullmatch("[0-9a-f]{32}", line)]
    told = json.loads(lines[-1])
    run = client.get_run(documented)
    assert (run.info.run_name, run.info.status) == ("dense", "FINISHED")
    assert run.data.params["optimizer_name"].lower() == "sgd"
    assert float(run.data.params["optimizer_learning_rate"]) == pytest.approx(0.05)
    names = {"loss", "mae", "val_loss", "val_mae", "validation_loss", "validation_mae"}
    assert run.data.metrics.keys() == names
    for name in names:
        assert [point.step for point in client.get_metric_history(documented, name)] == [0, 1, 2]
    assert "Trainable params: 5 " in client.load_text(documented, "model_summary.txt")

    assert told["identical"]
    batches = client.get_metric_history(told["batches"], "loss")
    assert [point.step for point in batches] == [3, 6, 9, 12]
    assert client.get_run(told["batches"]).data.metrics.keys() == {"loss", "mae"}
    assert told["error"].startswith("Invalid value 0 for parameter 'log_every_n_steps'")
