"""Proxies of the environment: which servers are reached through them, and what errors say."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from runstream import TrackingClient, Unavailable
from runstream.errors import RunstreamError
from runstream.importing.mlflow.server_source import ServerSource
from runstream.transport import connection, proxies
from support.ports import reserve_port
from support.proxy import Proxy
from support.server_process import ServerProcess

NAMES = ["grpc_proxy", "https_proxy", "http_proxy", "no_grpc_proxy", "no_proxy"]


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.setenv(name, "")
        monkeypatch.setenv(name.upper(), "")
    monkeypatch.setattr(connection, "RETRY_SECONDS", 0.5)


@pytest.mark.parametrize("variable", ["https_proxy", "HTTPS_PROXY", "http_proxy", "GRPC_PROXY"])
def test_a_server_of_this_computer_is_reached_directly(
    monkeypatch: pytest.MonkeyPatch, server: ServerProcess, tmp_path: Path, variable: str
) -> None:
    monkeypatch.setenv(variable, f"http://127.0.0.1:{reserve_port()}")
    port = server.address.rpartition(":")[2]
    for uri in (server.uri, f"grpc://localhost:{port}"):
        with TrackingClient(uri) as client:
            run_id = client.create_run().info.run_id
            client.log_metric(run_id, "loss", 1.0)
            client.flush(timeout=30)
    with TrackingClient(tmp_path / "runs.db") as client:
        assert client.create_run().info.status == "RUNNING"


@pytest.mark.parametrize("variable", ["https_proxy", "HTTPS_PROXY"])
def test_another_server_is_reached_through_the_proxy(
    monkeypatch: pytest.MonkeyPatch, server: ServerProcess, variable: str
) -> None:
    with closing(Proxy(server.address, connect=True)) as proxy:
        monkeypatch.setenv(variable, proxy.uri.replace("grpc", "http"))
        with TrackingClient("grpc://runs.example:50051") as client:
            run_id = client.create_run().info.run_id
            client.log_metric(run_id, "loss", 1.0)
            assert client.get_run(run_id).data.metrics == {"loss": 1.0}
    assert set(proxy.connect_targets) == {"runs.example:50051"}


@pytest.mark.parametrize("spelling", ["no_proxy", "NO_PROXY"])
def test_what_is_excepted_is_reached_directly_in_both_spellings(
    monkeypatch: pytest.MonkeyPatch, server: ServerProcess, spelling: str
) -> None:
    # 0.0.0.0 is this computer, too, but no address of the loopback.
    uri = f"grpc://0.0.0.0:{server.address.rpartition(':')[2]}"
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{reserve_port()}")
    monkeypatch.setenv(spelling, "example.org, 0.0.0.0")
    with TrackingClient(uri) as client:
        assert client.create_run().info.status == "RUNNING"


def test_an_error_says_what_was_tried(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    port = reserve_port()
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:secret@127.0.0.1:{port}")
    tried = f"grpc://runs.example:50051, through the proxy 127.0.0.1:{port} (HTTPS_PROXY)"
    with caplog.at_level(logging.WARNING, "runstream"):
        client = TrackingClient("grpc://runs.example:50051")
        with pytest.raises(Unavailable) as unary:
            client.create_run()
        with pytest.raises(Unavailable) as stream:
            client.watch(["a" * 32])
        client.log_metric("a" * 32, "loss", 1.0)
        with pytest.raises(RunstreamError):
            client.flush(timeout=2)
        client._outbox.reset_after_fork()
    told = [str(unary.value), str(stream.value), caplog.text]
    for text in told:
        assert tried in text
        assert "secret" not in text
    monkeypatch.setenv("HTTPS_PROXY", "")
    direct = TrackingClient(f"grpc://127.0.0.1:{port}")
    with pytest.raises(Unavailable, match=rf"127\.0\.0\.1:{port}\)") as error:
        direct.create_run()
    assert "proxy" not in str(error.value)
    assert str(error.value).endswith(
        f"connection refused (127.0.0.1:{port}): is a server running there? "
        "`runstream server` starts one, "
        "RUNSTREAM_TRACKING_URI says where it is (grpcs:// if it speaks TLS)"
    )


def test_the_import_of_an_mlflow_server_goes_the_same_ways(
    monkeypatch: pytest.MonkeyPatch, start_server: Callable[..., ServerProcess]
) -> None:
    server = start_server(RUNSTREAM_HTTP_PORT="0")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{reserve_port()}")
    notes: list[tuple[str, str]] = []

    def note(what: str, why: str) -> None:
        notes.append((what, why))

    assert [one.name for one in ServerSource(server.http).read_experiments(note)] == ["Default"]
    assert notes == []
    with pytest.raises(Unavailable, match=r"through the proxy 127\.0\.0\.1:\d+ \(http_proxy\)"):
        list(ServerSource("http://runs.example:5000").read_experiments(note))


@pytest.mark.parametrize(
    ("exceptions", "host", "excepted"),
    [
        ("", "a.example", False),
        ("*", "a.example", True),
        ("example", "a.example", True),
        (".example", "a.example", True),
        ("*.example", "a.example", True),
        ("example", "example", True),
        ("ample", "a.example", False),
        ("other b.example,A.EXAMPLE", "a.example", True),
        ("a.example:1", "a.example", True),
        ("a.example:2", "a.example", False),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("[fd00::1]", "[fd00::1]", True),
        ("fd00::/8", "[fd00::1]", True),
        ("", "127.9.9.9", True),
        ("", "[::1]", True),
        ("", "LOCALHOST", True),
    ],
)
def test_exceptions_are_domains_addresses_and_networks(
    monkeypatch: pytest.MonkeyPatch, exceptions: str, host: str, excepted: bool
) -> None:
    monkeypatch.setenv("https_proxy", "proxy:3128")
    monkeypatch.setenv("NO_PROXY", exceptions)
    wanted = None if excepted else proxies.Proxy("http://proxy:3128", "https_proxy")
    assert proxies.grpc_proxy(f"{host}:1") == wanted
