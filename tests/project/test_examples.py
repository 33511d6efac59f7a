"""The programs under examples/tracking, each run as a user runs it, and what they stored."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runstream import Experiment, Run, TrackingClient
from support.server_process import ENVIRONMENT, ServerProcess

EXAMPLES = Path(__file__).parents[2] / "examples/tracking"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server for all examples; each has experiments of its own."""
    server = ServerProcess(tmp_path_factory.mktemp("examples") / "runs.db")
    yield server
    assert server.stop() == ""


@pytest.fixture
def example(server: ServerProcess, tmp_path: Path, request: pytest.FixtureRequest) -> list[str]:
    """The lines that the example of this test's name prints."""
    name = request.node.name.removeprefix("test_")
    return run(f"{name}.py", server, tmp_path)


def run(name: str, server: ServerProcess, folder: Path, **environment: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / name],
        cwd=folder,
        env=ENVIRONMENT | {"RUNSTREAM_TRACKING_URI": server.uri} | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def experiment(client: TrackingClient, name: str) -> Experiment:
    found = client.get_experiment_by_name(name)
    assert found is not None
    return found


def runs(client: TrackingClient, name: str) -> list[Run]:
    """The runs of an experiment, all of them FINISHED, in the order in which they started."""
    found = client.search_runs([experiment(client, name).experiment_id])
    listed = sorted(found, key=lambda run: run.info.start_time)
    assert {run.info.status for run in listed} == {"FINISHED"}
    return listed


def steps(client: TrackingClient, run: Run, key: str) -> list[tuple[int, float]]:
    return [(p.step, p.value) for p in client.get_metric_history(run.info.run_id, key)]


def own_tags(run: Run) -> dict[str, str]:
    return {key: value for key, value in run.data.tags.items() if not key.startswith("mlflow.")}


def test_log_one_and_many(client: TrackingClient, example: list[str]) -> None:
    (run,) = runs(client, "log one and many")
    assert run.info.run_name == "boiling water"
    assert run.data.params == {"kettle": "steel", "litres": "1.5", "lid": "True"}
    assert run.data.metrics == {"temperature": 100.0, "seconds": 240.0}
    assert steps(client, run, "temperature") == [(0, 20.5), (1, 100.0)]
    assert own_tags(run) == {"kitchen": "small", "drink": "tea", "guests": "3"}
    assert example[2] == "drink   tea"


def test_autolog_sklearn(client: TrackingClient, example: list[str]) -> None:
    (run,) = runs(client, "autologging")
    assert run.data.params["n_estimators"] == "100"
    assert run.data.metrics.keys() == {
        "RandomForestRegressor_score_X_test",
        "training_mean_absolute_error",
        "training_mean_squared_error",
        "training_r2_score",
        "training_root_mean_squared_error",
        "training_score",
    }
    assert own_tags(run) == {
        "estimator_class": "sklearn.ensemble._forest.RandomForestRegressor",
        "estimator_name": "RandomForestRegressor",
    }
    assert example[0] == "{'max_depth': '6', 'max_features': '3', 'n_estimators': '100'}"


def test_steps_out_of_order(client: TrackingClient, example: list[str]) -> None:
    """M2, M5, M6."""
    (run,) = runs(client, "steps out of order")
    expected = [(-20, 4.0), (1, 0.5), (5, 0.25), (75, 0.125)]
    assert steps(client, run, "error") == expected
    assert run.data.metrics == {"error": 0.125}
    assert example[-1] == "latest: 0.125"


def test_metric_without_step(client: TrackingClient, example: list[str]) -> None:
    """M4, M5."""
    (run,) = runs(client, "metric without step")
    history = client.get_metric_history(run.info.run_id, "count")
    assert [(point.step, point.value) for point in history] == [(0, i) for i in range(500)]
    timestamps = [point.timestamp for point in history]
    assert timestamps == sorted(set(timestamps))
    assert run.data.metrics == {"count": 499.0}
    assert example == ["500 points, all at step 0", "in order: True", "latest: 499.0"]


def test_resume_a_run(client: TrackingClient, example: list[str], tmp_path: Path) -> None:
    (run,) = runs(client, "resume a run")
    assert run.data.params == {"seed": "7"}
    assert steps(client, run, "loss") == [(0, 1.0), (1, 0.5), (2, 1 / 3), (3, 0.2)]
    listed = {file.path for file in client.list_artifacts(run.info.run_id, recursive=True)}
    assert listed - {"source/changes.diff"} == {"reports/report.txt", "source/program.json"}
    local = client.download_artifacts(run.info.run_id, "reports/report.txt", str(tmp_path))
    assert Path(local).read_text() == "The loss is 0.2 after 4 steps.\n"
    states = [re.findall("RUNNING|FINISHED", line) for line in example[:3]]
    assert states == [["FINISHED"], ["RUNNING"], ["FINISHED"]]


def test_experiments_by_name(client: TrackingClient, example: list[str]) -> None:
    (run,) = runs(client, "fraud detection by name")
    assert run.data.metrics == {"recall": 0.91}
    assert experiment(client, "fraud detection by name").tags == {"team": "payments"}
    assert example == ["the run is in 'fraud detection by name' of team payments"]


@pytest.mark.parametrize("variable", ["RUNSTREAM_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_NAME"])
def test_experiment_by_environment(
    client: TrackingClient, server: ServerProcess, tmp_path: Path, variable: str
) -> None:
    said = run("experiment_by_environment.py", server, tmp_path, **{variable: f"by {variable}"})
    (found,) = runs(client, f"by {variable}")
    assert said == [f"run {found.info.run_id} is in 'by {variable}'"]


def test_experiment_by_environment_without_any_is_the_default(
    client: TrackingClient, server: ServerProcess, tmp_path: Path
) -> None:
    """E1."""
    (said,) = run("experiment_by_environment.py", server, tmp_path)
    assert said.endswith("is in 'Default'")
    assert client.get_run(said.split()[1]).info.experiment_id == "0"


def test_several_runs(client: TrackingClient, example: list[str]) -> None:
    found = runs(client, "several runs")
    assert [run.data.params["learning_rate"] for run in found] == ["0.5", "0.1", "0.01"]
    for run in found:
        rate = float(run.data.params["learning_rate"])
        values = [value for _, value in steps(client, run, "loss")]
        assert values == pytest.approx([(1 - 2 * rate) ** (2 * n) for n in range(1, 21)])
    assert [line.split()[2] for line in example] == ["0.5", "0.1", "0.01"]


def test_several_experiments(client: TrackingClient, example: list[str]) -> None:
    for city, first, last in (("Oslo", 4.0, 4 + 23 / 12), ("Quito", 15.0, 15 - 23 / 12)):
        forecast, measurement = runs(client, f"weather of {city}")
        assert steps(client, forecast, "degrees") == [(0, first)]
        measured = steps(client, measurement, "degrees")
        assert [step for step, _ in measured] == list(range(24))
        assert (measured[0][1], measured[-1][1]) == (first, last)
    assert [line.split()[0] for line in example] == ["Oslo", "Quito"]


def test_child_runs(client: TrackingClient, example: list[str]) -> None:
    """R4."""
    parent, *children = runs(client, "child runs")
    assert parent.info.run_name == "search"
    assert [child.info.run_name for child in children] == ["depth 2", "depth 4", "depth 8"]
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    assert example == [
        "depth 8 0.875",
        "depth 4 0.75",
        "depth 2 0.5",
        "their parent: search",
    ]


def test_threads(client: TrackingClient, example: list[str]) -> None:
    parent, *children = runs(client, "threads")
    assert parent.info.run_name == "parent"
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    assert {run.data.params["seed"] for run in children} == {str(seed) for seed in range(8)}
    for run in children:
        seed = int(run.data.params["seed"])
        assert steps(client, run, "value") == [(i, seed * 1000 + i) for i in range(1000)]
    assert example == ["8 child runs of 8000 points in all"]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes(
    client: TrackingClient, server: ServerProcess, tmp_path: Path, method: str
) -> None:
    said = run(f"processes_{method}.py", server, tmp_path)
    parent, *children = runs(client, f"processes by {method}")
    assert parent.data.metrics == {"failed": 0.0}
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    assert {run.data.params["number"] for run in children} == {"0", "1", "2"}
    for child in children:
        assert steps(client, child, "done") == [(i, (i + 1) / 1000) for i in range(1000)]
    assert said == [f"part {i} FINISHED 1000 points" for i in range(3)]


def test_system_and_own_tags(client: TrackingClient, example: list[str]) -> None:
    """R3, R4, P3."""
    (run,) = runs(client, "tags")
    assert run.info.run_name == run.data.tags["mlflow.runName"] == "second name"
    assert own_tags(run) == {"release": "1.2", "reviewed": "True"}
    assert run.data.tags["mlflow.note.content"].startswith("Markdown for people")
    assert run.data.tags["mlflow.source.name"].endswith("system_and_own_tags.py")
    assert run.data.tags["mlflow.source.type"] == "LOCAL"
    assert run.info.user_id == run.data.tags["mlflow.user"] != ""
    assert example[0] == "name:        second name"


def test_batch_of_2000(client: TrackingClient, example: list[str]) -> None:
    """M7."""
    (run,) = runs(client, "batch of 2000")
    features = {f"feature/{i}": i / 2000 for i in range(2000)}
    assert run.data.metrics == features | {"long": 99_999.0}
    assert run.data.params == {f"param/{i}": str(i) for i in range(200)}
    assert steps(client, run, "long") == [(i, float(i)) for i in range(100_000)]
    assert example == ["2001 metrics and 200 params", "100000 points of one of them"]


def test_every_example_has_a_test_and_says_how_it_is_run() -> None:
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    for path in EXAMPLES.glob("*.py"):
        assert path.stem in tested | {"processes_fork", "processes_spawn"}
        assert f"python examples/tracking/{path.name}\n" in path.read_text()


def test_in_a_callback(example: list[str], client: TrackingClient) -> None:
    (stored,) = runs(client, "callbacks")
    assert stored.data.params == {"epochs": "5"}
    history = client.get_metric_history(stored.info.run_id, "train-error@0.7")
    assert [point.step for point in history] == list(range(5))
    warnings = [line for line in example if line.startswith("warning: ")]
    assert len(warnings) == 3
    assert all(f"run {stored.info.run_id}: not logged: " in line for line in warnings)
    assert example[-1] == "FINISHED {'epochs': '5'} ['train-error@0.7']"
