"""Those who should not see a thing, and every route: nothing is read, written or told."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from runstream_service.http.contract import Contract, Rpc
from support import intruders
from support.intruders import MARKER, OF_THE_CALLER, REQUESTS, Names
from support.secret_scene import STRANGERS, Scene

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
    ("GET", "/api/2.0/mlflow-artifacts/artifacts/$experiment%2F$run%2Fartifacts%2F$path"),
    ("GET", "/api/2.0/mlflow-artifacts/artifacts/$experiment/$run/artifacts//$path"),
    ("GET", "/api/2.0/mlflow-artifacts/artifacts/1/../$experiment/$run/artifacts/$path"),
    ("GET", "/api/2.0/mlflow-artifacts/artifacts?path=$experiment/models/$model/artifacts"),
    ("GET", "/api/2.0/mlflow-artifacts/artifacts/$experiment/models/$model/artifacts/$path"),
    ("GET", "/ajax-api/2.0/mlflow-artifacts/artifacts/$experiment/models/$model/artifacts/$path"),
    ("GET", "/api/1.0/runstream/artifacts/file?run_id=$model&path=$path"),
    ("GET", "/api/1.0/runstream/artifacts/zip?run_id=$model"),
    ("GET", "/api/1.0/runstream/metrics/history/csv?run_id=$run"),
    ("PUT", "/api/2.0/mlflow-artifacts/artifacts/$experiment/$run/artifacts/mine"),
    ("PUT", "/ajax-api/2.0/mlflow-artifacts/artifacts/$experiment/$run/artifacts/mine"),
    ("PUT", "/api/2.0/mlflow-artifacts/artifacts/$experiment/models/$model/artifacts/mine"),
    ("DELETE", "/api/2.0/mlflow-artifacts/artifacts/$experiment/models/$model/artifacts/$path"),
    ("DELETE", "/api/2.0/mlflow-artifacts/artifacts/$experiment/$run/artifacts/$path"),
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
        headers |= dict(self._scene.headers[who])
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


def request_of(rpc: Rpc, template: dict[str, Any], names: Names) -> tuple[str, str]:
    """Return the path of a request, with its query, and its body."""
    fields = intruders.filled(template, names)
    path = re.sub(r"\{(\w+)[^}]*\}", lambda match: str(fields.pop(match[1], "x")), rpc.path)
    if rpc.has_body:
        return path, json.dumps(fields)
    return f"{path}?{urlencode(fields, doseq=True)}", ""


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
    if method == "GET" and not any(part in template for part in ("%2e", "//", "/../")):
        assert http_client.send("ada", method, intruders.filled(template, secret))[0] == 200
