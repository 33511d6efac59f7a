"""The peers: MLflow and FastTrackML, each in a virtual environment of its own.

The environments are made at first use under `.venv-peers/`, with pinned versions. Each server
runs in the way in which we found it fastest for one client on two cores.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.server import ROOT, Server, start


@dataclass(frozen=True)
class Peer:
    """How to install a peer, and how to start its server with a folder, a port and a database."""

    requirements: tuple[str, ...]
    command: Callable[[Path, int, str | None], list[str]]


def _mlflow(directory: Path, port: int, database: str | None) -> list[str]:
    # With its default of four workers each answer took 40 ms longer, which looks like a delayed
    # acknowledgement of TCP: one worker answers five times sooner.
    return [
        *("mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", database or f"sqlite:///{directory / 'runs.db'}"),
        *("--default-artifact-root", str(directory / "artifacts")),
    ]


def _fasttrackml(directory: Path, port: int, database: str | None) -> list[str]:
    assert not database, "it is measured on SQLite alone"
    return [
        *("fml", "server", "--listen-address", f"127.0.0.1:{port}", "--log-level", "warning"),
        *("--database-uri", f"sqlite://{directory / 'runs.db'}"),
        *("--default-artifact-root", str(directory / "artifacts")),
    ]


PEERS = {
    "mlflow": Peer(("mlflow==3.17.2", "psutil==7.2.2", "psycopg2-binary==2.9.11"), _mlflow),
    # Its client cannot be imported with MLflow 2.14 any more; setuptools is for this MLflow.
    "fasttrackml": Peer(("fasttrackml==0.6.0", "mlflow==2.9.2", "setuptools<81"), _fasttrackml),
}

#: What MLflow's functions need to log to our server by `runstream.mlflow_plugin`.
PLUGIN_REQUIREMENTS = (
    "mlflow-skinny==3.17.2",
    "grpcio==1.85.3",
    "protobuf==7.36.2",
    "click==8.5.1",
)

#: What is trained with in `benchmarks.callbacks`, and MLflow's client beside it.
FRAMEWORK_REQUIREMENTS = (
    "accelerate==1.15.0",
    "lightning==2.6.6",
    "mlflow-skinny==3.17.2",
    "torch==2.15.0",
    "transformers==5.24.0",
    "grpcio==1.85.3",
    "protobuf==7.36.2",
    "click==8.5.1",
)

#: Of the servers of peers and of the programs that drive them.
ENVIRONMENT = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    # Workers for jobs that a tracking server does not need take the processor in their start.
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "NO_PROXY": "127.0.0.1",
}


def start_peer(name: str, directory: Path, database: str | None = None) -> Server:
    """Install a peer where it is missing, and start its server on a database or an empty file."""
    peer = PEERS[name]
    binaries = installed(name, peer.requirements)
    port = _free_port()
    executable, *arguments = peer.command(directory, port, database)
    process = start([str(binaries / executable), *arguments], directory, ENVIRONMENT)
    uri = f"http://127.0.0.1:{port}"
    worker = (str(binaries / "python"), "-m", "benchmarks.workers.peer")
    server = Server(process, uri, directory, worker, ENVIRONMENT, uri)
    try:
        _wait(server)
    except BaseException:
        server.stop()
        raise
    return server


def installed(name: str, requirements: tuple[str, ...]) -> Path:
    """Return the folder of the executables of an environment, made if it is not there."""
    environment = ROOT / ".venv-peers" / name
    stamp = environment / "requirements.txt"
    wanted = "\n".join(requirements)
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"  installing {' '.join(requirements)}", file=sys.stderr, flush=True)
        shutil.rmtree(environment, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
        uv = [str(Path(sys.executable).with_name("uv")), "pip", "install", "--quiet"]
        python = str(environment / "bin" / "python")
        subprocess.run([*uv, "--python", python, *requirements], check=True)
        stamp.write_text(wanted)
    return environment / "bin"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(server: Server, timeout: float = 120) -> None:
    """Return when the server is healthy."""
    end = time.monotonic() + timeout
    while True:
        try:
            urllib.request.urlopen(f"{server.uri}/health", timeout=5).close()
        except (urllib.error.URLError, OSError):
            if server.process.poll() is not None or time.monotonic() > end:
                log = (server.directory / "log").read_text()
                raise RuntimeError(f"the server did not start: {log}") from None
            time.sleep(0.2)
        else:
            return
