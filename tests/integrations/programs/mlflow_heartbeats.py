"""Prints a run that it starts by MLflow and one that it makes for anybody, and waits.

With these as arguments, it gives the first another name, and resumes the second.
"""

import os
import sys

import mlflow
from mlflow import MlflowClient

from runstream.outbox import heartbeats

heartbeats.HEARTBEAT = 0.2
client = MlflowClient()
if sys.argv[1:]:
    client.update_run(sys.argv[1], name="renamed")
    run = mlflow.start_run(run_id=sys.argv[2])
else:
    run = mlflow.start_run()
    if os.fork() == 0:  # the run is its parent's
        sys.stdin.readline()
        os._exit(0)
print(run.info.run_id, client.create_run("0").info.run_id, flush=True)
sys.stdin.readline()
