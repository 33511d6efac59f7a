"""Trainings whose server is away, or that have none, are delivered whole: as they are online."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import runstream
from runstream import Run, TrackingClient
from support.ports import reserve_port
from support.server_process import ENVIRONMENT, ServerProcess

TRAINING = """
import runstream
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV

runstream.autolog()
X, y = load_iris(return_X_y=True)
with runstream.start_run(run_name="own"):
    model = LogisticRegression(max_iter=200).fit(X, y)
    model.score(X, y)
    LinearRegression().fit(X, y)
    runstream.log_table({"a": [1]}, "table.json")
    runstream.log_table({"a": [2]}, "table.json")
with runstream.start_run(run_name="search"):
    GridSearchCV(LinearRegression(), {"fit_intercept": [True, False]}, cv=2).fit(X, y)
LinearRegression(positive=True).fit(X, y)
"""


def run_training(variables: dict[str, str]) -> str:
    """Run the trainings in a program of their own, and return what it says on stderr."""
    done = subprocess.run(
        [sys.executable, "-c", TRAINING],
        env=ENVIRONMENT | {"RUNSTREAM_SOURCE": "none"} | variables,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def files(client: TrackingClient, owner: str, path: str | None = None) -> list[str]:
    """Return the paths of all artifacts of a run or a model."""
    found: list[str] = []
    for each in client.list_artifacts(owner, path):
        found += files(client, owner, each.path) if each.is_dir else [each.path]
    return sorted(found)


def content(client: TrackingClient, run: Run) -> dict[str, Any]:
    """Return what a run has, but for ids and times, and its models."""
    run_id = run.info.run_id
    models = [client.get_logged_model(one.model_id) for one in run.outputs.model_outputs]
    return {
        "status": run.info.status,
        "params": run.data.params,
        "metrics": {
            key: round(value, 6) for key, value in run.data.metrics.items() if "time" not in key
        },
        "tags": {
            key: value
            for key, value in run.data.tags.items()
            if key not in ("mlflow.runName", "mlflow.parentRunId")
        },
        "datasets": sorted(
            (one.dataset.name, one.dataset.digest, str(one.tags))
            for one in run.inputs.dataset_inputs
        ),
        "files": files(client, run_id),
        "models": sorted(
            (
                model.name,
                model.status,
                sorted(model.params.items()),
                sorted((one.key, round(one.value, 6)) for one in model.metrics),
                files(client, model.model_id),
            )
            for model in models
        ),
    }


def contents(client: TrackingClient) -> list[dict[str, Any]]:
    """Return what all runs have, in an order that ids and times do not change."""
    found = [content(client, run) for run in client.search_runs(["0"])]
    return sorted(found, key=lambda one: sorted(one["params"].items()))


@pytest.fixture(scope="module")
def online(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What the runs have whose server is there."""
    server = ServerProcess(tmp_path_factory.mktemp("online") / "runs.db")
    try:
        run_training({"RUNSTREAM_TRACKING_URI": server.uri})
        with TrackingClient(server.uri) as client:
            return contents(client)
    finally:
        server.stop()


@pytest.mark.timeout(600)  # three programs that train and draw figures
@pytest.mark.parametrize("how", ["away", "offline"])
def test_what_trainings_log_without_a_server_is_delivered_later_as_it_is_logged_online(
    server: ServerProcess,
    client: TrackingClient,
    tmp_path: Path,
    online: list[dict[str, Any]],
    how: str,
) -> None:
    spool = tmp_path / "spool"
    away = {"RUNSTREAM_TRACKING_URI": f"grpc://127.0.0.1:{reserve_port()}"}
    variables = away if how == "away" else {"RUNSTREAM_OFFLINE": "1"}
    said = run_training(variables | {"RUNSTREAM_SPOOL": str(spool)})
    assert "not all of a training" not in said
    runstream.sync(spool, to=server.uri)
    delivered = contents(client)
    assert len(delivered) == 5
    for here, there in zip(delivered, online, strict=True):
        assert here == there
    own = next(one for one in delivered if "table.json" in one["files"])
    assert len(own["params"]) > 10
    assert len(own["datasets"]) > 0
    assert "training_confusion_matrix.png" in own["files"]
    assert [model[:2] for model in own["models"]] == [("model", "READY")] * 2
