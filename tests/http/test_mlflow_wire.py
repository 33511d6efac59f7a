"""What MLflow's clients see at the edges: each value is what a server of MLflow 3.17 answers."""

from __future__ import annotations

from secrets import token_hex
from typing import Any

import pytest

from support.rest import Rest

INTERVAL = "metrics/get-history-bulk-interval"
NO_RUN = "f" * 32
INVALID, MISSING = "INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"
DATASET = {"name": "d", "digest": "1", "source_type": "local", "source": "x"}


@pytest.fixture
def rest(fuzzed: Rest) -> Rest:
    return fuzzed


def read(rest: Rest, run_id: str) -> Any:
    return rest.get("runs/get", run_id=run_id)["run"]


def name_of(rest: Rest, run_id: str) -> tuple[str, list[str]]:
    run = read(rest, run_id)
    tags = run["data"]["tags"]
    return run["info"]["run_name"], [t["value"] for t in tags if t["key"] == "mlflow.runName"]


def log_points(rest: Rest, run_id: str, key: str, count: int) -> None:
    points = [{"key": key, "value": i * i, "timestamp": i, "step": i} for i in range(count)]
    rest.post("runs/log-batch", run_id=run_id, metrics=points)


def test_a_search_without_experiments_finds_no_runs(rest: Rest, run_id: str) -> None:
    assert rest.post("runs/search") == {}
    assert rest.post("runs/search", experiment_ids=[]) == {}
    said = {"filter": f"run_id = '{run_id}'"}
    assert rest.post("runs/search", said) == {}
    ours = rest.session.post(f"{rest.uri}/api/1.0/runstream/runs/search", json=said).json()
    assert [run["info"]["run_id"] for run in ours["runs"]] == [run_id]
    assert rest.refusal("POST", "runs/search", json={"filter": "metrics.a <"})[:2] == (400, INVALID)


def test_a_history_comes_whole_to_who_does_not_page(rest: Rest, run_id: str) -> None:  # M6
    log_points(rest, run_id, "m", 60_000)
    answer = rest.get("metrics/get-history", run_id=run_id, metric_key="m")
    assert [point["step"] for point in answer["metrics"]] == list(range(60_000))
    assert answer["metrics"][7] == {"key": "m", "value": 49.0, "timestamp": 7, "step": 7}
    assert "next_page_token" not in answer
    many = rest.get("metrics/get-history", run_id=run_id, metric_key="m", max_results=30_000)
    token = many["next_page_token"]
    rest_of = rest.get("metrics/get-history", run_id=run_id, metric_key="m", page_token=token)
    assert len(many["metrics"]) == 30_000
    assert [point["step"] for point in rest_of["metrics"]] == list(range(30_000, 60_000))


def test_histories_of_an_unknown_run_are_empty(rest: Rest, run_id: str) -> None:
    log_points(rest, run_id, "m", 2)
    assert rest.get("metrics/get-history", run_id=NO_RUN, metric_key="m") == {}
    assert rest.get("metrics/get-history-bulk", run_id=NO_RUN, metric_key="m") == {}
    assert rest.get(INTERVAL, run_ids=NO_RUN, metric_key="m") == {}
    both = rest.get(INTERVAL, run_ids=[NO_RUN, run_id], metric_key="m")["metrics"]
    assert [point["run_id"] for point in both] == [run_id, run_id]


@pytest.mark.parametrize(
    ("most", "steps"),
    [
        (1, [9]),
        (2, [0, 9]),
        (3, [0, 4, 9]),
        (4, [0, 3, 6, 9]),
        (10, list(range(10))),
        (11, list(range(10))),
    ],
)
def test_an_interval_has_no_more_points_than_asked_for(
    rest: Rest, run_id: str, most: int, steps: list[int]
) -> None:
    log_points(rest, run_id, "m", 10)
    found = rest.get(INTERVAL, run_ids=run_id, metric_key="m", max_results=most)["metrics"]
    assert [point["step"] for point in found] == steps


def test_what_was_said_first_of_a_dataset_in_a_run_stands(rest: Rest, run_id: str) -> None:  # P4
    for context in ("training", "eval"):
        tags = [{"key": "mlflow.data.context", "value": context}]
        used = [{"dataset": DATASET, "tags": tags}]
        assert rest.post("runs/log-inputs", run_id=run_id, datasets=used) == {}
    (stored,) = read(rest, run_id)["inputs"]["dataset_inputs"]
    training = [{"key": "mlflow.data.context", "value": "training"}]
    assert stored == {"tags": training, "dataset": DATASET}


def test_what_a_dataset_does_not_have_is_left_out(
    rest: Rest, experiment: str, run_id: str
) -> None:  # W2
    rest.post("runs/log-inputs", run_id=run_id, datasets=[{"dataset": DATASET | {"schema": ""}}])
    assert read(rest, run_id)["inputs"] == {"dataset_inputs": [{"dataset": DATASET}]}
    found = rest.post("experiments/search-datasets", experiment_ids=[experiment])
    summary = {"experiment_id": experiment, "name": "d", "digest": "1"}
    assert found["dataset_summaries"] == [summary]


def test_an_empty_name_leaves_the_name(rest: Rest, run_id: str) -> None:  # R3
    for path, said in (
        ("runs/update", {"run_name": ""}),
        ("runs/update", {}),
        ("runs/set-tag", {"key": "mlflow.runName", "value": ""}),
        ("runs/log-batch", {"tags": [{"key": "mlflow.runName", "value": ""}]}),
        ("runs/delete-tag", {"key": "mlflow.runName"}),
    ):
        rest.post(path, run_id=run_id, **said)
        assert name_of(rest, run_id) == ("first", ["first"]), path


def test_children_are_counted_only_for_who_asks(rest: Rest, experiment: str, run_id: str) -> None:
    rest.create_run(experiment, tags=[{"key": "mlflow.parentRunId", "value": run_id}])
    assert "child_count" not in read(rest, run_id)
    found = rest.post(
        "runs/search",
        experiment_ids=[experiment],
        filter="run_name = 'first'",
        with_child_counts=True,
    )
    assert found["runs"][0]["child_count"] == 1


def test_experiments_are_searched_by_get_too(rest: Rest) -> None:
    name = token_hex(8)
    rest.post("experiments/create", name=name)
    found = rest.get("experiments/search", max_results=5, filter=f"name = '{name}'")["experiments"]
    assert [one["name"] for one in found] == [name]


@pytest.mark.parametrize(
    ("method", "path", "said"),
    [
        ("GET", "experiments/get", {"experiment_id": "abc"}),
        ("POST", "experiments/delete", {"experiment_id": "abc"}),
        ("POST", "runs/create", {"experiment_id": "abc"}),
        ("POST", "runs/search", {"experiment_ids": ["0", "abc"]}),
        ("POST", "experiments/search-datasets", {"experiment_ids": ["abc"]}),
        ("POST", "logged-models", {"experiment_id": "abc"}),
    ],
)
def test_an_experiment_id_is_an_integer(rest: Rest, method: str, path: str, said: Any) -> None:
    arguments = {"params": said} if method == "GET" else {"json": said}
    answer = rest.refusal(method, path, **arguments)
    text = "Invalid experiment ID 'abc'. Experiment ID must be a valid integer."
    assert answer == (400, INVALID, text)


def test_times_are_kept_as_they_are_said(rest: Rest) -> None:
    made = rest.post("runs/create", experiment_id="0", start_time=0)["run"]["info"]
    assert made["start_time"] == 0
    early = rest.post("runs/create", experiment_id="0", start_time=-5)["run"]["info"]
    ended = rest.post("runs/update", run_id=early["run_id"], end_time=-3)["run_info"]
    assert (ended["start_time"], ended["end_time"]) == (-5, -3)


def test_a_model_may_name_any_run(rest: Rest) -> None:
    model = rest.post("logged-models", experiment_id="0", name="x", source_run_id="123")["model"]
    assert model["info"]["source_run_id"] == "123"


@pytest.mark.parametrize("path", ["runs/log-batch", "runs/log-inputs"])
def test_a_run_id_of_another_form_is_malformed(rest: Rest, path: str) -> None:
    answer = rest.refusal("POST", path, json={"run_id": "../x"})
    assert answer == (400, INVALID, """Invalid value "../x" for parameter 'run_id' supplied.""")
    assert rest.refusal("POST", path, json={"run_id": "abc"})[:2] == (404, MISSING)
