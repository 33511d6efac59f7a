"""MLflow's own code loads what autologging of the Python client stores."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from sklearn.linear_model import LinearRegression

import runstream
from support.server_process import ENVIRONMENT, ServerProcess

PYTHON = Path(__file__).parents[2] / ".venv-mlflow/3/bin/python"

PROGRAM = """
import json, sys, mlflow
mlflow.set_tracking_uri(sys.argv[1])
uris = [f"models:/{sys.argv[2]}", f"runs:/{sys.argv[3]}/model"]
models = [mlflow.sklearn.load_model(uri) for uri in uris] + [mlflow.pyfunc.load_model(uris[0])]
rows = [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
import numpy
print(json.dumps([model.predict(numpy.array(rows)).tolist() for model in models]))
"""


def test_mlflow_loads_a_model_of_autologging(
    start_server: Callable[..., ServerProcess], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start_server(RUNSTREAM_HTTP_PORT="0")
    monkeypatch.setenv("RUNSTREAM_TRACKING_URI", server.uri)
    runstream.sklearn.autolog(log_input_examples=True)
    try:
        rows = [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
        model = LinearRegression().fit(rows, [1, 2, 3])
        run = runstream.last_active_run()
    finally:
        runstream.sklearn.autolog(disable=True)
    assert run is not None
    with runstream.TrackingClient(server.uri) as client:
        [stored] = client.search_logged_models()
    told = subprocess.run(
        [PYTHON, "-c", PROGRAM, server.http, stored.model_id, run.info.run_id],
        cwd=tmp_path,
        env=ENVIRONMENT | {"MLFLOW_DISABLE_TELEMETRY": "true"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout.splitlines()[-1]) == [model.predict(rows).tolist()] * 3
