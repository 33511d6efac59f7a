"""What a team runs with MLflow alone, of 2.15 or 3, and what MLflow's own code does for it."""

import inspect
import json
import math
import os
import time
from pathlib import Path

os.environ["MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL"] = "0.1"

import mlflow
import numpy as np
import pandas
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking._tracking_service.utils import _get_store
from sklearn.linear_model import LinearRegression

from runstream import TrackingClient

client = MlflowClient()
is_newest = mlflow.__version__.startswith("3")


def refused(code, call, *args, **kwargs):
    """Return the text of the MLflow exception with this code that a call raises."""
    try:
        call(*args, **kwargs)
    except MlflowException as error:
        assert error.error_code == code, (error.error_code, str(error))
        return str(error)
    raise AssertionError(f"{call} was not refused")


# Runs, nested ones, and what was logged is read at once.
mlflow.set_experiment("wine")
with mlflow.start_run(run_name="parent", tags={"team": "risk"}, log_system_metrics=True) as parent:
    mlflow.log_param("lr", 0.1)
    mlflow.log_params({"layers": 3, "optimizer": "adam"})
    for step in range(2_000):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
    seen = mlflow.get_run(parent.info.run_id)
    assert seen.data.metrics["loss"] == 1 / 2_000
    assert seen.data.params == {"lr": "0.1", "layers": "3", "optimizer": "adam"}
    mlflow.log_metrics({"nan": math.nan, "infinity": math.inf}, step=7)
    mlflow.set_tag("stage", "trial")
    refused("INVALID_PARAMETER_VALUE", mlflow.log_param, "lr", 0.2)
    frame = pandas.DataFrame({"x": [1.0, 2.0], "y": [0.0, 2.0]})
    mlflow.log_input(mlflow.data.from_pandas(frame, name="frame"), context="training")
    with mlflow.start_run(nested=True, run_name="child"):
        mlflow.log_metric("loss", 0.5)
    while not any(
        key.startswith("system/") for key in mlflow.get_run(parent.info.run_id).data.metrics
    ):
        time.sleep(0.1)
run_id = parent.info.run_id
run = client.get_run(run_id)
assert (run.info.status, run.info.lifecycle_stage) == ("FINISHED", "active")
assert math.isnan(run.data.metrics["nan"])
assert math.isinf(run.data.metrics["infinity"])
assert run.data.tags["stage"] == "trial"
assert run.inputs.dataset_inputs[0].dataset.name == "frame"
assert run.inputs.dataset_inputs[0].tags[0].value == "training"

# Artifacts, by the address of gRPC alone.
mlflow_folder = Path("data")
mlflow_folder.mkdir()
(mlflow_folder / "one.bin").write_bytes(bytes(range(256)) * 1000)
with mlflow.start_run(run_id=run_id):
    mlflow.log_artifacts("data", "data")
    mlflow.log_text("größer", "notes.txt")
listed = {file.path: file for file in client.list_artifacts(run_id)}
assert listed["data"].is_dir
assert listed["notes.txt"].file_size == len("größer".encode())
assert [file.path for file in client.list_artifacts(run_id, "data")] == ["data/one.bin"]
assert mlflow.artifacts.load_text(f"runs:/{run_id}/notes.txt") == "größer"
local = mlflow.artifacts.download_artifacts(f"{run.info.artifact_uri}/data")
assert (Path(local) / "one.bin").read_bytes() == bytes(range(256)) * 1000

# Searches, pages and histories.
found = mlflow.search_runs(filter_string="metrics.loss < 0.1 AND params.lr = '0.1'")
assert list(found["run_id"]) == [run_id]
assert list(found["tags.team"]) == ["risk"]
experiment = mlflow.get_experiment_by_name("wine")
page = client.search_runs([experiment.experiment_id], max_results=1)
assert [len(page), page[0].info.run_name, bool(page.token)] == [1, "child", True]
page = client.search_runs([experiment.experiment_id], max_results=1, page_token=page.token)
assert [page[0].info.run_name, page.token] == ["parent", None]
assert list(client.search_runs([])) == []
history = client.get_metric_history(run_id, "loss")
assert [point.step for point in history] == list(range(2_000))

# What MlflowClient does.
other = client.create_run(experiment.experiment_id, start_time=5).info
assert (other.start_time, other.status) == (5, "RUNNING")
for start in range(0, 30_000, 1_000):
    client.log_batch(other.run_id, [Metric("m", i, i, i) for i in range(start, start + 1_000)])
client.log_batch(other.run_id, params=[Param("p", "1")], tags=[RunTag("t", "2")])
operations = client.log_metric(other.run_id, "later", 1.5, synchronous=False)
operations.wait()
assert [point.step for point in client.get_metric_history(other.run_id, "m")] == list(range(30_000))
text = refused("INVALID_PARAMETER_VALUE", client.log_param, other.run_id, "p", "2")
assert "Changing param values is not allowed" in text
with TrackingClient(mlflow.get_tracking_uri()) as another_program:
    another_program.log(other.run_id, params={"q": "1"})
client.log_param(other.run_id, "q", "2")  # queued, and refused by the server
text = refused("INVALID_PARAMETER_VALUE", client.get_run, other.run_id)
assert "Changing param values is not allowed" in text
client.delete_tag(other.run_id, "t")
refused("RESOURCE_DOES_NOT_EXIST", client.delete_tag, other.run_id, "t")
client.update_run(other.run_id, name="renamed")
client.set_terminated(other.run_id, "FAILED")
ended = client.get_run(other.run_id)
assert (ended.info.status, ended.info.run_name) == ("FAILED", "renamed")
assert ended.data.metrics["later"] == 1.5
client.delete_run(other.run_id)
client.restore_run(other.run_id)
refused("RESOURCE_DOES_NOT_EXIST", client.get_run, "f" * 32)

# Experiments.
client.set_experiment_tag(experiment.experiment_id, "owner", "ada")
assert client.get_experiment(experiment.experiment_id).tags == {"owner": "ada"}
second = client.create_experiment("iris", tags={"kind": "flowers"})
refused("RESOURCE_ALREADY_EXISTS", client.create_experiment, "iris")
refused("INVALID_PARAMETER_VALUE", client.get_experiment, "abc")
assert client.get_experiment_by_name("none") is None
client.rename_experiment(second, "lilies")
client.delete_experiment(second)
assert client.get_experiment(second).lifecycle_stage == "deleted"
refused("INVALID_PARAMETER_VALUE", mlflow.start_run, experiment_id=second)
text = refused("RESOURCE_DOES_NOT_EXIST", client.create_run, "99999")
assert text.endswith("No Experiment with id=99999 exists")
refused("RESOURCE_DOES_NOT_EXIST", client.set_terminated, "f" * 32)
client.restore_experiment(second)
names = [one.name for one in client.search_experiments(filter_string="tags.kind = 'flowers'")]
assert names == ["lilies"]

# Autologging, and models.
x = np.arange(40.0).reshape(20, 2)
y = x @ [2.0, 3.0] + 1
mlflow.sklearn.autolog(log_models=False)
model = LinearRegression().fit(x, y)
mlflow.sklearn.autolog(disable=True)
automatic = mlflow.last_active_run().info.run_id
with mlflow.start_run():
    info = mlflow.sklearn.log_model(model, "regression", pip_requirements=["scikit-learn"])
assert np.allclose(mlflow.sklearn.load_model(info.model_uri).predict(x), y)
assert np.allclose(mlflow.pyfunc.load_model(info.model_uri).predict(x), y)

if is_newest:
    made = client.search_logged_models([experiment.experiment_id])
    assert [one.model_id for one in made] == [info.model_id]
    logged = client.create_logged_model(
        experiment.experiment_id, name="forest", params={"depth": "3"}, tags={"a": "b"}
    )
    client.log_metric(run_id, "acc", 0.9, step=4, model_id=logged.model_id)
    client.finalize_logged_model(logged.model_id, "READY")
    client.set_logged_model_tags(logged.model_id, {"c": "d"})
    client.delete_logged_model_tag(logged.model_id, "a")
    logged = client.get_logged_model(logged.model_id)
    assert (logged.status, logged.tags, logged.params) == ("READY", {"c": "d"}, {"depth": "3"})
    assert [(m.key, m.value, m.step, m.run_id) for m in logged.metrics] == [("acc", 0.9, 4, run_id)]
    ordered = client.search_logged_models(
        [experiment.experiment_id],
        filter_string="metrics.acc > 0.5",
        order_by=[{"field_name": "metrics.acc", "ascending": False}],
    )
    assert [one.model_id for one in ordered] == [logged.model_id]
    client.delete_logged_model(logged.model_id)
    refused("RESOURCE_DOES_NOT_EXIST", client.get_logged_model, logged.model_id)
    store = _get_store()
    assert store.get_logged_model(logged.model_id, allow_deleted=True).name == "forest"
    # What Runstream does not have.
    text = refused("NOT_IMPLEMENTED", client.search_traces, locations=["0"])
    assert "Runstream does not have traces" in text
    refused("NOT_IMPLEMENTED", mlflow.genai.datasets.create_dataset, "a", "0")

    @mlflow.trace
    def traced(number):
        return number + 1

    assert traced(1) == 2  # a trace that cannot be kept does not stop the program
    # Of MLflow's store each method is ours, or refused, or made of ours.
    from mlflow.store.tracking.abstract_store import AbstractStore

    from runstream.mlflow_plugin.store import RunstreamStore

    inherited = {
        name
        for name, method in inspect.getmembers(AbstractStore, inspect.isfunction)
        if not name.startswith("_") and getattr(RunstreamStore, name) is method
    }
    assert inherited == {
        "filter_active_experiment_ids",
        "get_metric_history_bulk_interval",
        "get_metric_history_bulk_interval_from_steps",
        "search_runs",
        "set_model_versions_tags",
    }
print(json.dumps({"run_id": run_id, "automatic": automatic, "other": other.run_id}))
