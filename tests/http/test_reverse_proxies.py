"""The HTTP port behind proxies: below a path, and under the names that they tell (O13)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner

from runstream.cli import main
from support.rest import Rest
from support.reverse_proxy import ReverseProxy
from support.server_process import ServerProcess

PYTHON = Path(__file__).parents[2] / ".venv-mlflow/3/bin/python"
PATH = "/tools/runstream"

# What a program of MLflow does through whatever address it is given.
PROGRAM = """
import mlflow, pathlib, sys
with mlflow.start_run() as run:
    mlflow.log_metric("loss", 0.5, step=1)
    mlflow.log_text("hello", "notes/a.txt")
client = mlflow.MlflowClient()
assert [f.path for f in client.list_artifacts(run.info.run_id, "notes")] == ["notes/a.txt"]
assert mlflow.artifacts.load_text(f"{run.info.artifact_uri}/notes/a.txt") == "hello"
assert client.get_run(run.info.run_id).data.metrics == {"loss": 0.5}
try:
    client.get_run("0" * 32)
except mlflow.MlflowException as error:
    print(error.message)
"""


@pytest.fixture
def below_a_path(start_server: Callable[..., ServerProcess]) -> ServerProcess:
    return start_server("below.db", RUNSTREAM_HTTP_PORT="0", RUNSTREAM_ROOT_PATH=f"{PATH}/")


@pytest.fixture
def show() -> Iterator[Callable[..., ReverseProxy]]:
    """Show a server through a proxy."""
    proxies: list[ReverseProxy] = []

    def show(server: ServerProcess, strips: bool = False, **headers: str) -> ReverseProxy:
        proxies.append(ReverseProxy(server.http, PATH, strips, **headers))
        return proxies[-1]

    yield show
    for proxy in proxies:
        proxy.close()


def test_a_path_of_a_proxy_that_the_server_does_not_know_is_told(rest: Rest) -> None:
    for path in ("/ready", "/", "/api/2.0/mlflow/runs/search", "/api/1.0/runstream/server"):
        answer = rest.session.get(rest.uri + PATH + path)
        assert (answer.status_code, answer.json()["error_code"]) == (404, "ENDPOINT_NOT_FOUND")
        assert answer.json()["message"] == (
            f"GET {PATH}{path} is no route of this server. If it is behind a proxy, below {PATH}, "
            f"start it with --root-path {PATH}"
        )
    for path in (f"{PATH}/nothing", "/nothing", "/api/2.0/mlflow/nothing", "/a" * 5_000):
        message = rest.session.get(rest.uri + path).json()["message"]
        assert message.endswith(" is no route of this server"), path


def test_a_server_below_a_path_answers_there_and_without_it(below_a_path: ServerProcess) -> None:
    for shown in (below_a_path.http + PATH, below_a_path.http):
        for path in ("/", "/health", "/metrics", "/openapi.json", "/api/2.0/mlflow/runs/get"):
            status = 400 if path.endswith("runs/get") else 200
            assert requests.get(shown + path, timeout=60).status_code == status, path
        query = {"run_id": "0" * 32}
        answer = requests.get(f"{shown}/api/2.0/mlflow/runs/get", query, timeout=60)
        assert answer.json()["message"] == f"Run with id={query['run_id']} not found"
    for path in (f"{PATH}er/health", f"{PATH}{PATH}/health"):
        assert requests.get(below_a_path.http + path, timeout=60).status_code == 404, path


def test_redirects_name_no_server_that_a_proxy_hides(below_a_path: ServerProcess) -> None:
    for path, location in (
        (PATH, "runstream/"),
        (f"{PATH}?a=b", "runstream/?a=b"),
        (f"{PATH}/openapi/", "../openapi"),
        ("/openapi/", "../openapi"),
    ):
        answer = requests.get(below_a_path.http + path, allow_redirects=False, timeout=60)
        assert (answer.status_code, answer.headers["location"]) == (307, location)


@pytest.mark.parametrize("strips", [True, False])
def test_mlflow_logs_and_reads_below_a_path(
    below_a_path: ServerProcess,
    show: Callable[..., ReverseProxy],
    tmp_path: Path,
    strips: bool,
) -> None:
    environment = {**os.environ, "MLFLOW_TRACKING_URI": show(below_a_path, strips).uri}
    done = subprocess.run(
        [PYTHON, "-c", PROGRAM],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert f"Run with id={'0' * 32} not found" in done.stdout


def test_a_trusted_proxy_tells_the_name_that_the_browser_used(
    start_server: Callable[..., ServerProcess],
) -> None:
    server = start_server(
        "trusting.db",
        RUNSTREAM_HTTP_PORT="0",
        RUNSTREAM_TRUSTED_PROXIES="10.9.0.0/16, 127.0.0.1",
        RUNSTREAM_ALLOWED_HOSTS="ml.example.org",
    )
    search = f"{server.http}/api/2.0/mlflow/runs/search"
    shown = "ml.example.org:8443"
    for host, forwarded, origin, status in (
        (None, shown, f"https://{shown}", 200),
        (None, shown, "https://evil.example", 403),
        (None, shown, "https://ml.example.org:9", 403),
        (None, "evil.example", "https://evil.example", 403),
        (None, f"{shown}, evil.example", f"https://{shown}", 403),
        ("evil.example", "localhost", "http://evil.example", 403),  # what a page made up
    ):
        headers = {"x-forwarded-host": forwarded, "origin": origin}
        headers |= {"host": host} if host else {}
        headers["x-forwarded-for"] = "192.0.2.1, 203.0.113.9, 10.9.0.7"
        answer = requests.post(search, json={}, headers=headers, timeout=60)
        assert answer.status_code == status, headers
    refused = {"x-forwarded-host": "evil.example"}
    assert requests.get(f"{server.http}/health", headers=refused, timeout=60).status_code == 403
    errors = server.stop()
    assert "'evil.example'" in errors
    assert "(from 203.0.113.9)" in errors  # the last one that a trusted proxy has seen itself
    assert "192.0.2.1" not in errors


def test_what_others_say_of_a_request_is_not_believed(
    start_server: Callable[..., ServerProcess],
) -> None:
    server = start_server(
        "distrusting.db",
        RUNSTREAM_HTTP_PORT="0",
        RUNSTREAM_TRUSTED_PROXIES="10.9.0.0/16",
        RUNSTREAM_ALLOWED_HOSTS="ml.example.org",
    )
    search = f"{server.http}/api/2.0/mlflow/runs/search"
    shown = "ml.example.org:8443"
    said = {"x-forwarded-host": shown, "origin": f"https://{shown}"}
    assert requests.post(search, json={}, headers=said, timeout=60).status_code == 403
    said = {"x-forwarded-host": "evil.example"}
    assert requests.get(f"{server.http}/health", headers=said, timeout=60).status_code == 200
    said = {
        "host": "evil.example",
        "x-forwarded-for": "203.0.113.9",
        "forwarded": "for=203.0.113.9",
    }
    assert requests.get(f"{server.http}/health", headers=said, timeout=60).status_code == 403
    errors = server.stop()
    assert "(from 127.0.0.1)" in errors
    assert "203.0.113.9" not in errors


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--root-path", "runstream", "'runstream' is not of the form /runstream"),
        ("--root-path", "/a/../b", "'/a/../b' is not of the form /runstream"),
        ("--root-path", "//evil.example", "'//evil.example' is not of the form /runstream"),
        ("--trusted-proxies", "proxy.example.org", "'proxy.example.org' does not appear to be"),
        ("--trusted-proxies", "10.0.0.7/24", "10.0.0.7/24 has host bits set"),
    ],
)
def test_a_malformed_path_or_proxy_is_refused_at_the_start(
    option: str, value: str, said: str
) -> None:
    outcome = CliRunner().invoke(main, ["server", option, value])
    assert outcome.exit_code == 2
    assert said in " ".join(outcome.output.split())
