"""What MLflow's client, of 2.0 to 3, sees where its servers have their own ways."""

import json

import mlflow
import mlflow.tracking
from mlflow import MlflowClient
from mlflow.entities import Metric
from mlflow.exceptions import MlflowException

client = MlflowClient()
experiment = client.create_experiment("edges", artifact_location="scheme://host/d?x=y")
run = client.create_run(experiment, start_time=5, tags={"mlflow.runName": "first"})
run_id = run.info.run_id
assert run.info.start_time == 5
assert run.info.artifact_uri == f"scheme://host/d/{run_id}/artifacts?x=y"
client.set_tag(run_id, "mlflow.runName", "")
assert client.get_run(run_id).data.tags["mlflow.runName"] == "first"

for start in range(0, 30_000, 1000):  # more than a page: clients of 2.0 ask for one
    points = [Metric("m", i, i, i) for i in range(start, start + 1000)]
    client.log_batch(run_id, points)
assert [point.step for point in client.get_metric_history(run_id, "m")] == list(range(30_000))

client.log_param(run_id, "p", "1")
try:
    client.log_param(run_id, "p", "2")
except MlflowException as error:
    assert "Changing param values is not allowed" in str(error), error
else:
    raise AssertionError("a param was changed")
try:
    client.get_experiment("abc")
except MlflowException as error:
    assert error.error_code == "INVALID_PARAMETER_VALUE", error.error_code
else:
    raise AssertionError("there is an experiment abc")
assert list(client.search_runs([])) == []
assert [found.info.run_id for found in client.search_runs([experiment])] == [run_id]
client.set_terminated(run_id, "FINISHED")
print(json.dumps({"run_id": run_id, "version": mlflow.__version__}))
