"""RunstreamCallback in studies of Optuna."""

from __future__ import annotations

import json

import pytest

from runstream import Run, TrackingClient
from support.frameworks import PROGRAMS, Frameworks, documented_program

PROGRAM = documented_program("Optuna")
STUDIES = (PROGRAMS / "optuna_studies.py").read_text()

pytestmark = pytest.mark.parametrize("environment", ["trees", "trees-lowest"])


def trials(client: TrackingClient, study: str) -> dict[int, Run]:
    """Return the child runs of a study by the number of the trial."""
    found = client.search_runs(filter_string=f"tags.mlflow.parentRunId = '{study}'")
    return {int(run.data.tags["number"]): run for run in found}


def test_the_documented_study_is_a_run_and_each_trial_a_child_run(
    frameworks: Frameworks, client: TrackingClient, environment: str
) -> None:
    study = client.get_run(frameworks.run(environment, PROGRAM).split()[-1])
    assert (study.info.run_name, study.info.status) == ("parabola", "FINISHED")
    assert study.data.tags["study_name"] == "parabola"
    assert study.data.tags["direction"] == "MINIMIZE"
    assert (study.data.tags["sampler"], study.data.tags["pruner"]) == (
        "RandomSampler",
        "MedianPruner",
    )
    found = trials(client, study.info.run_id)
    assert sorted(found) == list(range(12))
    states = {run.data.tags["state"]: run.info.status for run in found.values()}
    assert states == {"COMPLETE": "FINISHED", "PRUNED": "KILLED"}
    complete = {n: run for n, run in found.items() if run.info.status == "FINISHED"}
    best = found[int(study.data.tags["best_trial"])].data.metrics["loss_at_end"]
    assert best == min(run.data.metrics["loss_at_end"] for run in complete.values())
    assert best == study.data.metrics["best_loss_at_end"]
    for number, run in found.items():
        assert run.info.run_name == f"trial {number}"
        assert abs(float(run.data.params["x"])) <= 2
        assert run.data.tags["x_distribution"].startswith("FloatDistribution(")
        logged = client.get_metric_history(run.info.run_id, "loss")
        reported = client.get_metric_history(run.info.run_id, "intermediate_value")
        assert [p.value for p in logged] == [p.value for p in reported]
        assert len(logged) == 5 or run.info.status == "KILLED"


def test_studies_in_threads_of_several_objectives_and_with_failures_are_logged(
    frameworks: Frameworks, client: TrackingClient, environment: str
) -> None:
    told = json.loads(frameworks.run(environment, STUDIES).splitlines()[-1])
    mine = client.get_run(told["mine"])
    assert (mine.info.run_name, mine.info.status) == ("mine", "FINISHED")
    found = trials(client, told["mine"])
    statuses = {n: run.info.status for n, run in found.items()}
    assert statuses == dict.fromkeys(range(8), "FINISHED") | {2: "FAILED", 3: "KILLED"}
    run = found[4]
    assert run.data.tags["comment"] == f"a {run.data.params['kind']} one"
    assert run.info.end_time is not None
    assert run.info.start_time <= run.info.end_time
    values = client.get_metric_history(run.info.run_id, "intermediate_value")
    assert [point.step for point in values] == [0, 1, 2]
    assert run.data.metrics["value"] == float(run.data.params["x"])

    two = client.get_run(told["two"])
    assert two.info.status == "FINISHED"
    assert client.get_experiment(two.info.experiment_id).name == "two objectives"
    for run in trials(client, told["two"]).values():
        assert run.info.experiment_id == two.info.experiment_id
        assert run.data.metrics.keys() == {"cost", "error"}
        assert run.data.tags["direction"] == "MINIMIZE, MAXIMIZE"

    assert client.get_run(told["broken"]).info.status == "FAILED"
    (failed,) = client.search_runs(filter_string=f"tags.mlflow.parentRunId = '{told['broken']}'")
    assert failed.info.status == "FAILED"
    assert failed.data.params.keys() == {"tried"}
