"""What MLflow 3 logs asynchronously."""

import json

import mlflow
from mlflow import MlflowClient

with mlflow.start_run() as run:
    for step in range(300):
        mlflow.log_metric("loss", 1 / (step + 1), step=step, synchronous=False)
    mlflow.log_params({"a": 1, "b": 2}, synchronous=False)
    mlflow.set_tag("stage", "trial", synchronous=False)
mlflow.flush_async_logging()
history = MlflowClient().get_metric_history(run.info.run_id, "loss")
assert [point.step for point in history] == list(range(300))
assert mlflow.get_run(run.info.run_id).data.params == {"a": "1", "b": "2"}
print(json.dumps({"run_id": run.info.run_id}))
