"""RunstreamTracker in programs of Accelerate."""

from __future__ import annotations

import pytest

from runstream import TrackingClient
from support.frameworks import Frameworks, documented_program

PROGRAM = documented_program("Accelerate")


@pytest.mark.parametrize(("environment", "processes"), [("torch", 2), ("torch-lowest", 1)])
def test_the_documented_program_logs_from_its_main_process(
    frameworks: Frameworks, client: TrackingClient, environment: str, processes: int
) -> None:
    frameworks.run_together(environment, PROGRAM, processes)
    experiment = client.get_experiment_by_name("regression")
    assert experiment is not None
    [run] = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.params == {"learning_rate": "0.1", "epochs": "3"}
    losses = client.get_metric_history(run.info.run_id, "loss")
    assert [point.step for point in losses] == [0, 1, 2]
    assert client.load_text(run.info.run_id, "notes.txt") == "tiny"
