"""The names under which browsers may reach the server, so that no page of another reads it (W7)."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner

from runstream.cli import main
from runstream_service.http.contract import Contract
from runstream_service.http.hosts import Hosts
from support.rest import Rest
from support.server_process import ServerProcess

EVIL = {"host": "evil.example:5000"}


def test_a_page_whose_name_was_made_to_lead_here_reads_and_writes_nothing(
    server: ServerProcess, rest: Rest
) -> None:
    """Its `Host` and its `Origin` agree, and the browser takes it for a page of this server."""
    run_id = rest.create_run()
    proxy = f"/api/2.0/mlflow-artifacts/artifacts/0/{run_id}/artifacts/a.txt"
    rest.session.put(rest.uri + proxy, data=b"secret").raise_for_status()
    paths = [rpc.path for rpc in Contract().rpcs if rpc.verb == "GET"]
    paths += [
        "/",
        "/version",
        "/openapi",
        "/openapi.json",
        "/openapi/static/swagger-ui.css",
        "/api/1.0/runstream/server",
        "/api/1.0/runstream/watch/stream?experiment_ids=0",
        f"/api/1.0/runstream/artifacts/file?run_id={run_id}&path=a.txt",
        f"/api/1.0/runstream/artifacts/zip?run_id={run_id}",
        f"/get-artifact?run_id={run_id}&path=a.txt",
        proxy,
    ]
    for path in paths:
        answer = rest.session.get(rest.uri + path, headers=EVIL)
        assert (answer.status_code, answer.json()["error_code"]) == (403, "PERMISSION_DENIED"), path
    writes = EVIL | {"origin": "http://evil.example:5000"}
    created = f"{rest.uri}/api/2.0/mlflow/experiments/create"
    assert rest.session.post(created, json={"name": "a"}, headers=writes).status_code == 403
    assert rest.session.put(rest.uri + proxy, data=b"other", headers=writes).status_code == 403
    assert rest.session.delete(rest.uri + proxy, headers=writes).status_code == 403
    assert rest.session.get(rest.uri + proxy).content == b"secret"
    assert len(rest.post("experiments/search", max_results=10)["experiments"]) == 1
    rest.session.close()
    # Once, however often: nobody can fill the log.
    assert server.stop().count("--allowed-hosts evil.example:5000") == 1


def test_who_is_refused_for_its_name_is_told_what_to_set(rest: Rest) -> None:
    answer = rest.session.get(f"{rest.uri}/health", headers={"host": "ml.example.org"})
    error = answer.json()
    assert error["reason"] == "HOST_UNKNOWN"
    assert error["metadata"] == {"field": "Host", "value": "ml.example.org"}
    message = error["message"]
    assert "--allowed-hosts ml.example.org" in message
    assert "RUNSTREAM_ALLOWED_HOSTS=ml.example.org" in message


def test_addresses_and_localhost_are_names_of_a_local_server(rest: Rest) -> None:
    for host, status in (
        ("localhost:5000", 200),
        ("LOCALHOST.", 200),
        ("app.localhost:5000", 200),
        ("127.0.0.1", 200),
        ("192.168.7.9:5000", 200),  # a port that is forwarded to this one
        ("[::1]:5000", 200),
        ("localhost.evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("evil", 403),
        ("a b", 403),
        ("[::1", 403),
        ("localhost:x", 403),
        ("user@localhost", 403),
        ("", 403),
    ):
        answer = rest.session.get(f"{rest.uri}/health", headers={"host": host})
        assert answer.status_code == status, host


@pytest.fixture
def behind_a_proxy(start_server: Callable[..., ServerProcess]) -> Iterator[Rest]:
    """A server that was told of the names that its users see."""
    names = "ml.example.org, *.lab.example:8080"
    server = start_server("told.db", RUNSTREAM_HTTP_PORT="0", RUNSTREAM_ALLOWED_HOSTS=names)
    rest = Rest(server.http)
    yield rest
    rest.session.close()


def test_names_that_the_server_was_told_of_are_its_own(behind_a_proxy: Rest) -> None:
    for host, status in (
        ("ml.example.org", 200),
        ("ml.example.org:8443", 200),
        ("a.lab.example:8080", 200),
        ("a.lab.example:80", 403),
        ("lab.example:8080", 403),
        ("other.example.org", 403),
    ):
        answer = behind_a_proxy.session.get(f"{behind_a_proxy.uri}/health", headers={"host": host})
        assert answer.status_code == status, host


def test_the_interface_behind_a_proxy_that_rewrites_host_can_search(behind_a_proxy: Rest) -> None:
    path = f"{behind_a_proxy.uri}/api/2.0/mlflow/runs/search"
    for origin, status in (
        ("https://ml.example.org", 200),
        ("http://a.lab.example:8080", 200),
        ("http://ml.example.org:8080", 403),
        ("http://evil.example", 403),
    ):
        answer = behind_a_proxy.session.post(
            path, json={"experiment_ids": ["0"]}, headers={"origin": origin}
        )
        assert answer.status_code == status, origin
        if status == 403:
            name = origin.rpartition("//")[2]
            assert f"--allowed-hosts {name}" in answer.json()["message"]


def test_a_server_of_all_interfaces_has_the_names_of_its_network() -> None:
    hosts = Hosts("0.0.0.0", [])
    for name in (socket.gethostname(), "runstream:5000", "10.1.2.3:5000", "localhost"):
        assert hosts.is_known(name), name
    for name in ("evil.example", "runstream.evil.example:5000", ""):
        assert not hosts.is_known(name), name
    assert Hosts("::", ["*"]).is_known("any.example")


def test_every_answer_is_neither_framed_nor_guessed_at(rest: Rest) -> None:
    for path in ("/openapi", "/openapi.json", "/openapi/start.js", "/health", "/nothing"):
        headers = rest.session.get(rest.uri + path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy, path
        assert "frame-ancestors 'none'" in policy, path
        assert headers["x-content-type-options"] == "nosniff", path


def test_an_option_that_is_no_name_is_refused_at_the_start() -> None:
    outcome = CliRunner().invoke(main, ["server", "--allowed-hosts", "https://ml.example.org"])
    assert outcome.exit_code == 2
    assert "'https://ml.example.org' is not of the form" in outcome.output
