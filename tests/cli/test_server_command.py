"""The `runstream` command, run as a person runs it."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import grpc
import pytest

from runstream import TrackingClient
from runstream.v1 import experiment_service_pb2, experiment_service_pb2_grpc
from support.server_process import ENVIRONMENT

COMMAND = [sys.executable, "-m", "runstream"]
Starter = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Starter]:
    """Start `runstream server` in an empty folder, with options and environment."""
    started = []

    def start(*options: str, **environment: str) -> subprocess.Popen[str]:
        server = subprocess.Popen(
            [*COMMAND, "server", *options],
            cwd=tmp_path,
            env=ENVIRONMENT | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(server)
        return server

    yield start
    for server in started:
        server.kill()
        server.communicate()


def first_line(server: subprocess.Popen[str]) -> str:
    assert server.stdout is not None
    return server.stdout.readline()


def refusal(server: subprocess.Popen[str]) -> str:
    """Return the one line on stderr of a server that did not start."""
    output, errors = server.communicate(timeout=60)
    assert server.returncode == 2
    assert output == ""
    assert len(errors.splitlines()) == 1, errors
    return errors


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        env=ENVIRONMENT | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_version_is_that_of_the_package() -> None:
    assert run("--version").stdout == f"runstream {version('runstream')}\n"
    script = Path(sys.executable).with_name("runstream")
    assert subprocess.check_output([script, "--version"]) == run("--version").stdout.encode()


def test_the_help_names_each_option_with_its_variable_and_hides_the_inner_ones() -> None:
    text = run("server", "--help").stdout
    for name in ("database", "host", "port", "artifact-root", "log-level"):
        assert f"--{name}" in text
        assert f"RUNSTREAM_{name.replace('-', '_').upper()}" in text
    for name in ("lock-fd", "listen", "idle-timeout"):
        assert f"--{name}" not in text


def test_a_server_says_where_it_listens_and_nothing_else(tmp_path: Path, start: Starter) -> None:
    server = start("--database", "sqlite:///runs.db", "--port", "0", "--log-level", "warning")
    line = first_line(server)
    said = re.fullmatch(
        r"runstream (\S+) listening on grpc://(127\.0\.0\.1:\d+), "
        r"storing in sqlite:///(/\S+), artifacts in (/\S+)\n",
        line,
    )
    assert said, line
    assert said[1] == version("runstream")
    assert said[3] == str(tmp_path.resolve() / "runs.db")
    assert said[4] == str(tmp_path.resolve() / "artifacts")
    with grpc.insecure_channel(said[2]) as channel:
        stub = experiment_service_pb2_grpc.ExperimentServiceStub(channel)
        request = experiment_service_pb2.GetExperimentRequest(experiment_id="0")
        assert stub.GetExperiment(request, timeout=20).experiment.name == "Default"
    server.send_signal(signal.SIGTERM)
    assert server.communicate(timeout=30) == ("", "")


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_well(start: Starter, stop: signal.Signals) -> None:
    server = start("--port", "0")
    first_line(server)
    server.send_signal(stop)
    server.communicate(timeout=30)
    assert server.returncode == 0


def test_each_option_is_an_environment_variable_too(tmp_path: Path, start: Starter) -> None:
    server = start(
        RUNSTREAM_DATABASE=f"sqlite:///{tmp_path}/by-variable.db",
        RUNSTREAM_HOST="localhost",
        RUNSTREAM_PORT="0",
        RUNSTREAM_ARTIFACT_ROOT=f"{tmp_path}/elsewhere",
        RUNSTREAM_LOG_LEVEL="error",
    )
    line = first_line(server)
    assert f"sqlite:///{tmp_path.resolve()}/by-variable.db" in line
    assert f"artifacts in {tmp_path.resolve()}/elsewhere" in line
    assert "grpc://localhost:" in line
    assert "grpc://localhost:0," not in line


def test_the_database_may_be_the_argument(tmp_path: Path, start: Starter) -> None:
    assert f"sqlite:///{tmp_path.resolve()}/mine.db" in first_line(start("mine.db", "--port", "0"))


def test_a_second_server_on_a_file_is_refused(start: Starter) -> None:
    assert first_line(start("--port", "0"))
    assert "served by another server" in refusal(start("--port", "0"))


def test_a_second_server_on_a_port_is_refused_and_makes_no_database(
    tmp_path: Path, start: Starter
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert "--port takes another" in refusal(start("--port", port))
        assert "--http-port takes another" in refusal(start("--port", "0", "--http-port", port))
    assert not list(tmp_path.glob("*.db"))


@pytest.mark.parametrize("host", ["unix:/tmp/r.sock", "no.such.host.invalid"])
def test_a_host_that_is_none_is_refused_naming_the_option(start: Starter, host: str) -> None:
    assert "--host takes" in refusal(start("--host", host, "--port", "0"))


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path, start: Starter) -> None:
    assert f"folder {tmp_path.resolve()}/nowhere of" in refusal(start("nowhere/runs.db"))


@pytest.mark.parametrize(
    "database",
    ["mysql://host/runs", "grpc://host:1", "sqlite:///:memory:", "unix:r.sock", "/tmp"],
)
def test_a_database_that_cannot_be_served_is_refused(start: Starter, database: str) -> None:
    line = refusal(start("--database", database))
    assert database in line
    assert "sqlite:////absolute.db, a path, or postgresql://user@host/name" in line


@pytest.mark.parametrize("option", ["--port=70000", "--port=x", "--log-level=loud", "--unknown=1"])
def test_a_wrong_option_is_refused_naming_it(option: str) -> None:
    done = run("server", option)
    assert done.returncode == 2
    assert option.split("=")[0] in done.stderr


def test_without_the_server_packages_it_says_what_to_install(
    tmp_path: Path, start: Starter
) -> None:
    (tmp_path / "peewee.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'peewee'\", name='peewee')"
    )
    line = refusal(start(PYTHONPATH=str(tmp_path)))
    assert "pip install '.[server]' in the sources of Runstream" in line
    assert "peewee" in line


@pytest.mark.parametrize("host", ["::1", "::", "[::1]"])
def test_a_server_listens_on_ipv6_and_says_so_as_it_is_dialled(tmp_path: Path, host: str) -> None:
    server = subprocess.Popen(
        [sys.executable, "-m", "runstream", "server", "--host", host, "--port", "0", "--insecure"],
        env=ENVIRONMENT
        | {"RUNSTREAM_HTTP_PORT": "0", "RUNSTREAM_DATABASE": f"sqlite:///{tmp_path}/runs.db"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    with server.stdout:
        said = server.stdout.readline()
        name = f"[{host.strip('[]')}]"
        found = re.search(rf"grpc://{re.escape(name)}:(\d+), http://{re.escape(name)}:(\d+)", said)
        assert found is not None, said
        with TrackingClient(f"grpc://[::1]:{found[1]}") as client:
            assert client.get_experiment("0").name == "Default"
        with urllib.request.urlopen(f"http://[::1]:{found[2]}/health", timeout=20) as answer:
            assert answer.read() == b"OK"
        with TrackingClient(tmp_path / "runs.db") as client:  # found by the address file
            assert client.get_experiment("0").name == "Default"
        server.terminate()
        assert server.wait(30) == 0
