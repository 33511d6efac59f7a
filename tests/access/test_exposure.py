"""An open server is reached from its own machine alone, and the first token can be made before."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runstream import TrackingClient
from runstream.errors import Unauthenticated
from support.ports import reserve_port
from support.server_process import ENVIRONMENT, ServerProcess
from support.tls import CertificateFolder
from support.waiting import wait_until


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "runstream", *words]
    return subprocess.run(
        command, env=ENVIRONMENT | environment, capture_output=True, text=True, timeout=60
    )


@pytest.mark.sqlite
@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_an_open_server_refuses_another_address_than_the_loopback_in_one_line(
    tmp_path: Path, host: str
) -> None:
    refused = run("server", str(tmp_path / "runs.db"), "--host", host, "--port", "0")
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"runstream server: --host {host} would let everybody")
    assert "runstream db create-token" in refused.stderr
    assert "--insecure" in refused.stderr
    assert refused.stderr.count("\n") == 1


@pytest.mark.sqlite
def test_an_open_server_listens_everywhere_if_it_is_told_to(tmp_path: Path) -> None:
    address = f"0.0.0.0:{reserve_port()}"
    server = ServerProcess(tmp_path / "runs.db", {"RUNSTREAM_INSECURE": "1"}, address=address)
    with TrackingClient(f"grpc://127.0.0.1:{address.partition(':')[2]}") as client:
        assert client.get_caller().role == "admin"
    server.stop()


def test_a_token_is_made_before_the_server_starts_which_then_listens_everywhere(
    tmp_path: Path, new_url: Callable[[], str | None]
) -> None:
    url = new_url()
    database = url or str(tmp_path / "runs.db")
    made = run("db", "create-token", "--user", "ada", "--expires", "1d", database)
    assert made.returncode == 0, made.stderr
    assert made.stderr.startswith("A token of the admin 'ada' is in ")
    server = ServerProcess(tmp_path / "runs.db", url=url, address=f"0.0.0.0:{reserve_port()}")
    uri = f"grpc://127.0.0.1:{server.address.rpartition(':')[2]}"
    with TrackingClient(uri) as nobody, pytest.raises(Unauthenticated):
        nobody.create_run()
    with TrackingClient(uri, token=made.stdout.strip()) as ada:
        assert ada.get_caller().user_name == "ada"
        (entry,) = ada.search_audit_log(method="runstream db create-token")
        assert (entry.user_name, entry.subject) == ("", "token_id=1 user_name=ada")
        assert entry.peer.startswith("local:")
        if url:
            second = run("db", "create-token", "--user", "bob", database)
            with TrackingClient(uri, token=second.stdout.strip()) as bob:
                assert bob.get_caller().user_name == "bob"
        else:
            refused = run("db", "create-token", "--user", "bob", database)
            assert refused.returncode == 1
            assert "stop it" in refused.stderr
    server.stop()


@pytest.mark.sqlite
def test_who_reaches_the_file_needs_no_token(tmp_path: Path) -> None:
    made = run("db", "create-token", "--user", "ada", str(tmp_path / "runs.db"))
    with TrackingClient(tmp_path / "runs.db") as client:
        assert client.get_caller().role == "admin"
        assert [token.user_name for token in client.list_tokens()] == ["ada"]
    assert made.stdout.startswith("rst_")


@pytest.mark.sqlite
def test_a_server_with_tokens_warns_once_that_they_come_in_clear_from_other_machines(
    tmp_path: Path,
) -> None:
    run("db", "create-token", "--user", "ada", str(tmp_path / "runs.db"))
    files = CertificateFolder(tmp_path / "certificates").issue("server", "127.0.0.1")
    tls = {"RUNSTREAM_TLS_CERT": files["cert"], "RUNSTREAM_TLS_KEY": files["key"]}
    proxy, trusted = {"RUNSTREAM_TRUSTED_PROXIES": "10.0.0.7"}, {"RUNSTREAM_INSECURE": "1"}
    for host, settings, warnings in (
        ("0.0.0.0", {}, 1),
        ("0.0.0.0", tls, 0),
        ("0.0.0.0", proxy, 0),
        ("0.0.0.0", trusted, 0),
        ("127.0.0.1", {}, 0),
    ):
        address = f"{host}:{reserve_port()}"
        errors = ServerProcess(tmp_path / "runs.db", settings, address=address).stop()
        assert errors.count("tokens come to 0.0.0.0 in clear") == warnings, (host, settings)
        assert errors.count("\n") == warnings, errors


@pytest.mark.postgresql
def test_workers_warn_once_for_all_of_them(
    tmp_path: Path, new_url: Callable[[], str | None]
) -> None:
    url = new_url()
    run("db", "create-token", "--user", "ada", str(url))
    workers = {"RUNSTREAM_WORKERS": "2"}
    address = f"0.0.0.0:{reserve_port()}"
    errors = ServerProcess(tmp_path / "runs.db", workers, url=url, address=address).stop()
    assert errors.count("in clear") == 1


@pytest.mark.postgresql
def test_the_first_token_closes_all_servers_of_a_database_within_a_second(
    tmp_path: Path, new_url: Callable[[], str | None]
) -> None:
    url = new_url()
    servers = [ServerProcess(tmp_path / name, url=url) for name in ("a", "b")]
    with TrackingClient(servers[0].uri) as here, TrackingClient(servers[1].uri) as there:
        assert there.get_caller().user_name == ""
        here.create_token("root", "admin")

        def is_closed() -> bool:
            try:
                there.get_caller()
            except Unauthenticated:
                return True
            return False

        wait_until(is_closed, 10)  # a second, on a machine with nothing else to do
    for server in servers:
        server.stop()
