"""What a client says when TLS is wrong: at once, in words that help, and it loses nothing."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import trustme

from runstream import TrackingClient
from runstream.errors import Unavailable
from support.ports import reserve_port
from support.server_process import ENVIRONMENT, ServerProcess
from support.tls import CertificateFolder

StartServer = Callable[..., ServerProcess]

# Much less than the 30 seconds for which a call waits for a server that is away.
SECONDS = 12.0


def problem_of(uri: str) -> Unavailable:
    """Return the error of the first call to a server, which must come soon."""
    began = time.monotonic()
    with TrackingClient(uri) as client, pytest.raises(Unavailable) as refused:
        client.create_run("0")
    assert time.monotonic() - began < SECONDS
    assert "\n" not in str(refused.value)
    return refused.value


def yesterday() -> datetime:
    return datetime.now() - timedelta(days=1)


def test_a_certificate_that_is_not_trusted_names_the_variable_for_its_authority(
    start_with_tls: StartServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server = start_with_tls()
    error = problem_of(server.uri)
    assert error.reason == "SERVER_NOT_TRUSTED"
    assert f"{server.address} shows a certificate that is not trusted" in str(error)
    assert "set RUNSTREAM_CA to the file of its authority" in str(error)
    other = CertificateFolder(tmp_path / "other", trustme.CA())
    monkeypatch.setenv("RUNSTREAM_CA", str(other.ca))
    error = problem_of(server.uri)
    assert error.reason == "SERVER_NOT_TRUSTED"
    assert f"RUNSTREAM_CA ({other.ca}) has not its authority" in str(error)


@pytest.mark.usefixtures("trusting")
def test_the_port_of_https_is_not_that_of_grpc(start_with_tls: StartServer) -> None:
    server = start_with_tls(RUNSTREAM_HTTP_PORT="0")
    error = problem_of(server.http.replace("https://", "grpcs://"))
    assert error.reason == "GRPC_NOT_SPOKEN"
    assert "speaks HTTPS, not gRPC: the tracking URI needs the port of gRPC" in str(error)


@pytest.mark.usefixtures("trusting")
def test_a_certificate_for_other_names_lists_them(
    start_with_tls: StartServer, certificates: CertificateFolder
) -> None:
    server = start_with_tls()
    certificates.issue("server", "ml.example.org", "10.1.2.3")
    error = problem_of(server.uri)
    assert error.reason == "SERVER_HAS_ANOTHER_NAME"
    assert str(error).endswith("a name of its certificate, which are ml.example.org, 10.1.2.3")


@pytest.mark.usefixtures("trusting")
def test_a_certificate_that_has_expired_is_called_that(
    start_with_tls: StartServer, certificates: CertificateFolder
) -> None:
    server = start_with_tls()
    certificates.issue("server", "127.0.0.1", not_after=yesterday())
    error = problem_of(server.uri)
    assert error.reason == "SERVER_CERTIFICATE_EXPIRED"
    assert "has expired" in str(error)


def test_a_missing_or_foreign_certificate_of_the_client_is_called_that(
    start_with_tls: StartServer,
    certificates: CertificateFolder,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    server = start_with_tls(RUNSTREAM_TLS_CLIENT_CA=str(certificates.ca))
    monkeypatch.setenv("RUNSTREAM_CA", str(certificates.ca))
    error = problem_of(server.uri)
    assert error.reason == "CLIENT_CERTIFICATE_NEEDED"
    assert "RUNSTREAM_CLIENT_CERT and RUNSTREAM_CLIENT_KEY" in str(error)
    foreign = CertificateFolder(tmp_path / "foreign", trustme.CA()).client("ada")
    for name in ("RUNSTREAM_CLIENT_CERT", "RUNSTREAM_CLIENT_KEY"):
        monkeypatch.setenv(name, foreign[name])
    error = problem_of(server.uri)
    assert error.reason == "CLIENT_CERTIFICATE_REFUSED"
    assert foreign["RUNSTREAM_CLIENT_CERT"] in str(error)


def test_the_scheme_that_does_not_fit_the_port_is_named(
    start_with_tls: StartServer, server: ServerProcess
) -> None:
    with_tls = start_with_tls()
    error = problem_of(f"grpc://{with_tls.address}")
    assert error.reason == "TLS_NEEDED"
    assert f"grpcs://{with_tls.address}" in str(error)
    error = problem_of(f"grpcs://{server.address}")
    assert error.reason == "TLS_NOT_SPOKEN"
    assert f"(grpc://{server.address})" in str(error)


def test_a_file_that_has_no_certificate_is_named_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, certificates: CertificateFolder
) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("no certificate\n")
    monkeypatch.setenv("RUNSTREAM_CA", str(empty))
    assert f"RUNSTREAM_CA ({empty}) has no certificate" in str(problem_of("grpcs://127.0.0.1:1"))
    for name, path in certificates.client("ada").items():
        monkeypatch.setenv(name, path)
    key = certificates.client("eve")["RUNSTREAM_CLIENT_KEY"]
    monkeypatch.setenv("RUNSTREAM_CLIENT_KEY", key)
    assert "are not a certificate and its key" in str(problem_of("grpcs://127.0.0.1:1"))


def test_the_command_line_says_it_in_one_line_with_the_status_of_a_server_that_is_not_reached(
    start_with_tls: StartServer,
) -> None:
    server = start_with_tls()
    for uri, words in (
        (server.uri, "RUNSTREAM_CA"),
        (f"grpc://{server.address}", f"grpcs://{server.address}"),
    ):
        began = time.monotonic()
        listed = subprocess.run(
            [sys.executable, "-m", "runstream", "experiments", "list", "--tracking-uri", uri],
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert time.monotonic() - began < 2 * SECONDS
        assert listed.returncode == 4
        assert words in listed.stderr
        assert listed.stderr.count("\n") == 1, listed.stderr


@pytest.mark.usefixtures("trusting")
def test_a_call_waits_for_a_server_that_begins_to_listen_later(
    start_with_tls: StartServer,
) -> None:
    server = start_with_tls()
    server.kill()
    with TrackingClient(server.uri) as client:
        restarting = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1)"])
        restarting.wait()
        server.start()
        assert client.create_run("0").info.run_id


@pytest.mark.usefixtures("trusting")
def test_a_stream_outlives_a_certificate_that_is_wrong_for_a_while_and_loses_nothing(
    start_with_tls: StartServer, certificates: CertificateFolder, caplog: pytest.LogCaptureFixture
) -> None:
    server = start_with_tls()
    with TrackingClient(server.uri) as client:
        run = client.create_run("0").info.run_id
        client.log_metric(run, "loss", 0.0, step=0)
        client.flush()
        server.kill()
        certificates.issue("server", "127.0.0.1", not_after=yesterday())
        server.start()
        for step in range(1, 101):
            client.log_metric(run, "loss", float(step), step=step)
        time.sleep(3)
        certificates.issue("server", "127.0.0.1")
        client.flush()
        history = client.get_metric_history(run, "loss")
        assert [point.step for point in history] == list(range(101))
    (warning,) = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
    assert "what is logged meanwhile is sent when it takes it again" in warning


@pytest.mark.usefixtures("trusting")
def test_a_stream_that_never_came_about_says_why_and_goes_on_once_that_is_mended(
    start_with_tls: StartServer, certificates: CertificateFolder, caplog: pytest.LogCaptureFixture
) -> None:
    server = start_with_tls()
    with TrackingClient(server.uri) as client:
        run = client.create_run("0").info.run_id
    certificates.issue("server", "ml.example.org")
    with TrackingClient(server.uri) as client:
        client.log_metric(run, "loss", 0.5)
        began = time.monotonic()
        with pytest.raises(
            Unavailable, match=r"ml\.example\.org.*; 1 point is not delivered and stays queued"
        ):
            client.flush()
        assert time.monotonic() - began < SECONDS
        certificates.issue("server", "127.0.0.1")
        deadline = time.monotonic() + 30
        while True:
            try:
                client.flush()
                break
            except Unavailable:
                assert time.monotonic() < deadline
                time.sleep(0.2)
        assert client.get_run(run).data.metrics == {"loss": 0.5}
    warnings = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
    assert len(warnings) == 1
    assert "ml.example.org" in warnings[0]
    assert "not sent before that is mended" in warnings[0]


def test_of_several_servers_one_with_a_good_certificate_is_enough(
    start_with_tls: StartServer, certificates: CertificateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNSTREAM_CA", str(certificates.ca))
    server = start_with_tls()
    away = f"127.0.0.1:{reserve_port()}"
    with TrackingClient(f"grpcs://{away},{server.address}") as client:
        for _ in range(3):
            assert client.create_run("0").info.run_id
