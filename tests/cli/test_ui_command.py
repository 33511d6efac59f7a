"""`runstream ui`, and the link that `start_run` prints."""

from __future__ import annotations

import sys
import urllib.request
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from runstream import FailedPrecondition, TrackingClient
from support.server_process import ServerProcess
from support.shell import COMMAND
from support.terminal import Terminal

PROGRAM = """
import runstream

with runstream.start_run(run_name="seen"):
    runstream.log_metric("loss", 0.5)
"""


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    """Run a program on a terminal, with a tracking URI."""
    opened = []

    def open_terminal(*command: str, uri: str) -> Terminal:
        # A browser that the command can open is a program that ends at once.
        environment = {"RUNSTREAM_TRACKING_URI": uri, "BROWSER": "true"}
        opened.append(Terminal(command, environment, columns=200))
        return opened[-1]

    yield open_terminal
    for each in opened:
        each.close()


def fetch(uri: str) -> bytes:
    with urllib.request.urlopen(uri, timeout=20) as answer:
        content: bytes = answer.read()
    return content


def test_the_interface_of_a_file_opens_while_a_background_server_serves_it(
    terminal: Callable[..., Terminal], tmp_path: Path
) -> None:
    uri = f"sqlite:///{tmp_path}/runs.db"
    with TrackingClient(uri) as client:  # it keeps the background server there
        assert client.interface_uri() is None
        shown = terminal(*COMMAND, "ui", uri=uri)
        shown.wait_for("Ctrl-C ends it.")
        address = client.interface_uri()
        assert address is not None
        assert address.startswith("http://127.0.0.1:")
        assert b"<title>" in fetch(address)
        assert client.serve_http() == client.get_server_info().http_port
        linked = terminal(sys.executable, "-c", PROGRAM, uri=uri)
        status, lines = linked.end()
        (run,) = client.search_runs()
        page = f"{address}#/experiments/0/runs/{run.info.run_id}"
        assert (status, lines) == (0, [f"runstream: seen is at {page}"])
        shown.type("\x03")
        status, lines = shown.end()
        assert status == 0
        assert lines[0] == address


def test_the_interface_of_a_named_server_opens_and_the_command_ends(
    terminal: Callable[..., Terminal], start_server: Callable[..., ServerProcess]
) -> None:
    server = start_server(RUNSTREAM_HTTP_PORT="0")
    assert terminal(*COMMAND, "ui", uri=server.uri).end() == (0, [f"{server.http}/"])


def test_a_server_without_http_says_so_and_serves_none_on_request(
    terminal: Callable[..., Terminal], server: ServerProcess
) -> None:
    status, lines = terminal(*COMMAND, "ui", uri=server.uri).end()
    assert (status, lines) == (1, ["Error: this server was started with --http-port off"])
    with TrackingClient(server.uri) as client:
        with pytest.raises(FailedPrecondition) as refusal:
            client.serve_http()
        assert refusal.value.reason == "HTTP_OFF"
        info = client.get_server_info()
    assert (info.version, info.http_port) == (version("runstream"), 0)
    assert server.uri.endswith(f":{info.grpc_port}")
    assert terminal(sys.executable, "-c", PROGRAM, uri=server.uri).end() == (0, [])


NOT_BUILT = """
from pathlib import Path
from runstream_service import built_interface
built_interface.FOLDER = Path("nowhere")
from runstream.cli import main
main()
"""


def test_an_interface_that_is_not_built_is_not_opened_but_said_to_be_missing(
    terminal: Callable[..., Terminal], tmp_path: Path
) -> None:
    server = ServerProcess(
        tmp_path / "runs.db", {"RUNSTREAM_HTTP_PORT": "0"}, program=("-c", NOT_BUILT)
    )
    status, lines = terminal(*COMMAND, "ui", uri=server.uri).end()
    said = " ".join(lines)
    assert (status, "run `make web` in the sources of Runstream" in said) == (1, True), lines
    assert terminal(sys.executable, "-c", PROGRAM, uri=server.uri).end() == (0, [])  # no link
    with TrackingClient(server.uri) as client:
        assert not client.get_server_info().has_interface
        assert client.interface_uri() is None
    assert server.stop() == ""
