"""The contract as buf takes it, and a server with TLS and tokens."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.server_process import ENVIRONMENT, ServerProcess
from support.stubs import ROOT, SecuredServer
from support.tls import CertificateFolder


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The contract with its imports, which buf would fetch from its registry."""
    image = tmp_path_factory.mktemp("contract") / "contract.binpb"
    subprocess.run([sys.executable, ROOT / "proto/image.py", image], check=True)
    return image


@pytest.fixture(scope="session")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredServer]:
    folder = tmp_path_factory.mktemp("secured")
    certificates = CertificateFolder(folder / "certificates")
    database = folder / "runs.db"
    command = [
        sys.executable,
        "-m",
        "runstream",
        "db",
        "create-token",
        "--user",
        "root",
        str(database),
    ]
    made = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    server = ServerProcess(database, certificates.server())
    variables = {"RUNSTREAM_CA": str(certificates.ca), "RUNSTREAM_TOKEN": made.stdout.strip()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNSTREAM_CA", str(certificates.ca))
        yield SecuredServer(server.uri, variables)
    assert server.stop() == ""
