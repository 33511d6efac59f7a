"""What somebody has in MLflow already: two experiments, with runs of all kinds."""

import math

import mlflow
import pandas
from mlflow import MlflowClient
from mlflow.entities import LoggedModelInput

for name in ("wine", "iris"):
    experiment = mlflow.set_experiment(name)
    mlflow.set_experiment_tag("owner", "ada")
    for i in range(3):
        with mlflow.start_run(run_name=f"{name} {i}") as run:
            mlflow.log_params({"lr": 0.1 * i, "text": "größer"})
            mlflow.set_tag("stage", "trial")
            for step in range(50):
                mlflow.log_metric("train/loss", 1 / (step + 1 + i), step=step)
            mlflow.log_metric("nan", math.nan, step=-3)
            mlflow.log_text(f"{name} {i}", "notes/summary.txt")
            frame = pandas.DataFrame({"x": [1.0, 2.0], "y": [i, 2]})
            mlflow.log_input(mlflow.data.from_pandas(frame, name="frame"), context="training")
client = MlflowClient()
client.delete_run(run.info.run_id)
running = client.create_run(experiment.experiment_id)
client.log_metric(running.info.run_id, "loss", 0.5)
model = client.create_logged_model(
    experiment.experiment_id,
    name="forest",
    source_run_id=running.info.run_id,
    params={"depth": "3"},
    tags={"stage": "trial"},
)
client.log_metric(
    running.info.run_id,
    "acc",
    0.9,
    step=4,
    model_id=model.model_id,
    dataset_name="frame",
    dataset_digest="1",
)
client.log_inputs(running.info.run_id, models=[LoggedModelInput(model.model_id)])
deleted = client.create_run("0", run_name="deleted")
client.delete_run(deleted.info.run_id)
with mlflow.start_span("predict"):
    pass
mlflow.flush_trace_async_logging()
