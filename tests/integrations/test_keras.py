"""RunstreamCallback in trainings of Keras, and autologging of them."""

from __future__ import annotations

import json
import re

import pytest

from runstream import TrackingClient
from runstream.autologging.guard import WAIT_SECONDS
from support.frameworks import PROGRAMS, Frameworks, documented_program

PROGRAM = documented_program("Keras")
OTHERS = (PROGRAMS / "keras_callbacks.py").read_text()
AUTOLOGGING = (PROGRAMS / "keras_autologging.py").read_text()

both = pytest.mark.parametrize("environment", ["torch", "torch-lowest"])


@both
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


@both
def test_autologging_logs_params_early_stops_models_and_data_and_changes_no_training(
    frameworks: Frameworks, client: TrackingClient, environment: str
) -> None:
    told = json.loads(
        frameworks.run(environment, AUTOLOGGING, KERAS_BACKEND="torch").splitlines()[-1]
    )
    assert told["identical"]
    assert told["same_after_loading"]
    assert told["is_put_back"]
    assert told["callbacks"] == 0  # the list of the program stays as it is
    assert told["warnings"] == []
    assert client.count_runs(["0"]) == 3

    run = client.get_run(told["stopped"])
    assert (run.info.status, run.data.tags["mlflow.autologging"]) == ("FINISHED", "keras")
    wanted = {"epochs": "10", "batch_size": "16", "monitor": "val_loss", "patience": "2"}
    wanted |= {"restore_best_weights": "True", "shuffle": "True", "initial_epoch": "0"}
    assert wanted.items() <= run.data.params.items()
    assert float(run.data.params["optimizer_learning_rate"]) == pytest.approx(0.05)
    restored, stopped = run.data.metrics["restored_epoch"], run.data.metrics["stopped_epoch"]
    assert stopped == restored + 2
    history = client.get_metric_history(told["stopped"], "val_loss")
    assert [point.step for point in history] == list(range(int(stopped) + 2))
    assert history[int(restored)].value == history[-1].value == run.data.metrics["val_loss"]
    assert "Trainable params: 49" in client.load_text(told["stopped"], "model_summary.txt")
    tags = [item.tags["mlflow.data.context"] for item in run.inputs.dataset_inputs]
    assert tags == ["train", "eval"]
    [model] = client.search_logged_models(["0"])
    assert (model.source_run_id, model.status) == (told["stopped"], "READY")
    description = json.loads(client.load_text(model.model_id, "MLmodel"))
    [column] = json.loads(description["signature"]["inputs"])
    assert column["tensor-spec"] == {"dtype": "float32", "shape": [-1, 4]}
    rows = client.load_dict(model.model_id, "input_example.json")["inputs"]
    assert [len(row) for row in rows] == [4] * 5

    steps = client.get_metric_history(told["batches"], "loss")
    assert [point.step for point in steps] == [5, 10, 15, 20, 25, 30, 35, 40]
    assert client.get_run(told["of_loader"]).data.params["batch_size"] == "8"


def test_an_outage_is_one_warning_and_neither_changes_nor_holds_up_trainings(
    frameworks: Frameworks,
) -> None:
    frameworks.server.stop()
    lines = frameworks.run("torch", AUTOLOGGING, "outage", KERAS_BACKEND="torch").splitlines()
    told = json.loads(lines[-1])
    assert told["identical"]
    [warning] = told["warnings"]
    assert "what is logged meanwhile is sent when it takes it again" in warning
    assert told["seconds"] < 3 * WAIT_SECONDS
