"""Starts, fills and ends runs by MLflow, whether its server is there or not.

Prints the run; then, if it is told to, waits for a file before each half of what it does.
"""

import sys
import time
from pathlib import Path

import mlflow
import numpy
from mlflow.data.numpy_dataset import from_numpy


def wait_for(name):
    """Wait until a file is there, if the program was told to wait."""
    while sys.argv[1:] and not Path(name).exists():
        time.sleep(0.02)


mlflow.set_experiment("wine")
with mlflow.start_run(run_name="parent", tags={"team": "risk", "draft": "1"}) as run:
    mlflow.log_param("lr", 0.1)
    print(run.info.run_id, flush=True)
    wait_for("middle")
    begin = time.monotonic()
    mlflow.delete_tag("draft")
    for step in range(1_000):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
    mlflow.log_input(from_numpy(numpy.zeros(3), name="zeros"), context="training")
    mlflow.log_text("größer", "notes.txt")
    with mlflow.start_run(nested=True, run_name="child") as child:
        mlflow.log_params({"depth": 2})
    mlflow.MlflowClient().update_run(child.info.run_id, name="renamed")
    print(child.info.run_id, flush=True)
    wait_for("end")
seen = mlflow.get_run(run.info.run_id).info
assert (seen.run_name, seen.status) == ("parent", "FINISHED"), seen
print(time.monotonic() - begin, flush=True)
if "left open" in sys.argv:
    print(mlflow.start_run(run_name="left open").info.run_id)
