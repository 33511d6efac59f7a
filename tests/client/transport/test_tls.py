"""`grpcs://`: a server behind a proxy that terminates TLS."""

from __future__ import annotations

import ssl
import subprocess
import sys
from collections.abc import Iterator
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


@pytest.fixture
def proxy(server: ServerProcess, authority: trustme.CA) -> Iterator[Proxy]:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.set_alpn_protocols(["h2"])
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    proxy = Proxy(server.address, tls)
    yield proxy
    proxy.close()


def log_through(proxy: Proxy, trusted: Path) -> subprocess.CompletedProcess[str]:
    """Log a run in a process that trusts the certificates of a file, and no others."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, proxy.uri],
        env=ENVIRONMENT | {"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(trusted)},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def test_a_run_is_logged_over_tls(proxy: Proxy, authority: trustme.CA, tmp_path: Path) -> None:
    trusted = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(trusted))
    logged = log_through(proxy, trusted)
    assert logged.stdout == "{'loss': 0.5}\n", logged.stderr


def test_a_server_whose_certificate_is_not_trusted_is_not_talked_to(
    proxy: Proxy, tmp_path: Path
) -> None:
    trusted = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(trusted))
    logged = log_through(proxy, trusted)
    assert logged.returncode == 1
    assert "Unavailable" in logged.stderr
