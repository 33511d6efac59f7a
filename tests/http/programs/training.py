"""What a team runs with MLflow's client, of 2.0 or 3: `training.py FOLDER`, told by environment."""

import json
import math
import sys
from pathlib import Path

import mlflow
import pandas
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException

folder = Path(sys.argv[1])
mlflow.set_experiment("wine")
with mlflow.start_run(run_name="parent", tags={"team": "risk"}) as parent:
    mlflow.log_param("lr", 0.1)
    mlflow.log_params({"layers": 3, "optimizer": "adam"})
    for step in range(20):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
    mlflow.log_metrics({"accuracy": 0.9, "nan": math.nan, "infinity": math.inf}, step=7)
    mlflow.set_tag("stage", "trial")
    mlflow.log_dict({"a": [1, 2]}, "config/settings.json")
    mlflow.log_text("größer", "notes.txt")
    (folder / "data").mkdir()
    (folder / "data" / "one.bin").write_bytes(bytes(range(256)) * 1000)
    mlflow.log_artifacts(str(folder / "data"), "data")
    with mlflow.start_run(nested=True, run_name="child"):
        mlflow.log_metric("loss", 0.5)

client = MlflowClient()
run = client.get_run(parent.info.run_id)
assert run.info.status == "FINISHED"
assert run.data.params == {"lr": "0.1", "layers": "3", "optimizer": "adam"}
assert run.data.metrics["loss"] == 0.05
assert math.isnan(run.data.metrics["nan"])
assert run.data.metrics["infinity"] == sys.float_info.max
assert run.data.tags["stage"] == "trial"
history = client.get_metric_history(run.info.run_id, "loss")
assert [point.step for point in history] == list(range(20))

frame = mlflow.search_runs(filter_string="metrics.loss < 1 AND params.lr = '0.1'")
assert isinstance(frame, pandas.DataFrame)
assert list(frame["run_id"]) == [run.info.run_id]
assert frame["tags.team"][0] == "risk"
children = mlflow.search_runs(filter_string=f"tags.mlflow.parentRunId = '{run.info.run_id}'")
assert list(children["tags.mlflow.runName"]) == ["child"]

listed = {file.path: file for file in client.list_artifacts(run.info.run_id)}
assert set(listed) == {"config", "data", "notes.txt"}
assert listed["data"].is_dir
assert [file.path for file in client.list_artifacts(run.info.run_id, "data")] == ["data/one.bin"]
assert mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/notes.txt") == "größer"
assert mlflow.artifacts.load_dict(f"{run.info.artifact_uri}/config/settings.json") == {"a": [1, 2]}
local = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="data")
assert (Path(local) / "one.bin").read_bytes() == bytes(range(256)) * 1000

experiment = mlflow.get_experiment_by_name("wine")
assert experiment.experiment_id == run.info.experiment_id
client.set_experiment_tag(experiment.experiment_id, "owner", "ada")
assert client.get_experiment(experiment.experiment_id).tags == {"owner": "ada"}
assert [one.name for one in client.search_experiments(filter_string="name = 'wine'")] == ["wine"]
other = client.create_run(experiment.experiment_id)
points = [Metric("m", i, 1_700_000_000_000 + i, i) for i in range(900)]
client.log_batch(other.info.run_id, points, [Param("p", "1")], [RunTag("t", "2")])
client.set_terminated(other.info.run_id, "FAILED")
client.delete_tag(other.info.run_id, "t")
try:
    client.log_param(other.info.run_id, "p", "2")
except MlflowException as error:
    assert error.error_code == "INVALID_PARAMETER_VALUE", error.error_code
else:
    raise AssertionError("a param was changed")
client.delete_run(other.info.run_id)
try:
    client.get_run("f" * 32)
except MlflowException as error:
    assert error.error_code == "RESOURCE_DOES_NOT_EXIST", error.error_code
print(json.dumps({"run_id": run.info.run_id, "other": other.info.run_id}))
