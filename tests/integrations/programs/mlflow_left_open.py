"""Leaves runs open: the active one of MLflow, and one of a logger that starts it by a client."""

import sys

import mlflow
from mlflow import MlflowClient
from mlflow.tracking.context import registry

active = mlflow.start_run()
logger = MlflowClient().create_run("0", tags=registry.resolve_tags())
print(active.info.run_id, logger.info.run_id, flush=True)
if sys.stdin.readline() == "raise\n":
    raise RuntimeError("a training fails")
