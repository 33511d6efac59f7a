"""What MLflow's clients see at the edges: each value is what a server of MLflow 3.17 answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from secrets import token_hex
from typing import Any

import pytest

from support.rest import Rest

PROXY = "/api/2.0/mlflow-artifacts/artifacts"
INTERVAL = "metrics/get-history-bulk-interval"
NO_RUN = "f" * 32
INVALID, MISSING = "INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"
DOCS = "See the API docs for more information about request parameters."
DATASET = {"name": "d", "digest": "1", "source_type": "local", "source": "x"}


@pytest.fixture
def rest(fuzzed: Rest) -> Rest:
    return fuzzed


@pytest.fixture
def experiment(rest: Rest) -> str:
    return str(rest.post("experiments/create", name=token_hex(8))["experiment_id"])


@pytest.fixture
def run_id(rest: Rest, experiment: str) -> str:
    return create_run(rest, experiment, run_name="first")


def create_run(rest: Rest, experiment: str, **said: Any) -> str:
    run = rest.post("runs/create", experiment_id=experiment, **said)["run"]
    return str(run["info"]["run_id"])


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
    assert rest.refused("POST", "runs/search", json={"filter": "metrics.a <"})[:2] == (400, INVALID)


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
    create_run(rest, experiment, tags=[{"key": "mlflow.parentRunId", "value": run_id}])
    assert "child_count" not in read(rest, run_id)
    found = rest.post(
        "runs/search",
        experiment_ids=[experiment],
        filter="run_name = 'first'",
        with_child_counts=True,
    )
    assert found["runs"][0]["child_count"] == 1


@pytest.mark.parametrize(
    ("location", "run"),
    [
        ("s3://bucket/path/", "s3://bucket/path/{}/artifacts"),
        ("scheme://host/d?x=y", "scheme://host/d/{}/artifacts?x=y"),
        ("/absolute", "/absolute/{}/artifacts"),
        ("my_folder", "/.+/my_folder/{}/artifacts"),
        ("mlflow-artifacts:/mine", "mlflow-artifacts:/mine/{}/artifacts"),
    ],
)
def test_artifacts_are_below_the_location_of_the_experiment(
    rest: Rest, location: str, run: str
) -> None:  # R6
    made = rest.post("experiments/create", name=token_hex(8), artifact_location=location)
    info = rest.post("runs/create", experiment_id=made["experiment_id"])["run"]["info"]
    assert re.fullmatch(run.format(info["run_id"]).replace("?", "[?]"), info["artifact_uri"])


@pytest.mark.parametrize(
    ("location", "text"),
    [
        ("s3://bucket/p#frag", "'artifact_location' URL can't include fragments or params."),
        ("s3://" + "x" * 2044, "The length of the artifact path cannot be greater than 2048"),
        ("runs:/abc/x", "Artifact location cannot be a runs:/ URI. Given: 'runs:/abc/x'"),
        ("mlflow-artifacts://other:1/x", "'artifact_location' cannot use the 'mlflow-artifacts'"),
        ("https://other/x", "'artifact_location' cannot use the 'https' scheme"),
    ],
)
def test_a_location_where_nothing_should_be_written_is_refused(
    rest: Rest, location: str, text: str
) -> None:  # R6
    said = {"name": token_hex(8), "artifact_location": location}
    status, code, message = rest.refused("POST", "experiments/create", json=said)
    assert (status, code) == (400, INVALID)
    assert text in message


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
    answer = rest.refused(method, path, **arguments)
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


@pytest.mark.parametrize("character", "/:.%\"'")
def test_the_name_of_a_model_is_no_path(rest: Rest, character: str) -> None:
    said = {"experiment_id": "0", "name": f"a{character}b"}
    status, code, message = rest.refused("POST", "logged-models", json=said)
    assert (status, code) == (400, INVALID)
    assert message.startswith(f"Invalid model name ({said['name']!r}) provided. Model name must be")


@pytest.mark.parametrize("path", ["runs/log-batch", "runs/log-inputs"])
def test_a_run_id_of_another_form_is_malformed(rest: Rest, path: str) -> None:
    answer = rest.refused("POST", path, json={"run_id": "../x"})
    assert answer == (400, INVALID, """Invalid value "../x" for parameter 'run_id' supplied.""")
    assert rest.refused("POST", path, json={"run_id": "abc"})[:2] == (404, MISSING)


@pytest.mark.parametrize("path", ["../x", "%2e%2e/x", "%252e%252e/x", "a/%2e%2e/%2e%2e/x", "/x"])
def test_a_path_that_leaves_its_folder_is_invalid(rest: Rest, run_id: str, path: str) -> None:  # W5
    query = {"run_id": run_id, "path": path}
    assert rest.refused("GET", "artifacts/list", params=query) == (400, INVALID, "Invalid path")
    file = rest.session.get(f"{rest.uri}/get-artifact", params=query)
    assert (file.status_code, file.json()["message"]) == (400, "Invalid path")


def test_a_folder_is_no_file_of_the_proxy(rest: Rest, experiment: str, run_id: str) -> None:  # W5
    root = f"{rest.uri}{PROXY}/{experiment}/{run_id}/artifacts"
    rest.session.put(f"{root}/d/x.txt", data=b"x")
    answer = rest.session.get(f"{root}/d")
    text = f"Artifact path refers to a directory, not a file: '{experiment}/{run_id}/artifacts/d'"
    assert (answer.status_code, answer.json()["message"]) == (400, text)
    assert rest.session.get(f"{root}/no").status_code == 404


def test_what_is_of_no_run_is_kept_as_well(rest: Rest) -> None:  # W5
    file = f"{rest.uri}{PROXY}/some/where/f.txt"
    assert rest.session.put(file, data=b"content").status_code == 200
    assert rest.session.get(file).content == b"content"
    listed = rest.session.get(rest.uri + PROXY, params={"path": "some/where"}).json()
    assert listed["files"] == [{"path": "f.txt", "is_dir": False, "file_size": 7}]
    assert rest.session.get(f"{rest.uri}{PROXY}/some").status_code == 400
    assert rest.session.delete(file).status_code == 200
    assert rest.session.get(file).status_code == 404


NAMES = {
    "MLmodel": ("text/plain", "filename=MLmodel"),
    "MLproject": ("text/plain", "filename=MLproject"),
    "a.txt": ("text/plain", "filename=a.txt"),
    "b.json": ("text/plain", "filename=b.json"),
    "c.png": ("image/png", "filename=c.png"),
    "noext": ("application/octet-stream", "filename=noext"),
    'q"q.yaml': ("text/plain", 'filename="q\\"q.yaml"'),
    "ü.md": ("text/plain", "filename=u.md; filename*=UTF-8''%C3%BC.md"),
    "data:a.txt": ("text/plain", 'filename="data:a.txt"'),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_sent_to_be_kept_under_its_name(
    rest: Rest, experiment: str, run_id: str, name: str
) -> None:  # W5
    file = f"{rest.uri}{PROXY}/{experiment}/{run_id}/artifacts/d/{name}"
    rest.session.put(file, data=b"x")
    query = {"run_id": run_id, "path": f"d/{name}"}
    for answer in (
        rest.session.get(file),
        rest.session.get(f"{rest.uri}/get-artifact", params=query),
    ):
        assert answer.status_code == 200
        kind, disposition = NAMES[name]
        assert answer.headers["content-type"] == kind
        assert answer.headers["content-disposition"] == f"attachment; {disposition}"


def change(kind: str) -> Callable[[Rest, str], tuple[str, Any]]:
    def said(rest: Rest, run_id: str) -> tuple[str, Any]:
        rest.post("runs/log-parameter", run_id=run_id, key="p", value="1")
        if kind == "one":
            return "runs/log-parameter", {"run_id": run_id, "key": "p", "value": "2"}
        return "runs/log-batch", {"run_id": run_id, "params": [{"key": "p", "value": "2"}]}

    return said


SENTENCES: dict[str, tuple[str | Callable[[Rest, str], tuple[str, Any]], Any, str]] = {
    "changed param": (
        change("one"),
        None,
        "Changing param values is not allowed. Param with key='p' was already logged with "
        "value='1' for run ID='{run}'. Attempted logging new value '2'.",
    ),
    "changed param in a batch": (
        change("batch"),
        None,
        "Changing param values is not allowed. Params were already logged='[{{'key': 'p', "
        "'old_value': '1', 'new_value': '2'}}]' for run ID='{run}'.",
    ),
    "doubled param": (
        "runs/log-batch",
        {"run_id": "{run}", "params": [{"key": "z", "value": "1"}, {"key": "z", "value": "1"}]},
        "Duplicate parameter keys have been submitted: ['z']. Please ensure the request contains "
        "only one param value per param key.",
    ),
    "no page token": (
        "runs/search",
        {"experiment_ids": ["0"], "page_token": "abc"},
        "Invalid page token, could not base64-decode",
    ),
    "page token of somebody else": (
        "runs/search",
        {"experiment_ids": ["0"], "page_token": "YWJj"},
        "Invalid page token, decoded value=b'abc'",
    ),
    "too long param key": (
        "runs/log-parameter",
        {"run_id": "{run}", "key": "a" * 251, "value": "1"},
        "'Param key' exceeds the maximum length of 250 characters",
    ),
    "too long metric key": (
        "runs/log-metric",
        {"run_id": "{run}", "key": "a" * 251, "value": 1, "timestamp": 1},
        "'Metric name' exceeds the maximum length of 250 characters",
    ),
    "too long tag key": (
        "runs/set-tag",
        {"run_id": "{run}", "key": "a" * 251, "value": "1"},
        "'key' exceeds the maximum length of 250 characters",
    ),
    "too long name": (
        "experiments/create",
        {"name": "a" * 501},
        "'name' exceeds the maximum length of 500 characters",
    ),
    "both names": (
        "runs/create",
        {
            "experiment_id": "0",
            "run_name": "a",
            "tags": [{"key": "mlflow.runName", "value": "b"}],
        },
        "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different "
        "values (run_name='a', mlflow.runName='b').",
    ),
    "attribute of a filter": (
        "experiments/search",
        {"filter": "foo = 'x'", "max_results": 5},
        "Invalid attribute key 'foo' specified. Valid keys are '{{'name', 'experiment_id', "
        "'creation_time', 'last_update_time'}}'",
    ),
    "attribute of an order": (
        "experiments/search",
        {"order_by": ["foo"], "max_results": 5},
        "Invalid attribute key 'foo' specified. Valid keys are '{{'name', 'experiment_id', "
        "'creation_time', 'last_update_time'}}'",
    ),
    "key that is a path": (
        "runs/set-tag",
        {"run_id": "{run}", "key": "a//b", "value": "x"},
        """Invalid value "a//b" for parameter 'key' supplied: Names may be treated as files in """
        "certain cases, and must not resolve to other names when treated as such. This name would "
        "resolve to 'a/b'",
    ),
    "missing value": (
        "runs/log-batch",
        {"run_id": "{run}", "metrics": [{"key": "a", "value": 1}]},
        f"Missing value for required parameter 'metrics[0].timestamp'. {DOCS}",
    ),
    "value of another type": (
        "runs/set-tag",
        {"run_id": "{run}", "key": "a", "value": 5},
        f"Invalid value 5 for parameter 'value' supplied:  Hint: Value was of type 'int'. {DOCS}",
    ),
    "page that is too long": (
        "experiments/search",
        {"max_results": 50_001},
        "Invalid value 50001 for parameter 'max_results' supplied. It must be at most 50000",
    ),
}


@pytest.mark.parametrize("case", SENTENCES)
def test_the_words_are_mlflows_where_the_rule_is(rest: Rest, run_id: str, case: str) -> None:  # X6
    said, body, text = SENTENCES[case]
    if not isinstance(said, str):
        said, body = said(rest, run_id)
    if "run_id" in body:
        body = body | {"run_id": run_id}
    answer = rest.refused("POST", said, json=body)
    assert answer == (400, INVALID, text.format(run=run_id))


def test_the_words_for_models_and_what_is_deleted_are_mlflows(rest: Rest, run_id: str) -> None:
    model = rest.post("logged-models", experiment_id="0")["model"]["info"]["model_id"]
    text = f"No tag with key 'zz' found for model with ID '{model}'."
    assert rest.refused("DELETE", f"logged-models/{model}/tags/zz") == (404, MISSING, text)
    rest.post("runs/delete", run_id=run_id)
    said = {"run_id": run_id, "key": "a", "value": "b"}
    text = f"The run {run_id} must be in the 'active' state. Current state is deleted."
    assert rest.refused("POST", "runs/set-tag", json=said) == (400, INVALID, text)
