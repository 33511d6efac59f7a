"""Goes on by MLflow with the run that MLFLOW_RUN_ID names."""

import mlflow

with mlflow.start_run() as run:
    mlflow.log_metric("later", 2.0)
print(run.info.run_id)
