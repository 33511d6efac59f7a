"""Fixtures: the package as it is installed, in fresh environments."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runstream import Metric, RunstreamError, TrackingClient
from support.server_process import ServerProcess
from support.virtual_environments import CLIENT, Environment, create_environment, pins, pip

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def used_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that has been asked for a bit of everything."""
    folder = tmp_path_factory.mktemp("server")
    server = ServerProcess(folder / "runs.db", {"RUNSTREAM_HTTP_PORT": "0"})
    with TrackingClient(server.uri) as client:
        run_id = client.create_run().info.run_id
        client.log_batch(run_id, [Metric("loss", 0.5, 1, 1)])
        with pytest.raises(RunstreamError):
            client.get_run("0" * 32)
        client.set_terminated(run_id)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def build_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Build a folder, unless another worker of this run has built it."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def build_once(name: str, build: Callable[[Path], object]) -> Path:
        folder, built = shared / name, shared / f"{name}.built"
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not built.exists():
                build(folder)
                built.touch()
        return folder

    return build_once


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources without generated code, but with the web interface as it is built."""
    folder = tmp_path_factory.mktemp("sources")
    unwanted = shutil.ignore_patterns("*_pb2*", "__pycache__", "node_modules", "target")
    for name in ("clients", "service", "proto", "web"):
        shutil.copytree(ROOT / name, folder / name, ignore=unwanted)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture(scope="session")
def wheel(sources: Path, build_once: Callable[..., Path]) -> Path:
    """The wheel of these sources, built where no program but Python is to be found."""

    def build(folder: Path) -> None:
        pip("wheel", "--no-deps", "--wheel-dir", str(folder), str(sources), PATH="")

    (wheel,) = build_once("wheel", build).iterdir()
    return wheel


@pytest.fixture(scope="session")
def newest(wheel: Path, build_once: Callable[..., Path]) -> Environment:
    """The newest grpcio and protobuf, and no click."""
    required = [text for text in CLIENT if not text.startswith("click")]

    def build(folder: Path) -> None:
        create_environment(folder, *required).install("--no-deps", str(wheel))

    return Environment(build_once("newest", build))


@pytest.fixture(scope="session")
def lowest(wheel: Path, build_once: Callable[..., Path]) -> Environment:
    """The lowest version of everything that the client requires."""
    if sys.version_info >= (3, 13):
        pytest.skip("the lowest grpcio has wheels for CPython up to 3.12")
    packages = (*pins(CLIENT), str(wheel))
    return Environment(build_once("lowest", lambda folder: create_environment(folder, *packages)))
