"""RunstreamCallback in programs of Hydra."""

from __future__ import annotations

from pathlib import Path

import pytest

from runstream import TrackingClient
from support.frameworks import Frameworks, documented_program

PROGRAM = documented_program("Hydra")
CONFIG = documented_program("Hydra", "yaml")


def program(*arguments: str) -> str:
    """Return the documented program with arguments of the command line."""
    return f"import sys\nsys.argv += {list(arguments)}\n{PROGRAM}"


@pytest.fixture(autouse=True)
def config(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG)


@pytest.mark.parametrize("environment", ["trees", "trees-lowest"])
def test_a_job_logs_its_configuration_and_outcome(
    frameworks: Frameworks, client: TrackingClient, environment: str
) -> None:
    frameworks.run(environment, program("optimizer.lr=0.5", "hydra.job.chdir=True"))
    (run,) = client.search_runs()
    assert (run.info.run_name, run.info.status) == ("program", "FINISHED")
    assert run.data.params == {"optimizer.name": "sgd", "optimizer.lr": "0.5"}
    assert run.data.tags["hydra.overrides"] == "optimizer.lr=0.5"
    assert run.data.metrics == {"loss": 0.05, "return_value": 0.05}
    assert client.load_dict(run.info.run_id, "config.yaml") == {
        "optimizer": {"name": "sgd", "lr": 0.5}
    }
    files = {file.path for file in client.list_artifacts(run.info.run_id, recursive=True)}
    assert {".hydra/hydra.yaml", ".hydra/overrides.yaml", "program.log"} <= files


@pytest.mark.parametrize(
    ("environment", "launcher"),
    [("trees", "basic"), ("trees", "joblib"), ("trees-lowest", "basic")],
)
def test_the_jobs_of_a_multirun_are_children_of_one_run(
    frameworks: Frameworks, client: TrackingClient, environment: str, launcher: str
) -> None:
    arguments = ("--multirun", "optimizer.lr=0.1,0.2,null", f"hydra/launcher={launcher}")
    tolerant = program(*arguments).replace(
        "    train()\n", "    try:\n        train()\n    except SystemExit:\n        pass\n"
    )
    frameworks.run(environment, tolerant)
    runs = {run.info.run_name: run for run in client.search_runs()}
    sweep = runs.pop("program")
    assert sweep.info.status == "FINISHED"
    statuses = {name: run.info.status for name, run in runs.items()}
    assert statuses == {
        "optimizer.lr=0.1": "FINISHED",
        "optimizer.lr=0.2": "FINISHED",
        "optimizer.lr=null": "FAILED",
    }
    for run in runs.values():
        assert run.data.tags["mlflow.parentRunId"] == sweep.info.run_id
    assert runs["optimizer.lr=0.2"].data.metrics == {"loss": 0.02, "return_value": 0.02}
