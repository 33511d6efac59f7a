"""Streaming without gRPC: lines of JSON in, server-sent events out."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import requests

from runstream import TrackingClient
from support.rest import ERROR_FIELDS, Rest
from support.server_process import ServerProcess

UPLOAD = "/api/1.0/runstream/logs/stream"
WATCH = "/api/1.0/runstream/watch/stream"


def events(answer: requests.Response) -> Iterator[dict[str, Any]]:
    """Yield the events of a stream as their fields."""
    event: dict[str, Any] = {}
    for line in answer.iter_lines(chunk_size=1):
        if line:
            name, _, value = line.decode().partition(": ")
            event[name] = value
        elif event:
            yield event
            event = {}


def test_lines_are_stored_and_a_refused_one_does_not_stop_the_rest(
    server: ServerProcess, rest: Rest
) -> None:  # X4
    run_id = rest.create_run()

    def lines() -> Iterator[bytes]:
        for i in range(1_000):
            metrics = [{"key": f"m{k}", "value": i, "timestamp": i, "step": i} for k in range(10)]
            yield json.dumps({"run_id": run_id, "metrics": metrics}).encode() + b"\n"
        yield b"\n{not json\n"
        yield json.dumps({"run_id": "f" * 32, "tags": [{"key": "a", "value": "b"}]}).encode()
        yield b"\n" + json.dumps({"run_id": run_id, "metrics": [{"key": "x"}]}).encode() + b"\n"
        table = {"keys": ["t"], "counts": [1], "step": [7], "timestamp": [1], "value": ["NaN"]}
        yield json.dumps({"run_id": run_id, "table": table}).encode()

    told = rest.session.post(rest.uri + UPLOAD, data=lines()).json()
    assert (told["lines"], told["refused"]) == (1005, 3)
    assert [(one["line"], one["error_code"]) for one in told["refusals"]] == [
        (1002, "BAD_REQUEST"),
        (1004, "INVALID_PARAMETER_VALUE"),
        (1003, "RESOURCE_DOES_NOT_EXIST"),
    ]
    with TrackingClient(server.uri) as client:
        assert [point.step for point in client.get_metric_history(run_id, "m9")] == [*range(1_000)]
        assert len(client.get_metric_history(run_id, "t")) == 1


def test_lines_start_runs_and_end_them(rest: Rest) -> None:
    run_ids = [f"{number:032x}" for number in range(1, 4)]
    start = {"experiment_name": "by lines", "start_time": 5, "run_name": "n"}
    tags = [{"key": "a", "value": "1"}]
    end = {"status": "FINISHED", "end_time": "9"}
    lines = [{"run_id": run_id, "start": start, "tags": tags} for run_id in run_ids]
    lines += [{"run_id": run_ids[0], "metrics": [{"key": "m", "value": 1, "timestamp": 1}]}]
    lines += [{"run_id": "f" * 32, "update": end}, {"run_id": run_ids[0], "update": end}]
    body = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    told = rest.session.post(rest.uri + UPLOAD, data=body).json()
    assert (told["lines"], told["refused"]) == (6, 1)
    assert told["refusals"][0]["line"] == 5
    infos = told["run_infos"]
    assert [info["run_id"] for info in infos] == [*run_ids, run_ids[0]]
    assert [info["status"] for info in infos] == ["RUNNING"] * 3 + ["FINISHED"]
    assert infos[-1] == rest.get("runs/get", run_id=run_ids[0])["run"]["info"]


def test_a_point_of_a_line_can_say_something_of_a_logged_model(rest: Rest) -> None:
    run_id = rest.create_run()
    created = rest.post("logged-models", experiment_id="0", name="regression")
    model_id = created["model"]["info"]["model_id"]
    point = {"key": "r2", "value": 0.9, "timestamp": 1, "step": 3, "model_id": model_id}
    table = {"keys": ["loss"], "counts": [1], "step": [1], "timestamp": [1], "value": [0.5]}
    line = json.dumps({"run_id": run_id, "metrics": [point], "table": table})
    assert rest.session.post(rest.uri + UPLOAD, data=line).json()["refused"] == 0
    model = rest.session.get(f"{rest.uri}/api/2.0/mlflow/logged-models/{model_id}").json()["model"]
    assert [(metric["key"], metric["value"]) for metric in model["data"]["metrics"]] == [
        ("r2", 0.9)
    ]


def test_a_line_without_an_end_is_a_bad_request(rest: Rest) -> None:
    answer = rest.session.post(rest.uri + UPLOAD, data=b"x" * (5 * 1024 * 1024))
    assert (answer.status_code, answer.json()["error_code"]) == (400, "BAD_REQUEST")


def test_changes_come_as_events_and_go_on_after_a_break(rest: Rest) -> None:
    run_id = rest.create_run()
    with rest.session.get(rest.uri + WATCH, params={"run_ids": run_id}, stream=True) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        read = events(answer)
        first = next(read)
        requests.post(
            f"{rest.uri}/api/2.0/mlflow/runs/log-metric",
            json={"run_id": run_id, "key": "m", "value": "Infinity", "timestamp": 1},
        )
        change = json.loads(next(read)["data"])["changes"][0]
        assert change["run_id"] == run_id
        assert change["metrics"]["value"] == ["Infinity"]
    headers = {"Last-Event-ID": first["id"]}
    again = rest.session.get(
        rest.uri + WATCH, params={"run_ids": run_id}, headers=headers, stream=True
    )
    with again:
        read = events(again)
        next(read)
        assert json.loads(next(read)["data"])["changes"][0] == change


def test_a_watcher_who_hangs_up_is_no_fault(server: ServerProcess, rest: Rest) -> None:
    run_id = rest.create_run()
    host, _, port = rest.uri.removeprefix("http://").rpartition(":")
    for _ in range(3):
        with socket.create_connection((host, int(port))) as watcher:
            watcher.sendall(
                f"GET {WATCH}?run_ids={run_id} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
            )
            assert watcher.recv(12) == b"HTTP/1.1 200"
        rest.post("runs/log-metric", run_id=run_id, key="m", value=1, timestamp=1)
    rest.session.close()
    assert server.stop() == ""


def test_a_watch_that_cannot_begin_is_refused(rest: Rest) -> None:
    answer = rest.session.get(rest.uri + WATCH, params={"run_ids": "f" * 32})
    assert (answer.status_code, answer.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
    answer = rest.session.get(rest.uri + WATCH)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_a_server_that_stops_says_so_to_its_watchers(server: ServerProcess, rest: Rest) -> None:
    run_id = rest.create_run()
    with rest.session.get(rest.uri + WATCH, params={"run_ids": run_id}, stream=True) as answer:
        read = events(answer)
        next(read)
        assert server.stop() == ""
        last = next(read)
        assert last["event"] == "error"
        error = json.loads(last["data"])
        assert set(error) == ERROR_FIELDS
        assert error["error_code"] == "TEMPORARILY_UNAVAILABLE"
        assert error["reason"] == "SERVER_STOPPING"


HISTORY = "/api/1.0/runstream/metrics/history/stream"


def test_histories_are_streamed_as_columns(server: ServerProcess, rest: Rest) -> None:  # M6
    with TrackingClient(server.uri) as client:
        first, second = (client.create_run("0").info.run_id for _ in range(2))
        for step in range(40_000):
            client.log_metric(first, "loss", step / 2, step=step)
        for value in (1.5, float("nan"), float("inf"), float("-inf")):
            client.log_metric(second, "loss", value, step=7)
        client.log_metric(second, "other", 1.0)
    query: dict[str, Any] = {"run_ids": [first, second], "metric_keys": ["loss"]}
    answer = rest.session.get(rest.uri + HISTORY, params=query)
    assert answer.headers["content-type"] == "application/x-ndjson"
    parts = [json.loads(line) for line in answer.iter_lines()]
    assert list(dict.fromkeys(part["run_id"] for part in parts)) == [first, second]
    steps = [step for part in parts[:-1] for step in part["metrics"]["step"]]
    assert steps == list(range(40_000))
    values = parts[-1]["metrics"]["value"]
    assert sorted(map(str, values)) == ["-Infinity", "1.5", "Infinity", "NaN"]
    query |= {"start_step": "100", "end_step": "30099", "max_points": "50"}
    thinned = rest.session.get(rest.uri + HISTORY, params=query)
    part = json.loads(next(thinned.iter_lines()))
    steps = part["metrics"]["step"]
    assert (steps[0], steps[-1]) == (100, 30_099)
    assert len(steps) <= 50


def test_a_history_without_points_and_one_that_is_refused(rest: Rest) -> None:
    run_id = rest.create_run()
    empty = rest.session.get(rest.uri + HISTORY, params={"run_ids": run_id, "metric_keys": "a"})
    assert (empty.status_code, empty.content) == (200, b"")
    for query, status in (
        ({"run_ids": "f" * 32}, 404),
        ({}, 400),
        ({"run_ids": run_id, "max_points": "1"}, 400),
    ):
        refused = rest.session.get(rest.uri + HISTORY, params=query)
        assert refused.status_code == status
        assert set(refused.json()) == ERROR_FIELDS
