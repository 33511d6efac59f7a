"""Fixtures: a server with its REST API, and a client of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from secrets import token_hex

import pytest

from support.rest import Rest
from support.server_process import ServerProcess

# What operators see is tested on each database.
OF_OPERATORS = ("test_metrics", "test_probes", "test_request_ids")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests for operators on both databases, but for those that look into the file."""
    is_marked = any(metafunc.definition.iter_markers("sqlite"))
    is_for_operators = metafunc.definition.path.stem in OF_OPERATORS
    if "new_url" in metafunc.fixturenames and is_for_operators and not is_marked:
        metafunc.parametrize("new_url", ["sqlite", "postgresql"], indirect=True, scope="session")


@pytest.fixture
def server(start_server: Callable[..., ServerProcess]) -> ServerProcess:
    return start_server(RUNSTREAM_HTTP_PORT="0")


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rest]:
    """A server for a whole module, for what does not care what is there."""
    folder = tmp_path_factory.mktemp("fuzzed")
    server = ServerProcess(folder / "runs.db", {"RUNSTREAM_HTTP_PORT": "0"})
    rest = Rest(server.http)
    yield rest
    rest.session.close()
    assert server.stop() == ""


@pytest.fixture
def rest(server: ServerProcess) -> Iterator[Rest]:
    rest = Rest(server.http)
    yield rest
    rest.session.close()


@pytest.fixture
def experiment(rest: Rest) -> str:
    """The id of a new experiment."""
    return str(rest.post("experiments/create", name=token_hex(8))["experiment_id"])


@pytest.fixture
def run_id(rest: Rest, experiment: str) -> str:
    """The id of a new run named `first`."""
    return rest.create_run(experiment, run_name="first")
