"""Certificates of clients, which say who calls on both ports."""

from __future__ import annotations

import json
import shutil
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
import trustme

from runstream import TrackingClient
from runstream.errors import Unavailable
from runstream.v1.access_service_pb2 import GetCallerRequest, ServerRole
from runstream.v1.experiment_service_pb2 import CreateExperimentRequest, GetExperimentRequest
from support.access import create_token
from support.api import Api
from support.ports import reserve_port
from support.server_process import ServerProcess
from support.tls import CertificateFolder, caller_over_http, connect, context_for

StartServer = Callable[..., ServerProcess]


@pytest.fixture
def mutual(start_with_tls: StartServer, certificates: CertificateFolder) -> ServerProcess:
    """Start a server that asks clients for certificates, of whom root is an admin."""
    return start_with_tls(RUNSTREAM_TLS_CLIENT_CA=str(certificates.ca), RUNSTREAM_TLS_ADMINS="root")


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
    start_with_tls: StartServer, certificates: CertificateFolder, tmp_path: Path
) -> None:
    trusted = tmp_path / "clients.pem"
    shutil.copy(certificates.ca, trusted)
    server = start_with_tls(RUNSTREAM_TLS_CLIENT_CA=str(trusted))
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
