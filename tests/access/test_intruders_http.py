"""Those who should not see a thing, and every route: nothing is read, written or told."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from runstream_service.http.authenticate import OPEN_PATHS
from runstream_service.http.contract import Contract, Rpc
from support import intruders
from support.http_routes import routes
from support.intruders import MARKER, OF_THE_CALLER, REQUESTS, Names
from support.secret_scene import STRANGERS, UNKNOWN, Scene

RPCS = Contract().rpcs

#: What has a route and is no RPC, and names what is secret.
FILES = [
    ("GET", "/api/1.0/runstream/artifacts/file?run_id=$run&path=$path"),
    ("GET", "/api/1.0/runstream/artifacts/zip?run_id=$run"),
    ("GET", "/get-artifact?run_id=$run&run_uuid=$run&path=$path"),
    ("GET", "/api/1.0/runstream/metrics/history/csv?run_id=$run&metric_keys=$key"),
    ("GET", "/api/1.0/runstream/metrics/history/stream?run_id=$run"),
    ("GET", "/api/2.0/mlflow-artifacts/artifacts?path=$experiment/$run/artifacts"),
    ("GET", "/api/2.0/mlflow-artifacts/artifacts/$experiment/$run/artifacts/$path"),
    ("GET", "/ajax-api/2.0/mlflow-artifacts/artifacts/$experiment/$run/artifacts/$path"),
    ("GET", "/api/2.0/mlflow-artifacts/artifacts/$experiment/%2e/$run/artifacts/$path"),
    ("GET", "/api/2.0/mlflow-artifacts/artifacts/$experiment//$run/artifacts/$path"),
    ("PUT", "/api/2.0/mlflow-artifacts/artifacts/$experiment/$run/artifacts/mine"),
    ("DELETE", "/api/2.0/mlflow-artifacts/artifacts/$experiment/$run/artifacts/$path"),
]

#: Other ways to write a path that is asked for.
DISGUISES = [
    *("//api/2.0/mlflow/runs/get", "/api//2.0/mlflow/runs/get", "/%61pi/2.0/mlflow/runs/get"),
    *("/api/2.0/mlflow/runs%2fget", "/api/2.0/mlflow/runs/get/", "/API/2.0/mlflow/runs/get"),
    *("/health/../api/2.0/mlflow/runs/get", "/health%2f..%2fapi/2.0/mlflow/runs/get"),
    *("/ready;/api/2.0/mlflow/runs/get", "/assets/../api/2.0/mlflow/runs/get", "/sign-in/x"),
    *("/assets/..%2fapi", "/./api/2.0/mlflow/runs/get", "/api/2.0/mlflow/runs/get%00"),
    *("http://127.0.0.1/api/2.0/mlflow/runs/get", "/ajax-api//2.0/mlflow/runs/get", "/metrics/"),
]


class Client:
    """Sends requests whose paths stay as they are."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._connection = http.client.HTTPConnection(
            scene.guarded.server.http.removeprefix("http://"), timeout=60
        )

    def send(self, who: str, method: str, path: str, body: str = "") -> tuple[int, str]:
        """Return the status and the body of an answer, without the id of the request."""
        headers = {"Content-Type": "application/json"} if body else {}
        if header := self._scene.headers[who]:
            headers["Authorization"] = header
        self._connection.request(method, path, body=body.encode() or None, headers=headers)
        answer = self._connection.getresponse()
        text = answer.read().decode(errors="replace")
        return answer.status, re.sub(r'"request_id": ?"[\w-]+"', "", text)

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def http_client(scene: Scene) -> Iterator[Client]:
    client = Client(scene)
    yield client
    client.close()


def is_open(path: str) -> bool:
    """Return whether a route is for everybody: probes, the sign-in and the interface's files."""
    return path in OPEN_PATHS or path.startswith("/assets/")


def request_of(rpc: Rpc, template: dict[str, Any], names: Names) -> tuple[str, str]:
    """Return the path of a request, with its query, and its body."""
    fields = intruders.filled(template, names)
    path = re.sub(r"\{(\w+)[^}]*\}", lambda match: str(fields.pop(match[1], "x")), rpc.path)
    if rpc.has_body:
        return path, json.dumps(fields)
    return f"{path}?{urlencode(fields, doseq=True)}", ""


def test_no_route_answers_those_who_prove_nothing(http_client: Client) -> None:
    for who in UNKNOWN:
        for method, path in routes():
            if is_open(path) or (who != "nobody" and "{rest:path}" in path):
                continue
            status, _ = http_client.send(who, method, re.sub(r"\{[^}]*\}", "x", path))
            assert status == 401, (who, method, path)


@pytest.mark.parametrize("path", DISGUISES)
def test_no_way_to_write_a_path_avoids_the_question(path: str, http_client: Client) -> None:
    for who in ("nobody", "garbage"):
        status, text = http_client.send(who, "GET", path)
        assert status in {400, 401, 403, 404}, (status, text)


@pytest.mark.parametrize("rpc", RPCS, ids=lambda rpc: f"{rpc.verb} {rpc.path}")
def test_a_stranger_is_told_by_a_route_of_a_secret_what_is_told_of_nothing(
    rpc: Rpc, http_client: Client, secret: dict[str, str]
) -> None:
    name = f"{rpc.service.rpartition('.')[2]}.{rpc.name}"
    absent = intruders.absent_names(secret)
    prefixes = ("/api/", "/ajax-api/") if "/mlflow/" in rpc.path else ("/api/",)
    for template in (messages[0] for messages in REQUESTS[name]):
        for who, prefix in ((who, prefix) for who in STRANGERS for prefix in prefixes):
            answers = []
            for names in (secret, absent):
                path, body = request_of(rpc, template, names)
                path = prefix + path.removeprefix("/api/")
                status, text = http_client.send(who, rpc.verb, path, body)
                answers.append((status, intruders.without_names(text, secret, absent)))
            assert MARKER not in answers[0][1], (who, path)
            assert name in OF_THE_CALLER or answers[0] == answers[1], (who, path)


@pytest.mark.parametrize(("method", "template"), FILES)
def test_a_stranger_gets_no_file_that_is_not_theirs(
    method: str, template: str, http_client: Client, secret: dict[str, str]
) -> None:
    absent = intruders.absent_names(secret)
    body = "mine" if method == "PUT" else ""
    for who in STRANGERS:
        answers = []
        for names in (secret, absent):
            status, text = http_client.send(who, method, intruders.filled(template, names), body)
            answers.append((status, intruders.without_names(text, secret, absent)))
        assert MARKER not in answers[0][1]
        assert answers[0] == answers[1], who
    if method == "GET" and "%2e" not in template and "//" not in template:
        assert http_client.send("ada", method, intruders.filled(template, secret))[0] == 200
