"""Fixtures: real servers on free ports, each with a database file of its own."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest

from runstream import TrackingClient
from support.api import Api
from support.probe import Probe
from support.server_process import ServerProcess
from support.virtual_environments import CLIENT, Environment, pins, pip

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def prepared(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[dict[str, str]], ServerProcess]]:
    """Take a new server that began to start while the test before ran.

    Hundreds of tests want one, and would wait half a second for it.
    """
    begun: dict[str, ServerProcess] = {}

    def begin(environment: dict[str, str]) -> ServerProcess:
        database = tmp_path_factory.mktemp("server") / "runs.db"
        return ServerProcess(database, environment, wait=False)

    def take(environment: dict[str, str]) -> ServerProcess:
        key = str(environment)
        server = begun.pop(key, None) or begin(environment)
        begun[key] = begin(environment)
        return server.ready()

    yield take
    for server in begun.values():
        server.ready().stop()


@pytest.fixture
def start_server(
    tmp_path: Path, prepared: Callable[[dict[str, str]], ServerProcess]
) -> Iterator[Callable[..., ServerProcess]]:
    """Start a server, on `tmp_path/NAME` if named, with more environment variables, if given."""
    started: list[ServerProcess] = []

    def start(name: str = "", **environment: str) -> ServerProcess:
        if name or environment.keys() - {"RUNSTREAM_HTTP_PORT"}:
            server = ServerProcess(tmp_path / (name or "runs.db"), environment)
        else:
            server = prepared(environment)
        started.append(server)
        return server

    yield start
    for server in started:
        if server.process.poll() is None:
            server.stop()


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder into which every user of the machine may write, as into /tmp."""
    folder = Path(tempfile.mkdtemp(prefix="shared-"))
    folder.chmod(0o1777)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def server(start_server: Callable[..., ServerProcess]) -> ServerProcess:
    """A server on an empty database."""
    return start_server()


@pytest.fixture
def client(server: ServerProcess) -> Iterator[TrackingClient]:
    """A client of `server`."""
    with TrackingClient(server.uri) as client:
        yield client


@pytest.fixture
def connect() -> Iterator[Callable[..., Api]]:
    """Make the raw stubs for an address; their channel is closed after the test."""
    channels = []

    def connect(address: str, max_receive: int = 4 * 1024 * 1024) -> Api:
        options = [("grpc.max_receive_message_length", max_receive)]
        channels.append(grpc.insecure_channel(address, options=options))
        return Api(channels[-1])

    yield connect
    for channel in channels:
        channel.close()


@pytest.fixture
def api(server: ServerProcess, connect: Callable[[str], Api]) -> Api:
    """The raw stubs of `server`."""
    return connect(server.address)


@pytest.fixture(scope="session")
def idle_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that nobody but a probe calls."""
    database = tmp_path_factory.mktemp("idle") / "runs.db"
    server = ServerProcess(database, {"RUNSTREAM_HTTP_PORT": "0"})
    yield server
    server.stop()


@pytest.fixture
def probe(idle_server: ServerProcess) -> Callable[[ServerProcess], Probe]:
    """Look at how a server, which serves HTTP, too, serves others meanwhile."""
    return lambda server: Probe(server, idle_server)


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
def wheel(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of these sources, built where no program but Python is to be found."""
    out = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--wheel-dir", str(out), str(sources), PATH="")
    (built,) = out.iterdir()
    return built


@pytest.fixture(scope="session")
def newest(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The newest grpcio and protobuf, and no click."""
    required = [text for text in CLIENT if not text.startswith("click")]
    environment = Environment(tmp_path_factory.mktemp("newest"), *required)
    environment.install("--no-deps", str(wheel))
    return environment


@pytest.fixture(scope="session")
def lowest(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The lowest version of everything that the client requires."""
    if sys.version_info >= (3, 13):
        pytest.skip("the lowest grpcio has wheels for CPython up to 3.12")
    return Environment(tmp_path_factory.mktemp("lowest"), *pins(CLIENT), str(wheel))
