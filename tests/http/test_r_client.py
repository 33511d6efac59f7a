"""A run as MLflow's R client sends it, from R (W1, W3)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from runstream import TrackingClient
from server_process import ENVIRONMENT, ServerProcess

PROGRAM = Path(__file__).with_name("programs") / "run.R"


def test_a_run_is_logged_from_r(server: ServerProcess) -> None:  # W1, W3
    if shutil.which("Rscript") is None:
        pytest.skip("R is not here: it needs r-base-core, r-cran-httr2 and r-cran-jsonlite")
    done = subprocess.run(
        ["Rscript", "--vanilla", PROGRAM],
        env=ENVIRONMENT | {"MLFLOW_TRACKING_URI": server.http},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    with TrackingClient(server.uri) as client:
        run = client.get_run(done.stdout.split()[-1])
        assert run.info.start_time == 1_700_000_000_000
        assert run.data.params == {"lr": "0.1", "p": "1"}
        assert run.data.metrics["m"] == float("-inf")
        assert len(client.get_metric_history(run.info.run_id, "loss")) == 5
