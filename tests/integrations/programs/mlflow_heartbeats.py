"""Prints runs, and waits: one that it starts by MLflow, one that it makes for anybody, and one that
it makes as MLflow's server does for its clients.

With two runs as arguments, it gives the first another name, and resumes the second.
"""

import os
import sys

import mlflow
from mlflow import MlflowClient
from mlflow.entities import RunTag
from mlflow.tracking._tracking_service.utils import _get_store

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
made = client.create_run("0")
store_of_server = _get_store(artifact_uri="mlflow-artifacts:/")
served = store_of_server.create_run("0", "ada", 1, [RunTag("mlflow.source.type", "LOCAL")], None)
print(run.info.run_id, made.info.run_id, served.info.run_id, flush=True)
sys.stdin.readline()
