"""A connection that is slow, silent or greedy is closed, and holds up no other."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import takewhile
from pathlib import Path

import pytest
import requests

from support.probe import Probe, peak_memory, reset_peak, resident_memory
from support.rest import Rest
from support.server_process import ServerProcess
from support.waiting import wait_until

Probing = Callable[[ServerProcess], Probe]
# A server whose clients may be silent for a second, and of which there may be twenty.
IMPATIENT = """
import sys
from runstream.cli import main
from runstream_service.http import connection, listener, streams
connection.HEAD_SECONDS = connection.SILENT_SECONDS = 1.0
listener.CONNECTIONS = 20
streams._KEEPALIVE_SECONDS = 1.0
main()
"""
GET = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
CHUNKED = (
    b"POST /api/2.0/mlflow/runs/create HTTP/1.1\r\nHost: localhost\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)


@pytest.fixture
def impatient(tmp_path: Path) -> Iterator[ServerProcess]:
    server = ServerProcess(
        tmp_path / "runs.db", {"RUNSTREAM_HTTP_PORT": "0"}, program=("-c", IMPATIENT)
    )
    yield server
    assert server.stop() == ""


@contextmanager
def connected(server: ServerProcess) -> Iterator[socket.socket]:
    host, _, port = server.http.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        yield connection


def received(connection: socket.socket) -> bytes:
    """Return what comes until the server closes the connection."""
    parts = []
    try:
        while part := connection.recv(65_536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def send_all(connection: socket.socket, parts: Iterator[bytes]) -> None:
    """Send parts until the server does not want any more."""
    try:
        for part in parts:
            connection.sendall(part)
    except (ConnectionResetError, BrokenPipeError, TimeoutError):
        pass


def has_open(server: ServerProcess, part: str) -> bool:
    """Return whether a server has a file open whose path has a part."""
    targets = []
    for descriptor in Path(f"/proc/{server.process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            targets.append(str(descriptor.readlink()))
    return any(part in target for target in targets)


def test_requests_that_nobody_reads_the_answers_of_are_not_kept(
    server: ServerProcess, probe: Probing
) -> None:
    with probe(server) as seen, connected(server) as connection:
        reset_peak(server)
        before = resident_memory(server)
        send_all(connection, (GET * 10_000 for _ in range(60)))  # 25 MB
        assert peak_memory(server) - before < 32
        assert b"OK" in received(connection)
    seen.assert_others_were_served()


@pytest.mark.parametrize(
    ("begin", "part"),
    [
        (b"GET /", b"a" * 65_536),
        (b"GET /health HTTP/1.1\r\nX: ", b"a" * 65_536),
        (b"GET /health HTTP/1.1\r\n", b"x: a\r\n" * 10_000),
        (
            b"PUT /a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1;",
            b"a" * 65_536,
        ),
        (
            b"PUT /a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
            b"x: a\r\n" * 10_000,
        ),
    ],
)
def test_a_head_without_end_is_refused(server: ServerProcess, begin: bytes, part: bytes) -> None:
    before = resident_memory(server)
    with connected(server) as connection:
        connection.sendall(begin)
        send_all(connection, (part for _ in range(1_000)))  # 60 MB
        received(connection)
    assert resident_memory(server) - before < 32
    assert requests.get(f"{server.http}/health", timeout=60).text == "OK"


def test_a_head_of_a_usual_size_is_taken_and_one_beyond_the_limit_told(rest: Rest) -> None:
    url = f"{rest.uri}/health"
    assert rest.session.get(url, headers={"x": "a" * 30_000}).text == "OK"
    host, _, port = rest.uri.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(GET[:-2] + b"X: ")
        for _ in range(9):
            connection.sendall(b"a" * 8_000)
        assert received(connection).startswith(b"HTTP/1.1 400 ")


def test_what_follows_a_request_and_is_none_does_not_take_its_answer(server: ServerProcess) -> None:
    for follows in (b"\0garbage\r\n\r\n", GET, GET * 5_000):
        with connected(server) as connection:
            connection.sendall(GET + follows)
            with suppress(OSError):  # the server may have closed it already
                connection.shutdown(socket.SHUT_WR)
            assert received(connection).startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize(
    "begin",
    [
        b"",
        b"GET /health HT",
        CHUNKED + b"1\r\n{",
        GET,
    ],
)
def test_who_sends_nothing_more_is_let_go(impatient: ServerProcess, begin: bytes) -> None:
    with connected(impatient) as connection:
        connection.sendall(begin)
        received(connection)  # ends


def test_who_sends_a_head_letter_by_letter_is_let_go(impatient: ServerProcess) -> None:
    with connected(impatient) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ended = []
        with suppress(ConnectionResetError, BrokenPipeError):
            for _ in range(600):
                connection.sendall(b"a")
                time.sleep(0.1)
            ended.append("a minute")
        assert ended == []


def test_who_reads_nothing_of_an_answer_is_let_go(impatient: ServerProcess) -> None:
    rest = Rest(impatient.http)
    run_id = rest.create_run()
    path = f"/api/2.0/mlflow-artifacts/artifacts/0/{run_id}/artifacts/large"
    rest.session.put(rest.uri + path, data=bytes(32 * 1024 * 1024)).raise_for_status()
    rest.session.close()
    with connected(impatient) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        wait_until(lambda: has_open(impatient, "artifacts/"), 60)
        wait_until(lambda: not has_open(impatient, "artifacts/"), 60)
        assert len(received(connection)) < 32 * 1024 * 1024


def test_a_silent_stream_of_changes_is_no_silent_client(impatient: ServerProcess) -> None:
    """It waits for changes, and is not let go while it does."""
    url = f"{impatient.http}/api/1.0/runstream/watch/stream?experiment_ids=0"
    with requests.get(url, stream=True, timeout=60) as watch:
        time.sleep(3)
        Rest(impatient.http).create_run()
        before = list(takewhile(lambda line: b"changes" not in line, watch.iter_lines()))
        assert before.count(b"event: heartbeat") >= 2  # of which a browser tells its page


def test_more_connections_than_there_may_be_are_told_so(impatient: ServerProcess) -> None:
    host, _, port = impatient.http.removeprefix("http://").rpartition(":")
    many = [socket.create_connection((host, int(port)), timeout=60) for _ in range(30)]
    answers = [received(connection) for connection in many]  # the first twenty are let go
    refused = [answer for answer in answers if b"there are too many connections" in answer]
    assert len(refused) == 10
    error = json.loads(refused[0].partition(b"\r\n\r\n")[2])
    assert (error["reason"], error["metadata"]) == ("CONNECTIONS_TOO_MANY", {})
    for connection in many:
        connection.close()
    assert requests.get(f"{impatient.http}/health", timeout=60).text == "OK"


def test_a_server_without_a_free_descriptor_writes_few_lines(tmp_path: Path) -> None:
    few = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))\n"
    program = ("-c", few + IMPATIENT.replace("= 20", "= 1_000").replace("// 3", ""))
    server = ServerProcess(tmp_path / "runs.db", {"RUNSTREAM_HTTP_PORT": "0"}, program=program)
    grpc_port = int(server.address.rpartition(":")[2])
    # Connections of gRPC have no bound here, and take all descriptors that there are.
    many = [socket.create_connection(("127.0.0.1", grpc_port)) for _ in range(60)]
    host, _, port = server.http.removeprefix("http://").rpartition(":")
    many += [socket.create_connection((host, int(port)), timeout=60) for _ in range(20)]
    time.sleep(3)
    for connection in many:
        connection.close()
    written = server.stop()
    assert len(written) < 20_000, written[:2_000]


def test_searches_end_with_callers_who_hang_up(
    server: ServerProcess, rest: Rest, probe: Probing
) -> None:
    tags = [{"key": f"t{i}", "value": "ab" * 32_768} for i in range(15)]
    rest.create_run(tags=tags)
    slow = " OR ".join(f"tags.t{i} RLIKE '(a?b?){{180}}c{j}'" for i in range(15) for j in range(3))
    body = json.dumps({"experiment_ids": ["0"], "filter": slow}).encode()
    head = (
        "POST /api/2.0/mlflow/runs/search HTTP/1.1\r\n"
        f"Host: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with probe(server) as seen:
        with ExitStack() as callers:
            for _ in range(8):
                callers.enter_context(connected(server)).sendall(head.encode() + body)
            time.sleep(2)
        started = time.monotonic()
        rest.post("runs/search", experiment_ids=["0"], max_results=1)
        assert time.monotonic() - started < 20
    seen.assert_others_were_served()
