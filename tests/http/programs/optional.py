"""What MLflow's client can ask of a server that has it, and what it does where it is not there."""

import json
import os
import sys
import time
from pathlib import Path

os.environ["MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD"] = "true"
os.environ["MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD"] = "true"
os.environ["MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE"] = str(6 * 1024 * 1024)
os.environ["MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE"] = str(5 * 1024 * 1024)

import mlflow
from mlflow import MlflowClient

folder = Path(sys.argv[1])
content = bytes(range(256)) * 50_000  # 12.8 MB
(folder / "large.bin").write_bytes(content)
client = MlflowClient()
with mlflow.start_run() as run:
    mlflow.log_artifact(str(folder / "large.bin"), "deep")
got = client.download_artifacts(run.info.run_id, "deep/large.bin", str(folder))
assert Path(got).read_bytes() == content
listed = [file.path for file in client.list_artifacts(run.info.run_id, "deep")]

refusals = {}
for name, call in {
    "traces": lambda: client.search_traces(experiment_ids=["0"]),
    "trace": lambda: client.start_trace("a"),
    "prompts": lambda: mlflow.genai.register_prompt("a", "b"),
    "webhooks": lambda: client.list_webhooks(),
    "datasets": lambda: mlflow.genai.datasets.create_dataset("a", "0"),
    "scorers": lambda: mlflow.genai.scorers.list_scorers(experiment_id="0"),
}.items():
    started = time.monotonic()
    try:
        call()
    except Exception as error:
        refusals[name] = str(error)
    assert time.monotonic() - started < 60, name  # nothing is tried again and again


@mlflow.trace
def traced(x):
    return x + 1


assert traced(1) == 2  # a trace that cannot be kept does not stop the program
mlflow.flush_trace_async_logging()
print(json.dumps({"run_id": run.info.run_id, "listed": listed, "refusals": refusals}))
