"""TLS of the server itself, on both ports: its certificate, and those who trust it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme

from runstream import TrackingClient
from runstream.errors import FailedPrecondition, Unavailable
from support.server_process import ENVIRONMENT, ServerProcess
from support.tls import CertificateFolder, caller_over_http, context_for, shown_certificate

if TYPE_CHECKING:
    from support.postgres import Postgres

StartServer = Callable[..., ServerProcess]


@pytest.mark.usefixtures("trusting")
def test_runs_are_logged_and_read_over_tls(
    start_with_tls: StartServer, certificates: CertificateFolder
) -> None:
    server = start_with_tls()
    assert server.http.startswith("https://")
    with TrackingClient(server.uri) as client:
        run = client.create_run("0").info.run_id
        for step in range(1_000):
            client.log_metric(run, "loss", step / 7, step=step)
        client.set_terminated(run)
        assert len(client.get_metric_history(run, "loss")) == 1_000
    url = f"{server.http}/api/2.0/mlflow/runs/get?run_id={run}"
    with urllib.request.urlopen(url, context=context_for(certificates), timeout=10) as answer:
        assert json.load(answer)["run"]["info"]["run_id"] == run
    assert server.stop() == ""


@pytest.mark.usefixtures("trusting")
def test_the_command_line_reaches_a_server_over_tls(start_with_tls: StartServer) -> None:
    server = start_with_tls()
    command = [sys.executable, "-m", "runstream", "experiments", "list", "--json"]
    listed = subprocess.run(
        [*command, "--tracking-uri", server.uri],
        env=ENVIRONMENT | {"RUNSTREAM_CA": os.environ["RUNSTREAM_CA"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Default" in listed.stdout, listed.stderr


def test_versions_of_tls_before_1_2_are_refused_on_both_ports(
    start_with_tls: StartServer, certificates: CertificateFolder
) -> None:
    server = start_with_tls()
    old = context_for(certificates)
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    for address in (server.address, server.http):
        with pytest.raises((ssl.SSLError, OSError)):
            shown_certificate(address, old)


def test_a_port_with_tls_answers_nothing_without_it(start_with_tls: StartServer) -> None:
    server = start_with_tls()
    with pytest.raises((urllib.error.URLError, OSError)):
        urllib.request.urlopen(server.http.replace("https", "http") + "/health", timeout=10)
    assert server.stop() == ""


@pytest.mark.usefixtures("trusting")
def test_a_new_certificate_is_used_without_a_restart(
    start_with_tls: StartServer, certificates: CertificateFolder
) -> None:
    server, context = start_with_tls(), context_for(certificates)
    ports = (server.address, server.http)
    before = {shown_certificate(address, context) for address in ports}
    assert len(before) == 1
    with TrackingClient(server.uri) as client:
        run = client.create_run("0").info.run_id
        certificates.server()
        after = {shown_certificate(address, context) for address in ports}
        assert len(after) == 1
        assert after != before
        client.log_metric(run, "loss", 1.0)  # over the connection that it has
        client.flush()
    with TrackingClient(server.uri) as client:
        assert client.get_run(run).data.metrics == {"loss": 1.0}
    assert "the certificates were read again" in server.stop()


def test_a_certificate_without_its_key_is_not_used_until_the_key_is_there(
    start_with_tls: StartServer, certificates: CertificateFolder, tmp_path: Path
) -> None:
    server, context = start_with_tls(), context_for(certificates)
    before = shown_certificate(server.http, context)
    new = certificates.issue("new", "127.0.0.1")
    shutil.copy(new["cert"], tmp_path / "certificates" / "server.pem")
    for _ in range(3):
        assert shown_certificate(server.http, context) == before
        assert shown_certificate(server.address, context) == before
    shutil.copy(new["key"], tmp_path / "certificates" / "server.key")
    assert shown_certificate(server.address, context) != before
    assert shown_certificate(server.http, context) != before
    assert server.stop().count("the certificates stay as they were") == 1


def test_a_server_is_not_trusted_by_default_nor_by_another_authority(
    start_with_tls: StartServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("runstream.transport.connection.RETRY_SECONDS", 1.0)
    server = start_with_tls()
    other = CertificateFolder(tmp_path / "other", trustme.CA())
    for ca in ("", str(other.ca)):
        monkeypatch.setenv("RUNSTREAM_CA", ca)
        with TrackingClient(server.uri) as client, pytest.raises(Unavailable, match="RUNSTREAM_CA"):
            client.create_run("0")


def test_a_file_of_certificates_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RUNSTREAM_CA", "/nowhere/ca.pem")
    with (
        TrackingClient("grpcs://127.0.0.1:1") as client,
        pytest.raises(Unavailable, match=r"RUNSTREAM_CA cannot be read: .*/nowhere/ca\.pem"),
    ):
        client.create_run("0")
    monkeypatch.delenv("RUNSTREAM_CA")
    monkeypatch.setenv("RUNSTREAM_CLIENT_CERT", "/nowhere/ada.pem")
    with (
        TrackingClient("grpcs://127.0.0.1:1") as client,
        pytest.raises(Unavailable, match="RUNSTREAM_CLIENT_CERT"),
    ):
        client.create_run("0")


def test_who_opens_the_file_of_a_server_with_tls_is_told_its_uri(
    start_with_tls: StartServer,
) -> None:
    server = start_with_tls()
    with (
        TrackingClient(server.database) as client,
        pytest.raises(FailedPrecondition, match=f"tracking URI, {server.uri}"),
    ):
        client.create_run("0")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--tls-cert", "{cert}"], "given together"),
        (["--tls-client-ca", "{cert}"], "--tls-client-ca needs --tls-cert"),
        (["--tls-cert", "{cert}", "--tls-key", "{key}", "--tls-admins", "eve"], "--tls-client-ca"),
        (["--tls-cert", "{cert}", "--tls-key", "/nowhere"], "/nowhere"),
        (["--tls-cert", "{cert}", "--tls-key", "{other}"], "KEY_VALUES_MISMATCH"),
        (["--tls-cert", "{key}", "--tls-key", "{key}"], "a certificate and its key"),
    ],
)
def test_a_server_does_not_start_with_files_that_do_not_belong_together(
    tmp_path: Path, certificates: CertificateFolder, options: list[str], words: str
) -> None:
    names = certificates.issue("server", "127.0.0.1")
    names["other"] = certificates.issue("other", "127.0.0.1")["key"]
    command = [sys.executable, "-m", "runstream", "server", str(tmp_path / "runs.db"), "--port=0"]
    ended = subprocess.run(
        [*command, *(option.format(**names) for option in options)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode in (1, 2)
    assert words in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert not (tmp_path / "runs.db").exists()


@pytest.mark.usefixtures("trusting")
def test_the_interface_of_a_server_with_tls_has_an_address_of_https(
    start_with_tls: StartServer,
) -> None:
    server = start_with_tls()
    with TrackingClient(server.uri) as client:
        assert client.interface_uri() == f"{server.http}/"


def test_a_connection_without_a_handshake_is_closed_and_others_are_served_meanwhile(
    start_with_tls: StartServer, certificates: CertificateFolder
) -> None:
    server, context = start_with_tls(), context_for(certificates)
    host, _, port = server.http.rpartition("//")[2].rpartition(":")
    began = time.monotonic()
    silent = [socket.create_connection((host, int(port)), timeout=30) for _ in range(50)]
    assert shown_certificate(server.http, context)
    for connection in silent:
        with closing(connection):
            assert connection.recv(1) == b""
    assert 5 < time.monotonic() - began < 25
    assert server.stop() == ""


def test_workers_use_a_new_certificate_alike(
    tmp_path: Path, certificates: CertificateFolder, postgres: Postgres
) -> None:
    environment = {
        "RUNSTREAM_HTTP_PORT": "0",
        "RUNSTREAM_WORKERS": "2",
        **certificates.server(RUNSTREAM_TLS_CLIENT_CA=str(certificates.ca)),
    }
    server = ServerProcess(tmp_path / "runs.db", environment, url=postgres.create_database())
    try:
        context = context_for(certificates)
        files = certificates.client("ada")
        context.load_cert_chain(files["RUNSTREAM_CLIENT_CERT"], files["RUNSTREAM_CLIENT_KEY"])
        ports = [server.address, server.http] * 10  # the kernel chooses a worker for each
        before = {shown_certificate(address, context) for address in ports}
        certificates.server()
        after = {shown_certificate(address, context) for address in ports}
        assert len(before) == len(after) == 1
        assert before != after
        assert caller_over_http(server, context)["user_name"] == "ada"
        with urllib.request.urlopen(f"{server.http}/ready", context=context, timeout=20) as ready:
            assert ready.status == 200
        assert server.stop().count("the certificates were read again") == 2
    finally:
        server.kill()


def test_a_name_that_is_not_that_of_the_server_is_refused_for_reads_over_tls_too(
    start_with_tls: StartServer, certificates: CertificateFolder
) -> None:
    server = start_with_tls()
    with pytest.raises(urllib.error.HTTPError, match="403"):
        caller_over_http(server, context_for(certificates), host="rebound.example")
