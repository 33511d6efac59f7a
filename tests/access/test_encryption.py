"""TLS of the server itself, on both ports."""

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
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
import trustme

from runstream import TrackingClient
from runstream.errors import FailedPrecondition, Unavailable
from runstream.v1.access_service_pb2 import GetCallerRequest, ServerRole
from runstream.v1.experiment_service_pb2 import CreateExperimentRequest, GetExperimentRequest
from support.access import create_token
from support.api import Api
from support.ports import reserve_port
from support.server_process import ENVIRONMENT, ServerProcess
from support.tls import CertificateFolder

if TYPE_CHECKING:
    from support.postgres import Postgres

StartServer = Callable[..., ServerProcess]


@pytest.fixture
def certificates(tmp_path: Path) -> CertificateFolder:
    return CertificateFolder(tmp_path / "certificates")


@pytest.fixture
def start(tmp_path: Path, certificates: CertificateFolder) -> Iterator[StartServer]:
    started = []

    def start(**variables: str) -> ServerProcess:
        environment = {"RUNSTREAM_HTTP_PORT": "0"} | certificates.server(**variables)
        started.append(ServerProcess(tmp_path / "runs.db", environment))
        return started[-1]

    yield start
    for server in started:
        server.kill()


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch, certificates: CertificateFolder) -> None:
    monkeypatch.setenv("RUNSTREAM_CA", str(certificates.ca))


def context_for(certificates: CertificateFolder) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificates.ca))


def shown_certificate(address: str, context: ssl.SSLContext) -> bytes:
    """Return the certificate that a server shows to a new connection."""
    host, _, port = address.rpartition("//")[2].rpartition(":")
    with (
        socket.create_connection((host, int(port)), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=host) as connection,
    ):
        return connection.getpeercert(binary_form=True) or b""


@pytest.mark.usefixtures("trusting")
def test_runs_are_logged_and_read_over_tls(
    start: StartServer, certificates: CertificateFolder
) -> None:
    server = start()
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
def test_the_command_line_reaches_a_server_over_tls(start: StartServer) -> None:
    server = start()
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
    start: StartServer, certificates: CertificateFolder
) -> None:
    server = start()
    old = context_for(certificates)
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    for address in (server.address, server.http):
        with pytest.raises((ssl.SSLError, OSError)):
            shown_certificate(address, old)


def test_a_port_with_tls_answers_nothing_without_it(start: StartServer) -> None:
    server = start()
    with pytest.raises((urllib.error.URLError, OSError)):
        urllib.request.urlopen(server.http.replace("https", "http") + "/health", timeout=10)
    assert server.stop() == ""


@pytest.mark.usefixtures("trusting")
def test_a_new_certificate_is_used_without_a_restart(
    start: StartServer, certificates: CertificateFolder
) -> None:
    server, context = start(), context_for(certificates)
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
    start: StartServer, certificates: CertificateFolder, tmp_path: Path
) -> None:
    server, context = start(), context_for(certificates)
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
    start: StartServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("runstream.transport.connection.RETRY_SECONDS", 1.0)
    server = start()
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


def test_who_opens_the_file_of_a_server_with_tls_is_told_its_uri(start: StartServer) -> None:
    server = start()
    with (
        TrackingClient(server.database) as client,
        pytest.raises(FailedPrecondition, match=f"tracking URI, {server.uri}"),
    ):
        client.create_run("0")


def caller_over_http(
    server: ServerProcess, context: ssl.SSLContext, **headers: str
) -> dict[str, str]:
    request = urllib.request.Request(
        f"{server.http}/api/1.0/runstream/access/caller", headers=headers
    )
    with urllib.request.urlopen(request, context=context, timeout=10) as answer:
        caller: dict[str, str] = json.load(answer)
        return caller


@pytest.fixture
def mutual(start: StartServer, certificates: CertificateFolder) -> ServerProcess:
    """Start a server that asks clients for certificates, of whom root is an admin."""
    return start(RUNSTREAM_TLS_CLIENT_CA=str(certificates.ca), RUNSTREAM_TLS_ADMINS="root")


@contextmanager
def connect(
    server: ServerProcess, certificates: CertificateFolder, name: str, token: str = ""
) -> Iterator[Api]:
    """Make the stubs of a client that has a certificate of this name."""
    files = certificates.client(name)
    ca, key, chain = (
        Path(files[f"RUNSTREAM_{one}"]).read_bytes() for one in ("CA", "CLIENT_KEY", "CLIENT_CERT")
    )
    credentials = grpc.ssl_channel_credentials(ca, key, chain)
    if token:
        calls = grpc.access_token_call_credentials(token)
        credentials = grpc.composite_channel_credentials(credentials, calls)
    with grpc.secure_channel(server.address, credentials) as channel:
        yield Api(channel)


def test_the_common_name_of_a_certificate_is_the_caller_on_both_ports(
    mutual: ServerProcess, certificates: CertificateFolder
) -> None:
    roles = {
        "ada": "SERVER_ROLE_WRITER",
        "root": "SERVER_ROLE_ADMIN",
        "Zoë Ångström": "SERVER_ROLE_WRITER",
    }
    for name, role in roles.items():
        with connect(mutual, certificates, name) as api:
            caller = api.access.GetCaller(GetCallerRequest())
            assert (caller.user_name, ServerRole.Name(caller.role)) == (name, role)
        context = context_for(certificates)
        files = certificates.client(name)
        context.load_cert_chain(files["RUNSTREAM_CLIENT_CERT"], files["RUNSTREAM_CLIENT_KEY"])
        over_http = caller_over_http(mutual, context)
        assert (over_http["user_name"], over_http["role"]) == (name, role)


def test_what_a_certificate_owns_another_one_does_not_see(
    mutual: ServerProcess, certificates: CertificateFolder
) -> None:
    with connect(mutual, certificates, "ada") as ada, connect(mutual, certificates, "eve") as eve:
        experiment = ada.experiments.CreateExperiment(CreateExperimentRequest(name="of Ada"))
        request = GetExperimentRequest(experiment_id=experiment.experiment_id)
        assert ada.experiments.GetExperiment(request).experiment.name == "of Ada"
        with pytest.raises(grpc.RpcError) as refused:
            eve.experiments.GetExperiment(request)
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND


def test_without_a_certificate_http_answers_401_and_grpc_takes_no_connection(
    mutual: ServerProcess, certificates: CertificateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = context_for(certificates)
    with pytest.raises(urllib.error.HTTPError, match="401"):
        caller_over_http(mutual, context)
    with urllib.request.urlopen(f"{mutual.http}/health", context=context, timeout=10) as answer:
        assert answer.status == 200
    monkeypatch.setattr("runstream.transport.connection.RETRY_SECONDS", 1.0)
    monkeypatch.setenv("RUNSTREAM_CA", str(certificates.ca))
    with TrackingClient(mutual.uri) as client, pytest.raises(Unavailable):
        client.create_run("0")


def test_a_certificate_of_another_authority_is_nobody_on_either_port(
    mutual: ServerProcess, certificates: CertificateFolder, tmp_path: Path
) -> None:
    other = CertificateFolder(tmp_path / "other", trustme.CA())
    files = other.client("root")
    context = context_for(certificates)
    context.load_cert_chain(files["RUNSTREAM_CLIENT_CERT"], files["RUNSTREAM_CLIENT_KEY"])
    with pytest.raises((ssl.SSLError, OSError)):
        caller_over_http(mutual, context)
    shutil.copy(certificates.ca, other.ca)
    with connect(mutual, other, "root") as api, pytest.raises(grpc.RpcError) as refused:
        api.access.GetCaller(GetCallerRequest(), timeout=10)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


def test_a_certificate_without_a_common_name_is_nobody(
    mutual: ServerProcess, certificates: CertificateFolder
) -> None:
    files = certificates.issue("nameless", "nameless@example.org")
    context = context_for(certificates)
    context.load_cert_chain(files["cert"], files["key"])
    with pytest.raises(urllib.error.HTTPError, match="401"):
        caller_over_http(mutual, context)
    credentials = grpc.ssl_channel_credentials(
        certificates.ca.read_bytes(),
        Path(files["key"]).read_bytes(),
        Path(files["cert"]).read_bytes(),
    )
    with (
        grpc.secure_channel(mutual.address, credentials) as channel,
        pytest.raises(grpc.RpcError, match="names nobody"),
    ):
        Api(channel).access.GetCaller(GetCallerRequest(), timeout=10)


def test_a_token_goes_before_the_certificate_of_its_connection(
    mutual: ServerProcess, certificates: CertificateFolder
) -> None:
    with connect(mutual, certificates, "root") as root:
        token = create_token(root, "bob", ServerRole.SERVER_ROLE_READER)
    with connect(mutual, certificates, "root", token) as api:
        assert api.access.GetCaller(GetCallerRequest()).user_name == "bob"
    with connect(mutual, certificates, "root", "rst_" + "A" * 43) as api:
        with pytest.raises(grpc.RpcError) as refused:
            api.access.GetCaller(GetCallerRequest())
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    context = context_for(certificates)
    by_token = caller_over_http(mutual, context, authorization=f"Bearer {token}")
    assert by_token["user_name"] == "bob"


def test_a_new_authority_of_clients_takes_the_place_of_the_former_one(
    start: StartServer, certificates: CertificateFolder, tmp_path: Path
) -> None:
    trusted = tmp_path / "clients.pem"
    shutil.copy(certificates.ca, trusted)
    server = start(RUNSTREAM_TLS_CLIENT_CA=str(trusted))
    new = CertificateFolder(tmp_path / "new", trustme.CA())
    shutil.copy(new.ca, trusted)
    shutil.copy(certificates.ca, new.ca)  # which the server is still of
    with connect(server, certificates, "ada") as former, pytest.raises(grpc.RpcError):
        former.access.GetCaller(GetCallerRequest(), timeout=10)
    with connect(server, new, "ada") as api:
        assert api.access.GetCaller(GetCallerRequest(), timeout=10).user_name == "ada"
    for folder in (certificates, new):
        context = context_for(certificates)
        files = folder.client("ada")
        context.load_cert_chain(files["RUNSTREAM_CLIENT_CERT"], files["RUNSTREAM_CLIENT_KEY"])
        if folder is new:
            assert caller_over_http(server, context)["user_name"] == "ada"
        else:
            with pytest.raises(OSError, match=r"certificate|SSL|reset|EOF|closed connection"):
                caller_over_http(server, context)


def test_the_python_client_shows_the_certificate_of_the_environment(
    mutual: ServerProcess, certificates: CertificateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in certificates.client("ada").items():
        monkeypatch.setenv(name, value)
    with TrackingClient(mutual.uri) as client:
        run = client.create_run(client.create_experiment("of Ada")).info.run_id
        client.log_metric(run, "loss", 0.5)
        client.set_terminated(run)
        assert client.get_run(run).data.metrics == {"loss": 0.5}


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
def test_the_interface_of_a_server_with_tls_has_an_address_of_https(start: StartServer) -> None:
    server = start()
    with TrackingClient(server.uri) as client:
        assert client.interface_uri() == f"{server.http}/"


def test_a_connection_without_a_handshake_is_closed_and_others_are_served_meanwhile(
    start: StartServer, certificates: CertificateFolder
) -> None:
    server, context = start(), context_for(certificates)
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


def test_the_cookie_of_a_session_over_tls_is_for_tls_alone(
    mutual: ServerProcess, certificates: CertificateFolder
) -> None:
    with connect(mutual, certificates, "root") as root:
        token = create_token(root, "bob", ServerRole.SERVER_ROLE_READER)
    request = urllib.request.Request(
        f"{mutual.http}/sign-in/token", json.dumps({"token": token}).encode(), method="POST"
    )
    context = context_for(certificates)
    with urllib.request.urlopen(request, context=context, timeout=10) as answer:
        cookie = answer.headers["Set-Cookie"]
    assert {"Secure", "HttpOnly"} <= {part.strip() for part in cookie.split(";")}
    by_session = caller_over_http(mutual, context, cookie=cookie.partition(";")[0])
    assert by_session["user_name"] == "bob"


def test_a_name_that_is_not_that_of_the_server_is_refused_for_reads_over_tls_too(
    start: StartServer, certificates: CertificateFolder
) -> None:
    server = start()
    with pytest.raises(urllib.error.HTTPError, match="403"):
        caller_over_http(server, context_for(certificates), host="rebound.example")


def test_a_server_that_asks_clients_for_certificates_may_listen_beyond_its_machine(
    tmp_path: Path, certificates: CertificateFolder
) -> None:
    environment = certificates.server(RUNSTREAM_TLS_CLIENT_CA=str(certificates.ca))
    address = f"0.0.0.0:{reserve_port()}"
    server = ServerProcess(tmp_path / "runs.db", environment, address=address)
    try:
        server.address = address.replace("0.0.0.0", "127.0.0.1")
        with connect(server, certificates, "ada") as api:
            assert api.access.GetCaller(GetCallerRequest(), timeout=20).user_name == "ada"
    finally:
        server.kill()
