"""What is damaged on disk is an error that names run and metric (X2, X9 of docs/behaviour.md)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests

from support.api import Api, make_batch
from support.damage import damage_chunk
from support.rest import ERROR_FIELDS, Rest
from support.server_process import ServerProcess

HISTORY = "/api/1.0/runstream/metrics/history/stream"
POINTS = 150_000  # several pages, and parts of a stream


@pytest.fixture
def run_id(server: ServerProcess, connect: Callable[[str], Api]) -> str:
    """A run whose metric `bad` is damaged at its beginning, `late` at its end, `good` nowhere."""
    api = connect(server.address)
    run_id = api.create_run()
    api.log_batches(
        make_batch(run_id, [(key, i, i, i / 7) for i in range(first, first + 50_000)])
        for key in ("bad", "good", "late")
        for first in range(0, POINTS, 50_000)
    )
    damage_chunk(server, "bad")
    damage_chunk(server, "late", 30)
    return run_id


def check_error(error: dict[str, Any], run_id: str, key: str) -> None:
    assert set(error) == ERROR_FIELDS
    assert (error["error_code"], error["reason"]) == ("DATA_LOSS", "CHUNK_DAMAGED")
    assert f"metric '{key}' of run {run_id} are damaged" in error["message"]
    assert "db check" in error["message"]


def test_no_route_returns_damaged_points_and_others_stay_readable(
    rest: Rest, run_id: str
) -> None:  # X2, X9
    for path, run in (
        ("metrics/get-history", {"run_id": run_id}),
        ("metrics/get-history-bulk", {"run_id": run_id}),
        ("metrics/get-history-bulk-interval", {"run_ids": run_id, "max_results": "2000"}),
    ):
        url = f"{rest.uri}/api/2.0/mlflow/{path}"
        answer = rest.session.get(url, params=run | {"metric_key": "bad"})
        assert answer.status_code == 410, path  # no 5xx, which MLflow's clients would repeat
        check_error(answer.json(), run_id, "bad")
        points = rest.get(path, **run, metric_key="good")["metrics"]
        assert [point["step"] for point in points[:3]] == [0, 1, 2] or "interval" in path
    query = {"run_ids": run_id, "metric_keys": "bad"}
    answer = rest.session.get(rest.uri + HISTORY, params=query)
    assert answer.status_code == 410
    check_error(answer.json(), run_id, "bad")
    late = {"key": "bad", "value": 1, "timestamp": 1, "step": 5}
    body = {"run_id": run_id, "metrics": [late], "params": [{"key": "lr", "value": "1"}]}
    status, code, _ = rest.refusal("POST", "runs/log-batch", json=body)
    assert (status, code) == (410, "DATA_LOSS")
    data = rest.get("runs/get", run_id=run_id)["run"]["data"]
    assert {metric["key"]: metric["step"] for metric in data["metrics"]} == dict.fromkeys(
        ("bad", "good", "late"), POINTS - 1
    )
    assert "params" not in data


def test_a_group_is_told_without_what_is_damaged(rest: Rest, run_id: str) -> None:  # X9
    group = {"name": "all", "run_ids": [run_id]}
    body: Any = {"groups": [group], "metric_keys": ["bad", "good"], "max_points": 10}
    url = f"{rest.uri}/api/1.0/runstream/metrics/grouped-history"
    answer = rest.session.post(url, json=body).json()
    bad, good = answer["histories"]
    assert (bad["metric_key"], bad.get("step", [])) == ("bad", [])
    assert (good["metric_key"], good["count"]) == ("good", [1] * 10)
    (damaged,) = answer["damaged"]
    assert (damaged["run_id"], damaged["metric_key"]) == (run_id, "bad")
    assert f"metric 'bad' of run {run_id} are damaged" in damaged["message"]


def test_an_answer_that_meets_damage_later_does_not_end_as_if_it_were_whole(
    rest: Rest, run_id: str
) -> None:  # X9
    query = {"run_ids": run_id, "metric_keys": ["good", "late"]}
    answer = rest.session.get(rest.uri + HISTORY, params=query)
    assert answer.status_code == 200
    *parts, error = map(json.loads, answer.iter_lines())
    check_error(error, run_id, "late")
    steps: dict[str, list[int]] = {"good": [], "late": []}
    for part in parts:
        (key,) = part["metrics"]["keys"]
        steps[key] += part["metrics"]["step"]
    assert steps["good"] == list(range(POINTS))
    assert steps["late"] == list(range(len(steps["late"])))
    assert 0 < len(steps["late"]) < POINTS
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        rest.get("metrics/get-history", run_id=run_id, metric_key="late")
    page = rest.get("metrics/get-history", run_id=run_id, metric_key="late", max_results=100)
    assert [point["step"] for point in page["metrics"]] == list(range(100))
