"""Fixtures: a server that knows its callers, on each database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.access import GuardedServer, connect_with_token, create_tokens
from support.granted_runs import Runs, make_runs
from support.secret_scene import Scene, make_secret, open_scene
from support.server_process import ServerProcess
from support.tls import CertificateFolder


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run these tests on both databases, but for those that are of what only one of them has."""
    kinds = [
        kind
        for kind, other in (("sqlite", "postgresql"), ("postgresql", "sqlite"))
        if not any(metafunc.definition.iter_markers(other))
    ]
    if "new_url" in metafunc.fixturenames and kinds != ["sqlite"]:
        metafunc.parametrize("new_url", kinds, indirect=True, scope="session")


@pytest.fixture(scope="module")
def guarded(
    tmp_path_factory: pytest.TempPathFactory, new_url: Callable[[], str | None]
) -> Iterator[GuardedServer]:
    """A server with tokens, for the tests of a file that need no server of their own."""
    database = tmp_path_factory.mktemp("guarded") / "runs.db"
    server = ServerProcess(database, {"RUNSTREAM_HTTP_PORT": "0"}, url=new_url())
    tokens = create_tokens(server.address)
    with ExitStack() as opened:
        apis = {
            name: opened.enter_context(connect_with_token(server.address, tokens.get(name, "")))
            for name in (*tokens, "nobody")
        }
        yield GuardedServer(server, tokens, apis)
    server.stop()


@pytest.fixture
def runs(guarded: GuardedServer, request: pytest.FixtureRequest) -> Runs:
    """A run to which Ada writes and which Bob reads, and an experiment where everybody writes."""
    return make_runs(guarded, request.node.nodeid)


@pytest.fixture(scope="module")
def scene(guarded: GuardedServer) -> Iterator[Scene]:
    """A server, and those who must not see what Ada has there."""
    with open_scene(guarded) as scene:
        yield scene


@pytest.fixture
def secret(scene: Scene) -> dict[str, str]:
    """What Ada has and nobody else may see; returns what names it."""
    apis = scene.guarded.apis
    return make_secret(apis["ada"], apis["root"])


@pytest.fixture
def certificates(tmp_path: Path) -> CertificateFolder:
    """The authority of a test."""
    return CertificateFolder(tmp_path / "certificates")


@pytest.fixture
def start_with_tls(
    tmp_path: Path, certificates: CertificateFolder
) -> Iterator[Callable[..., ServerProcess]]:
    """Start servers with a certificate of that authority, and with the variables that are given."""
    started = []

    def start(**variables: str) -> ServerProcess:
        environment = {"RUNSTREAM_HTTP_PORT": "0"} | certificates.server(**variables)
        started.append(ServerProcess(tmp_path / "runs.db", environment))
        return started[-1]

    yield start
    for server in started:
        server.kill()


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch, certificates: CertificateFolder) -> None:
    """Let clients of this process trust that authority."""
    monkeypatch.setenv("RUNSTREAM_CA", str(certificates.ca))


@pytest.fixture
def experiments(guarded: GuardedServer, request: pytest.FixtureRequest) -> list[str]:
    """Two experiments of Ada, the second of which nobody else sees."""
    test = request.node.nodeid
    return [guarded.apis["ada"].create_experiment(f"{test} {name}") for name in ("a", "b")]
