"""Client and server with the lowest and with the newest versions of all that they require."""

from __future__ import annotations

import json
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import requests

from runstream import TrackingClient
from runstream.v1.run_service_pb2 import CreateRunRequest, GetRunRequest
from support.access import bearer
from support.api import Api
from support.collector import Collector
from support.server_process import ServerProcess
from support.signing_issuer import SigningIssuer
from support.virtual_environments import (
    CLIENT,
    OIDC,
    OPENTELEMETRY,
    SERVER,
    Environment,
    create_environment,
    pins,
)
from support.virtual_environments import lowest as lowest_of

FLOORS = lowest_of(CLIENT)

PROGRAM = """
import sys
import runstream

runstream.set_tracking_uri(sys.argv[1])
with runstream.start_run() as run:
    runstream.log_param("lr", 0.1)
    for step in range(100):
        runstream.log_metric("loss", 1 / (step + 1), step=step)
read = runstream.get_run(run.info.run_id)
assert read.info.status == "FINISHED"
assert read.data.params == {"lr": "0.1"}
assert read.data.metrics == {"loss": 0.01}
with runstream.TrackingClient(sys.argv[1]) as client:
    history = client.get_metric_history(run.info.run_id, "loss")
    # So many at once are compressed at once.
    steps, values = list(range(10_000)), [step / 7 for step in range(10_000)]
    client.log_columns(run.info.run_id, "dense", values, steps, steps)
    client.flush()
    dense = client.get_metric_history(run.info.run_id, "dense")
assert [(point.step, point.value) for point in dense] == list(zip(steps, values))
assert [(point.step, point.value) for point in history] == [(i, 1 / (i + 1)) for i in range(100)]
assert "click" not in sys.modules and "runstream_service" not in sys.modules
import grpc, google.protobuf
print(grpc.__version__, google.protobuf.__version__)
"""


def test_the_lowest_supported_versions_log_a_run(
    lowest: Environment, server: ServerProcess
) -> None:
    versions = lowest.run("-c", PROGRAM, server.uri).split()
    assert versions[0] == FLOORS["grpcio"]
    assert versions[1].startswith(FLOORS["protobuf"])


def test_the_newest_supported_versions_log_a_run_and_need_no_click(
    newest: Environment, server: ServerProcess
) -> None:
    grpcio, protobuf = newest.run("-c", PROGRAM, server.uri).split()
    assert grpcio != FLOORS["grpcio"]
    assert protobuf.split(".")[0] > FLOORS["protobuf"].split(".")[0]
    assert newest.run("-c", "import importlib.util as u; print(u.find_spec('click'))") == "None\n"


@pytest.fixture(scope="module", params=["lowest", "newest"])
def server_environment(
    request: pytest.FixtureRequest, wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> Environment:
    """The lowest, or the newest, version of everything that client and server require.

    What sends traces and what verifies tokens of a provider is there, too, and each is imported by
    one of the tests alone.
    """
    required = CLIENT + SERVER + OPENTELEMETRY + OIDC
    if request.param == "lowest":
        if sys.version_info >= (3, 13):
            pytest.skip("the lowest grpcio has wheels for CPython up to 3.12")
        required = pins(required)
    environment = create_environment(tmp_path_factory.mktemp(request.param), *required)
    environment.install("--no-deps", str(wheel))
    return environment


@pytest.fixture
def served(server_environment: Environment, tmp_path: Path) -> Iterator[ServerProcess]:
    """A server of that environment, with HTTP, for which every warning is an error."""
    server = ServerProcess(
        tmp_path / "runs.db",
        {"RUNSTREAM_HTTP_PORT": "0"},
        program=("-W", "error", "-m", "runstream"),
        python=server_environment.python,
    )
    yield server
    assert server.stop() == ""


def test_client_and_server_of_these_versions_log_and_read_a_run(
    server_environment: Environment, served: ServerProcess
) -> None:
    server_environment.run("-c", PROGRAM, served.uri)


def test_http_of_these_versions_answers(served: ServerProcess) -> None:
    with TrackingClient(served.uri) as client:
        run = client.create_run(tags={"team": "vision"})
        client.log_batch(run.info.run_id, [("loss", 0.5, 1, 1)], {"lr": "0.1"})
        client.log_text(run.info.run_id, "hello", "notes/a.txt")
        client.set_terminated(run.info.run_id)
    assert fetch(served, "/health") == b"OK"
    filter_string = "metrics.loss < 1 AND tags.team RLIKE '^vis'"
    found = post(served, "mlflow/runs/search", {"experiment_ids": ["0"], "filter": filter_string})[
        "runs"
    ]
    assert [each["info"]["run_id"] for each in found] == [run.info.run_id]
    assert found[0]["data"]["params"] == [{"key": "lr", "value": "0.1"}]
    where = urllib.parse.urlencode({"run_id": run.info.run_id, "path": "notes/a.txt"})
    assert fetch(served, f"/get-artifact?{where}") == b"hello"
    assert json.loads(fetch(served, "/openapi.json"))["openapi"].startswith("3.0")
    assert b"swagger" in fetch(served, "/openapi")
    assert b"<title>" in fetch(served, "/")


def test_tokens_of_a_provider_are_verified_by_these_versions(
    server_environment: Environment, tmp_path: Path
) -> None:
    issuer = SigningIssuer()
    server = ServerProcess(
        tmp_path / "runs.db",
        issuer.options(RUNSTREAM_HTTP_PORT="0"),
        program=("-W", "error", "-m", "runstream"),
        python=server_environment.python,
    )
    for algorithm in ("RS256", "ES256", "EdDSA"):
        token = issuer.sign(issuer.claims(), algorithm)
        assert caller_status(server, token) == 200, algorithm
    for changes in ({"aud": "x"}, {"iss": "x"}, {"exp": 1_000_000_000}, {"sub": None}):
        assert caller_status(server, issuer.token(**changes)) == 401, changes
    issuer.stop()
    assert server.stop() == ""


def caller_status(server: ServerProcess, token: str) -> int:
    url = f"{server.http}/api/1.0/runstream/access/caller"
    return requests.get(url, headers=bearer(token), timeout=30).status_code


def test_calls_of_these_versions_are_traced(
    server_environment: Environment, tmp_path: Path
) -> None:
    collector = Collector()
    server = ServerProcess(
        tmp_path / "runs.db",
        {"RUNSTREAM_HTTP_PORT": "0", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.http},
        python=server_environment.python,
    )
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    with grpc.insecure_channel(server.address) as channel:
        parent = ("traceparent", f"00-{trace}-00f067aa0ba902b7-01")
        api = Api(channel)
        run = api.runs.CreateRun(CreateRunRequest(), metadata=(parent,)).run
        with pytest.raises(grpc.RpcError, match="Run with id=0 not found"):
            api.runs.GetRun(GetRunRequest(run_id="0"))
        assert api.runs.GetRun(GetRunRequest(run_id=run.info.run_id)).run == run
    fetch(server, "/health")
    assert server.stop() == ""
    collector.close()
    spans = {span.name.removeprefix("/"): span for span in collector.spans}
    created = spans["runstream.v1.RunService/CreateRun"]
    assert created.trace_id.hex() == trace
    assert "GET /health" in spans
    assert ("runstream_points_total", ()) in collector.figures


def post(server: ServerProcess, path: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(
        f"{server.http}/api/2.0/{path}",
        json.dumps(body).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def fetch(server: ServerProcess, path: str) -> bytes:
    with urllib.request.urlopen(server.http + path, timeout=20) as answer:
        content: bytes = answer.read()
    return content
