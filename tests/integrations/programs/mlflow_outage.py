"""Logs by MLflow while the server is killed and started again, and ends without `end_run`."""

import sys
import time
from pathlib import Path

import mlflow

run = mlflow.start_run()
print(run.info.run_id, flush=True)
for step in range(20_000):
    mlflow.log_metric("loss", 1 / (step + 1), step=step)
    if step == 10_000:
        print("half", flush=True)
        while not Path("killed").exists():
            time.sleep(0.02)
mlflow.log_param("lr", 0.1)
print("logged", flush=True)
sys.exit(0)
