"""The REST API answers plain requests as its contract says: routes and wire."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
import requests

from runstream import TrackingClient
from runstream_service.http.contract import Contract
from support import vectors
from support.rest import Rest
from support.server_process import ServerProcess

LARGEST = sys.float_info.max


def test_every_route_of_the_contract_answers_and_so_does_its_twin(rest: Rest) -> None:  # W4
    rpcs = Contract().rpcs
    assert len(rpcs) >= 30
    for rpc in rpcs:
        paths = [rpc.path]
        if rpc.path.startswith("/api/2.0/mlflow/"):
            paths.append("/ajax-api" + rpc.path.removeprefix("/api"))
        for path in paths:
            answer = rest.session.request(rpc.verb, rest.uri + path)
            assert answer.status_code in {200, 400, 404}, path
            assert answer.json().get("error_code") != "ENDPOINT_NOT_FOUND", path


def test_an_experiment_from_its_creation_to_its_deletion(rest: Rest) -> None:  # E1 to E4
    made = rest.post("experiments/create", name="fraud", tags=[{"key": "team", "value": "risk"}])
    assert made == {"experiment_id": "1"}
    experiment = rest.get("experiments/get", experiment_id="1")["experiment"]
    assert experiment["tags"] == [{"key": "team", "value": "risk"}]
    assert isinstance(experiment["creation_time"], int)
    assert rest.post("experiments/update", experiment_id="1", new_name="fraud 2") == {}
    assert rest.post("experiments/set-experiment-tag", experiment_id="1", key="a", value="b") == {}
    assert rest.post("experiments/delete-experiment-tag", experiment_id="1", key="a") == {}
    by_name = rest.get("experiments/get-by-name", experiment_name="fraud 2")["experiment"]
    assert by_name["experiment_id"] == "1"
    assert rest.post("experiments/delete", experiment_id="1") == {}
    found = rest.post("experiments/search", max_results=10)["experiments"]
    assert [one["name"] for one in found] == ["Default"]
    assert rest.post("experiments/restore", experiment_id="1") == {}


def test_keys_have_every_character_but_control_characters(rest: Rest) -> None:  # M1
    run_id = rest.create_run()
    keys = vectors.KEYS["allowed"]
    pairs = [{"key": key, "value": key} for key in keys]
    metrics = [{"key": key, "value": 0.5, "timestamp": 1} for key in keys]
    rest.post("runs/log-batch", run_id=run_id, metrics=metrics, params=pairs, tags=pairs)
    data = rest.get("runs/get", run_id=run_id)["run"]["data"]
    assert sorted(metric["key"] for metric in data["metrics"]) == sorted(keys)
    assert sorted(param["key"] for param in data["params"]) == sorted(keys)
    for key in keys:
        history = rest.get("metrics/get-history", run_id=run_id, metric_key=key)
        assert [(point["key"], point["value"]) for point in history["metrics"]] == [(key, 0.5)]
        name = key.replace("`", "``")
        found = rest.post("runs/search", experiment_ids=["0"], filter=f"metrics.`{name}` = 0.5")
        assert [run["info"]["run_id"] for run in found["runs"]] == [run_id]
    for key in vectors.KEYS["refused"]:
        fields = {"run_id": run_id, "key": key, "value": 0.5, "timestamp": 1}
        status, code, _ = rest.refusal("POST", "runs/log-metric", json=fields)
        assert (status, code) == (400, "INVALID_PARAMETER_VALUE")


def test_params_that_are_numbers_are_found_and_ordered_as_numbers(rest: Rest) -> None:  # S2, S5
    for value in ("9", "10", "1e-3", "auto"):
        rest.post("runs/log-parameter", run_id=rest.create_run(), key="n", value=value)

    def found(text: str, *order: str) -> list[str]:
        body = {"experiment_ids": ["0"], "filter": text, "order_by": order}
        runs = rest.post("runs/search", body).get("runs", [])
        return [run["data"]["params"][0]["value"] for run in runs]

    assert found("params.n > 0.5", "params.n") == ["9", "10"]
    assert found("params.n != 9", "params.n DESC") == ["10", "1e-3", "auto"]
    assert found("attributes.start_time > '2020-01-01'", "params.`n`") == [
        "1e-3",
        "9",
        "10",
        "auto",
    ]
    body = {"experiment_ids": ["0"], "filter": "params.n > '0.5'"}
    status, code, message = rest.refusal("POST", "runs/search", json=body)
    assert (status, code) == (400, "INVALID_PARAMETER_VALUE")
    assert "a number without quotes" in message


def test_logged_models_are_found_by_params_that_are_numbers(rest: Rest) -> None:  # S2, S5
    for layers in ("9", "10", "many"):
        params = [{"key": "layers", "value": layers}]
        rest.post("logged-models", experiment_id="0", name=layers, params=params)

    def found(text: str, *order: str) -> list[str]:
        order_by = [{"field_name": field} for field in order]
        body = {"experiment_ids": ["0"], "filter": text, "order_by": order_by}
        return [one["info"]["name"] for one in rest.post("logged-models/search", body)["models"]]

    assert found("params.layers >= 9", "params.layers") == ["9", "10"]
    assert found("creation_timestamp > '2020-01-01'", "params.layers") == ["9", "10", "many"]


def test_a_run_from_its_creation_to_its_end(rest: Rest) -> None:  # R2, W2, W3
    run_id = rest.create_run(run_name="first", start_time=1, tags=[{"key": "k", "value": "v"}])
    assert rest.post("runs/log-metric", run_id=run_id, key="m", value=0.5, timestamp=7) == {}
    assert rest.post("runs/log-parameter", run_uuid=run_id, key="lr", value="0.1") == {}
    assert rest.post("runs/set-tag", run_id=run_id, key="stage", value="trial") == {}
    assert rest.post("runs/delete-tag", run_id=run_id, key="k") == {}
    dataset = {"name": "wine", "digest": "1", "source_type": "local", "source": "wine.csv"}
    context = {"key": "mlflow.data.context", "value": "training"}
    read = {"dataset": dataset, "tags": [context]}
    assert rest.post("runs/log-inputs", run_id=run_id, datasets=[read]) == {}
    model = {"model_id": "m-1", "step": 3}
    assert rest.post("runs/outputs", run_id=run_id, models=[model]) == {}
    ended = rest.post("runs/update", run_id=run_id, status="FINISHED", end_time=9)["run_info"]
    assert (ended["status"], ended["end_time"], ended["run_uuid"]) == ("FINISHED", 9, run_id)
    run = rest.get("runs/get", run_uuid=run_id)["run"]
    assert run["info"] == ended
    assert run["data"]["metrics"] == [{"key": "m", "value": 0.5, "timestamp": 7, "step": 0}]
    assert run["data"]["params"] == [{"key": "lr", "value": "0.1"}]
    assert run["outputs"] == {"model_outputs": [model]}
    used = run["inputs"]["dataset_inputs"][0]
    assert (used["tags"], used["dataset"]["name"]) == ([context], "wine")
    assert rest.post("runs/delete", run_id=run_id) == {}
    assert rest.post("runs/restore", run_id=run_id) == {}


def test_a_new_run_has_its_inputs_and_outputs_and_no_empty_lists(rest: Rest) -> None:  # W2
    run = rest.post("runs/create", experiment_id="0", run_name="empty")["run"]
    assert run["inputs"] == run["outputs"] == {}
    assert run["data"] == {"tags": [{"key": "mlflow.runName", "value": "empty"}]}
    assert "end_time" not in run["info"]


def test_scalars_may_be_texts_names_camel_case_and_null_is_absent(rest: Rest) -> None:  # W1
    run_id = rest.create_run(start_time="1.7e+12", tags=None, unknown={"a": 1})
    assert rest.get("runs/get", runId=run_id)["run"]["info"]["start_time"] == 1_700_000_000_000
    for step, value in enumerate(["NaN", "Infinity", "-Infinity", "0.25", 3]):
        body = {"runId": run_id, "key": "m", "value": value, "timestamp": "5", "step": str(step)}
        rest.post("runs/log-metric", body)
    points = rest.get("metrics/get-history", run_id=run_id, metric_key="m")["metrics"]
    assert [point["value"] for point in points] == ["NaN", LARGEST, -LARGEST, 0.25, 3.0]  # M3


def test_pythons_nan_is_understood(rest: Rest) -> None:  # W1
    run_id = rest.create_run()
    body = json.dumps({"run_id": run_id, "key": "m", "value": float("nan"), "timestamp": 1})
    answer = rest.session.post(f"{rest.uri}/api/2.0/mlflow/runs/log-metric", data=body)
    assert (answer.status_code, answer.json()) == (200, {})


def test_our_own_routes_know_infinity(server: ServerProcess, rest: Rest) -> None:  # M3
    run_id = rest.create_run()
    rest.post("runs/log-metric", run_id=run_id, key="m", value="Infinity", timestamp=1)
    with TrackingClient(server.uri) as client:
        assert client.get_metric_history(run_id, "m")[0].value == float("inf")


def test_a_batch_starts_a_run_and_ends_it_and_answers_what_it_is(rest: Rest) -> None:
    run_id = "0123456789abcdef" * 2
    dataset = {"name": "d", "digest": "1", "source_type": "local", "source": "x"}
    answer = rest.post(
        "runs/log-batch",
        run_id=run_id,
        start={"experiment_name": "by rest", "start_time": 5, "user_id": "ada"},
        tags=[{"key": "a", "value": "1"}, {"key": "b", "value": "1"}],
    )
    stored = rest.get("runs/get", run_id=run_id)["run"]
    assert answer == {"run_info": stored["info"]}
    assert (stored["info"]["status"], stored["info"]["start_time"]) == ("RUNNING", 5)
    answer = rest.post(
        "runs/log-batch",
        run_id=run_id,
        deleted_tags=["a"],
        datasets=[{"dataset": dataset, "tags": [{"key": "k", "value": "v"}]}],
        model_inputs=[{"model_id": "m-read"}],
        model_outputs=[{"model_id": "m-made", "step": 3}],
        update={"status": "KILLED", "end_time": 9},
    )
    stored = rest.get("runs/get", run_id=run_id)["run"]
    assert answer == {"run_info": stored["info"]}
    assert (stored["info"]["status"], stored["info"]["end_time"]) == ("KILLED", 9)
    assert "a" not in [tag["key"] for tag in stored["data"]["tags"]]
    assert stored["inputs"]["dataset_inputs"][0]["dataset"]["name"] == "d"
    assert stored["inputs"]["model_inputs"] == [{"model_id": "m-read"}]
    assert stored["outputs"]["model_outputs"] == [{"model_id": "m-made", "step": 3}]
    refused = {"run_id": "f" * 32, "start": {"experiment_id": "0"}}
    status, code, message = rest.refusal("POST", "runs/log-batch", json=refused)
    assert (status, code) == (400, "INVALID_PARAMETER_VALUE")
    assert "start.start_time" in message


def test_a_batch_has_no_limit_on_counts_and_is_all_or_nothing(rest: Rest) -> None:  # M7, P5
    run_id = rest.create_run()
    metrics = [{"key": f"m{i % 50}", "value": i, "timestamp": i, "step": i} for i in range(5_000)]
    params = [{"key": f"p{i}", "value": str(i)} for i in range(500)]
    tags = [{"key": f"t{i}", "value": str(i)} for i in range(500)]
    batch = {"run_id": run_id, "metrics": metrics, "params": params, "tags": tags}
    assert rest.post("runs/log-batch", batch) == {}
    assert rest.post("runs/log-batch", batch) == {}  # M4
    data = rest.get("runs/get", run_id=run_id)["run"]["data"]
    assert (len(data["metrics"]), len(data["params"]), len(data["tags"])) == (50, 500, 501)
    wrong = batch | {"params": [{"key": "p1", "value": "other"}], "metrics": metrics[:1]}
    status, code, message = rest.refusal("POST", "runs/log-batch", json=wrong)
    assert (status, code) == (400, "INVALID_PARAMETER_VALUE")
    assert "{'key': 'p1', 'old_value': '1', 'new_value': 'other'}" in message


def test_history_comes_in_pages_by_timestamp(rest: Rest) -> None:  # M6
    run_id = rest.create_run()
    metrics = [{"key": "m", "value": i, "timestamp": 100 - i, "step": i} for i in range(10)]
    rest.post("runs/log-batch", run_id=run_id, metrics=metrics)
    values: list[float] = []
    query: dict[str, Any] = {"run_id": run_id, "metric_key": "m", "max_results": 4}
    while True:
        page = rest.get("metrics/get-history", **query)
        values += [point["value"] for point in page["metrics"]]
        if "next_page_token" not in page:
            break
        query["page_token"] = page["next_page_token"]
    assert values == list(range(9, -1, -1))


def test_histories_of_several_runs_come_at_once(rest: Rest) -> None:
    run_ids = sorted(rest.create_run() for _ in range(2))
    for run_id in run_ids:
        metrics = [{"key": "m", "value": i, "timestamp": i, "step": i} for i in range(1_000)]
        rest.post("runs/log-batch", run_id=run_id, metrics=metrics)
    bulk = rest.get("metrics/get-history-bulk", run_id=run_ids, metric_key="m", max_results=3)
    found = [(point["run_id"], point["value"]) for point in bulk["metrics"]]
    assert found == [(run_ids[0], value) for value in (0, 1, 2)]  # of all runs together
    thinned = rest.get(
        "metrics/get-history-bulk-interval",
        run_ids=run_ids,
        metric_key="m",
        start_step=100,
        end_step=899,
        max_results=50,
    )["metrics"]
    for run_id in run_ids:
        steps = [point["step"] for point in thinned if point["run_id"] == run_id]
        assert len(steps) <= 50
        assert (steps[0], steps[-1]) == (100, 899)
    refused = rest.refusal("GET", "metrics/get-history-bulk", params={"metric_key": "m"})
    assert refused[2].startswith("Missing value for required parameter 'run_id'. See the API docs")


def test_datasets_of_experiments_are_summed_up(rest: Rest) -> None:  # P4
    dataset = {"name": "wine", "digest": "1", "source_type": "local", "source": "wine.csv"}
    for context in ("training", "eval", "training"):
        tags = [{"key": "mlflow.data.context", "value": context}]
        inputs = [{"dataset": dataset, "tags": tags}]
        rest.post("runs/log-inputs", run_id=rest.create_run(), datasets=inputs)
    found = rest.post("experiments/search-datasets", experiment_ids=["0", "7"])
    wine = {"experiment_id": "0", "name": "wine", "digest": "1"}
    assert found["dataset_summaries"] == [
        wine | {"context": "eval"},
        wine | {"context": "training"},
    ]


def test_runs_are_searched_in_pages(rest: Rest) -> None:  # S1, S3, S6
    for i in range(5):
        run_id = rest.create_run(run_name=f"run {i}")
        rest.post("runs/log-metric", run_id=run_id, key="loss", value=i, timestamp=1)
    names: list[str] = []
    body: dict[str, Any] = {
        "experiment_ids": ["0"],
        "filter": "metrics.loss > 3 OR metrics.loss < 2",
        "order_by": ["metrics.loss DESC"],
        "max_results": 2,
        "run_view_type": "ACTIVE_ONLY",
    }
    while True:
        page = rest.post("runs/search", body)
        names += [run["info"]["run_name"] for run in page["runs"]]
        if "next_page_token" not in page:
            break
        body["page_token"] = page["next_page_token"]
    assert names == ["run 4", "run 1", "run 0"]
    assert rest.post("runs/search", body | {"filter": "metrics.x = 1", "page_token": ""}) == {}


def test_descriptions_of_models_are_listed_in_a_tag(rest: Rest) -> None:  # R4
    run_id = rest.create_run()
    for path in ("model", "other"):
        description = json.dumps({"artifact_path": path, "run_id": run_id})
        assert rest.post("runs/log-model", run_id=run_id, model_json=description) == {}
    tags = rest.get("runs/get", run_id=run_id)["run"]["data"]["tags"]
    history = next(tag["value"] for tag in tags if tag["key"] == "mlflow.log-model.history")
    assert [model["artifact_path"] for model in json.loads(history)] == ["model", "other"]
    refused = rest.refusal("POST", "runs/log-model", json={"run_id": run_id, "model_json": "[]"})
    assert refused[:2] == (400, "INVALID_PARAMETER_VALUE")


def test_what_clients_ask_first(rest: Rest) -> None:  # W6
    assert rest.session.get(f"{rest.uri}/health").text == "OK"
    assert rest.session.get(f"{rest.uri}/version").text == "0.1.0"
    info = rest.session.get(f"{rest.uri}/api/3.0/mlflow/server-info")
    assert info.json()["store_type"] == "SqlStore"


def test_the_port_can_be_switched_off_and_is_free_after_the_end(server: ServerProcess) -> None:
    uri = server.http
    assert requests.get(f"{uri}/health").status_code == 200
    assert server.stop() == ""
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{uri}/health")
