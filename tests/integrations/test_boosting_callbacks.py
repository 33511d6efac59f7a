"""RunstreamCallback in trainings of XGBoost, LightGBM and CatBoost."""

from __future__ import annotations

import json
import re

import pytest

from runstream import TrackingClient
from support.frameworks import PROGRAMS, Frameworks, documented_program

OTHERS = (PROGRAMS / "boosting_callbacks.py").read_text()

# What the program of each section logs.
METRICS = {
    "XGBoost": {"train-mae", "train-rmse", "validation-mae", "validation-rmse"},
    "LightGBM": {"train-l1", "train-l2", "validation-l1", "validation-l2"},
    "CatBoost": {"learn-MAE", "learn-RMSE", "validation-MAE", "validation-RMSE"},
}

pytestmark = pytest.mark.parametrize("environment", ["trees", "trees-lowest"])


def test_the_documented_programs_log_every_metric_in_each_iteration(
    frameworks: Frameworks, client: TrackingClient, environment: str
) -> None:
    programs = "\n".join(documented_program(section) for section in METRICS)
    told = frameworks.run(environment, programs)
    run_ids = re.findall(r"^[0-9a-f]{32}$", told, re.M)
    for metrics, run_id in zip(METRICS.values(), run_ids, strict=True):
        run = client.get_run(run_id)
        assert (run.info.run_name, run.info.status) == ("trees", "FINISHED")
        assert run.data.metrics.keys() - {"best_iteration", "best_score"} == metrics
        lengths = set()
        for metric in metrics:
            steps = [point.step for point in client.get_metric_history(run_id, metric)]
            assert steps == list(range(len(steps)))
            lengths.add(len(steps))
        assert len(lengths) == 1
        assert lengths <= set(range(4, 51))


def test_trainings_are_the_same_and_cross_validations_further_and_odd_ones_are_logged(
    frameworks: Frameworks, client: TrackingClient, environment: str
) -> None:
    told = json.loads(frameworks.run(environment, OTHERS).splitlines()[-1])
    assert told["identical"] == {"xgboost": True, "lightgbm": True, "catboost": True}
    for library, histories in told["expected"].items():
        run = client.get_run(told["runs"][library])
        assert run.data.metrics.keys() - {"best_iteration", "best_score"} == histories.keys()
        for key, (steps, values) in histories.items():
            history = client.get_metric_history(run.info.run_id, key)
            assert [point.step for point in history] == steps, (library, key)
            assert [point.value for point in history] == values, (library, key)
    assert client.get_run(told["runs"]["xgboost"]).data.metrics["best_iteration"] == told["best"]
