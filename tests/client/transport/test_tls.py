"""`grpcs://`: a server behind a proxy that terminates TLS."""

from __future__ import annotations

import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import trustme

from support.proxy import Proxy
from support.server_process import ENVIRONMENT, ServerProcess

PROGRAM = """
import sys, runstream, runstream.transport.connection
runstream.transport.connection.RETRY_SECONDS = 2.0
runstream.set_tracking_uri(sys.argv[1])
with runstream.start_run() as run:
    runstream.log_metric("loss", 0.5, step=7)
print(runstream.get_run(run.info.run_id).data.metrics)
"""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def open_proxy(server: ServerProcess, authority: trustme.CA, name: str) -> Proxy:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.set_alpn_protocols(["h2"])
    authority.issue_cert(name).configure_cert(tls)
    return Proxy(server.address, tls)


@pytest.fixture
def proxy(server: ServerProcess, authority: trustme.CA) -> Iterator[Proxy]:
    with closing(open_proxy(server, authority, "127.0.0.1")) as proxy:
        yield proxy


def log_through(uri: str, trusted: Path) -> subprocess.CompletedProcess[str]:
    """Log a run in a process that trusts the certificates of a file, and no others."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, uri],
        env=ENVIRONMENT | {"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(trusted)},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def test_a_run_is_logged_over_tls(proxy: Proxy, authority: trustme.CA, tmp_path: Path) -> None:
    trusted = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(trusted))
    logged = log_through(proxy.uri, trusted)
    assert logged.stdout == "{'loss': 0.5}\n", logged.stderr


def test_a_server_whose_certificate_is_not_trusted_is_not_talked_to(
    proxy: Proxy, tmp_path: Path
) -> None:
    trusted = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(trusted))
    logged = log_through(proxy.uri, trusted)
    assert logged.returncode == 1
    assert "Unavailable" in logged.stderr


def test_of_several_servers_each_has_a_certificate_for_its_own_name(
    server: ServerProcess, proxy: Proxy, authority: trustme.CA, tmp_path: Path
) -> None:
    trusted = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(trusted))
    with closing(open_proxy(server, authority, "localhost")) as named:
        port = named.uri.rpartition(":")[2]
        logged = log_through(f"{proxy.uri},localhost:{port}", trusted)
        assert logged.stdout == "{'loss': 0.5}\n", logged.stderr
        assert proxy.is_used
        assert named.is_used
        swapped = f"{named.uri},localhost:{proxy.uri.rpartition(':')[2]}"
        assert log_through(swapped, trusted).returncode == 1
