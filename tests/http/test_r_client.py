"""A run as MLflow's R client sends it, from R (W1, W3)."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from runstream import TrackingClient
from support.server_process import ENVIRONMENT, ServerProcess

DOCUMENT = Path(__file__).parents[2] / "docs/rest.md"
PROGRAM = Path(__file__).with_name("programs") / "run.R"


pytestmark = pytest.mark.skipif(
    shutil.which("Rscript") is None,
    reason="R is not here: it needs r-base-core, r-cran-httr2 and r-cran-jsonlite",
)


def run_r(program: Path, server: ServerProcess) -> str:
    """Run a program; return the id of the run that it prints last."""
    done = subprocess.run(
        ["Rscript", "--vanilla", program],
        env=ENVIRONMENT | {"MLFLOW_TRACKING_URI": server.http},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[-1]


def test_the_r_code_of_the_documents_logs_a_run(server: ServerProcess, tmp_path: Path) -> None:
    (code,) = re.findall(r"^```r\n(.*?)^```$", DOCUMENT.read_text(), re.M | re.S)
    (tmp_path / "document.R").write_text(code)
    run_id = run_r(tmp_path / "document.R", server)
    with TrackingClient(server.uri) as client:
        run = client.get_run(run_id)
        assert (run.info.run_name, run.info.status) == ("from R", "FINISHED")
        assert run.data.params == {"lr": "0.1"}
        history = client.get_metric_history(run_id, "loss")
        assert [(point.step, point.value) for point in history] == [(i, 1 / i) for i in range(1, 6)]
        assert 0 <= history[-1].timestamp - run.info.start_time < 60_000


def test_a_run_is_logged_as_mlflow_does_from_r(server: ServerProcess) -> None:  # W1, W3
    run_id = run_r(PROGRAM, server)
    with TrackingClient(server.uri) as client:
        run = client.get_run(run_id)
        assert run.info.start_time == 1_700_000_000_000
        assert run.data.params == {"lr": "0.1", "p": "1"}
        assert run.data.metrics["m"] == float("-inf")
        assert len(client.get_metric_history(run.info.run_id, "loss")) == 5
