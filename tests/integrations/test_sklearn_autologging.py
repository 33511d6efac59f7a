"""Autologging of scikit-learn, with the newest and the lowest version that is supported."""

from __future__ import annotations

import json

import pytest

from runstream import TrackingClient
from support.frameworks import PROGRAMS, Frameworks

PROGRAM = (PROGRAMS / "sklearn_autologging.py").read_text()


@pytest.mark.parametrize("environment", ["trees", "trees-lowest"])
def test_fits_are_logged_once_in_processes_and_threads_too_and_are_the_same_as_without(
    frameworks: Frameworks, client: TrackingClient, environment: str
) -> None:
    told = json.loads(frameworks.run(environment, PROGRAM).splitlines()[-1])
    assert told["identical"]
    assert told["loaded"] == "Pipeline"
    assert set(told["artifacts"]) >= {
        "estimator.html",
        "metric_info.json",
        "training_confusion_matrix.png",
        "training_precision_recall_curve.png",
        "training_roc_curve.png",
    }
    runs = {run.info.run_id: run for run in client.search_runs(["0"])}
    top = [run for run in runs.values() if "mlflow.parentRunId" not in run.data.tags]
    assert len(top) == 4 + 2
    assert len(runs) == 4 + 3 + 2
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    names = [runs[run_id].data.tags["estimator_name"] for run_id in told["run_ids"]]
    assert names == ["Pipeline", "RandomForestClassifier", "VotingClassifier", "GridSearchCV"]
    for run_id in told["run_ids"]:
        metrics = runs[run_id].data.metrics
        assert metrics["accuracy_score_data"] == metrics["training_accuracy_score"]
    exit_code, *around = told["forked"]
    assert exit_code == 0
    assert around[0] != around[1]
    for run_id in around:
        assert runs[run_id].data.metrics["training_score"] == 1.0
    assert "training_roc_auc" in runs[told["run_ids"][0]].data.metrics
