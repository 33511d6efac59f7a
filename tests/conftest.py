"""Fixtures: real servers on free ports, each with a database file of its own."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
from hypothesis import HealthCheck, settings

from runstream import TrackingClient
from support.api import Api
from support.migrated import make_migrated_file
from support.probe import Probe
from support.server_process import ENVIRONMENT, ServerProcess

if TYPE_CHECKING:
    from support.postgres import Postgres

ROOT = Path(__file__).parents[1]

# Other suites run meanwhile: how long an example takes says nothing. Examples of a test share its
# server, which is meant.
settings.register_profile(
    "runstream",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("runstream")


def pytest_configure() -> None:
    """Let the programs that tests start be ended by signals, whoever starts the tests.

    A shell without job control starts what is in its background with SIGINT ignored, `nohup` with
    SIGHUP, and what these start ignores them, too. A handler of Python is not passed on to other
    programs.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)  # for the tests themselves it stays ignored
    # What a test logs is what it finds; those of the source of runs turn it on.
    os.environ.setdefault("RUNSTREAM_SOURCE", "none")
    # What a test does not deliver is no business of the next one, nor of whoever runs the tests.
    spool = tempfile.mkdtemp(prefix="runstream-spool-")
    os.environ["RUNSTREAM_SPOOL"] = ENVIRONMENT["RUNSTREAM_SPOOL"] = spool


def pytest_unconfigure() -> None:
    """Remove what tests left undelivered."""
    shutil.rmtree(os.environ["RUNSTREAM_SPOOL"], ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever measures how long callers wait needs the machine alone."""
    for item in items:
        if isinstance(item, pytest.Function) and "probe" in item.fixturenames:
            item.add_marker("alone")


@pytest.fixture(scope="session")
def new_url(request: pytest.FixtureRequest) -> Callable[[], str | None]:
    """Make a database for a server; None leaves it to the server to make an SQLite file.

    The tests of the store run with both (tests/server/conftest.py).
    """
    if getattr(request, "param", "sqlite") == "sqlite":
        return lambda: None
    postgres: Postgres = request.getfixturevalue("postgres")
    return postgres.create_migrated_database


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file that has its tables already, to be copied."""
    return make_migrated_file(tmp_path_factory.mktemp("migrated"))


@pytest.fixture(scope="session")
def prepared(
    tmp_path_factory: pytest.TempPathFactory,
    new_url: Callable[[], str | None],
    migrated_file: Path,
) -> Iterator[Callable[[dict[str, str]], ServerProcess]]:
    """Take a new server that began to start while the test before ran.

    Hundreds of tests want one, and would wait half a second for it.
    """
    begun: dict[str, ServerProcess] = {}

    def begin(environment: dict[str, str]) -> ServerProcess:
        database = tmp_path_factory.mktemp("server") / "runs.db"
        url = new_url()
        if url is None:
            shutil.copy(migrated_file, database)
        return ServerProcess(database, environment, wait=False, url=url)

    def take(environment: dict[str, str]) -> ServerProcess:
        key = str(environment)
        server = begun.pop(key, None) or begin(environment)
        begun[key] = begin(environment)
        return server.wait_until_ready()

    yield take
    for server in begun.values():
        server.wait_until_ready().stop()


@pytest.fixture
def start_server(
    tmp_path: Path,
    prepared: Callable[[dict[str, str]], ServerProcess],
    new_url: Callable[[], str | None],
) -> Iterator[Callable[..., ServerProcess]]:
    """Start a server, on `tmp_path/NAME` if named, with more environment variables, if given."""
    started: list[ServerProcess] = []

    def start(name: str = "", **environment: str) -> ServerProcess:
        if name or environment.keys() - {"RUNSTREAM_HTTP_PORT"}:
            server = ServerProcess(tmp_path / (name or "runs.db"), environment, url=new_url())
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
def run_id(client: TrackingClient) -> str:
    """A run on `server`."""
    return client.create_run().info.run_id


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """Where a spool may be made that no other test has."""
    return tmp_path / "spool"


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
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL for all tests that want one."""
    from support.postgres import Postgres  # its driver is imported where a test wants it

    postgres = Postgres()
    yield postgres
    postgres.stop()


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
