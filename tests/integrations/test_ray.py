"""Ray Tune and Ray Train."""

from __future__ import annotations

import pytest

from runstream import TrackingClient
from support.frameworks import Frameworks, documented_program

TUNE = documented_program("Ray Tune")
TRAIN = documented_program("Ray Train")


@pytest.mark.parametrize("environment", ["torch", "torch-lowest"])
def test_the_trials_of_tune_are_child_runs(
    frameworks: Frameworks, client: TrackingClient, environment: str
) -> None:
    frameworks.run(environment, TUNE)
    *trials, parent = client.search_runs(["0"])
    assert (parent.info.run_name, parent.info.status) == ("rates", "FINISHED")
    assert {run.data.tags["mlflow.parentRunId"] for run in trials} == {parent.info.run_id}
    assert {run.data.params["optimizer/rate"] for run in trials} == {"0.1", "0.2"}
    for run in trials:
        assert run.info.status == "FINISHED"
        points = client.get_metric_history(run.info.run_id, "loss")
        rate = float(run.data.params["optimizer/rate"])
        assert [(p.step, p.value) for p in points] == [(n, rate / n) for n in (1, 2, 3)]


def test_of_the_workers_of_train_one_logs(frameworks: Frameworks, client: TrackingClient) -> None:
    frameworks.run("torch", TRAIN)
    [run] = client.search_runs(["0"])
    assert (run.info.run_name, run.info.status) == ("workers", "FINISHED")
    assert run.data.params == {"rate": "0.1"}
    assert len(client.get_metric_history(run.info.run_id, "loss")) == 3
