"""Tracking URIs of several servers: calls take turns, and go elsewhere when one is away.

One database file has one server at a time, so the servers of a test that logs take over from each
other at their own addresses.
"""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from runstream import Metric, TrackingClient, Unavailable
from runstream.transport import connection
from runstream.transport.channel import Stubs, open_channel
from runstream.transport.token import TokenSource
from runstream.v1.experiment_service_pb2 import SearchExperimentsRequest
from support.names import NameServer
from support.ports import reserve_port
from support.proxy import Proxy
from support.server_process import ENVIRONMENT, ServerProcess
from support.waiting import wait_until


class TakeOver:
    """A database with several addresses, of which one has a server.

    Attributes:
        server: the server.
        uri: names all addresses.
    """

    def __init__(self, database: Path) -> None:
        self._addresses = [f"127.0.0.1:{reserve_port()}" for _ in range(3)]
        self.uri = f"grpc://{','.join(self._addresses)}"
        self.server = ServerProcess(database, address=self._addresses[0])

    def kill_and_start_another(self) -> None:
        self.server.kill()
        self._addresses.append(self._addresses.pop(0))
        self.server = ServerProcess(self.server.database, address=self._addresses[0])


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[TakeOver]:
    servers = TakeOver(tmp_path / "runs.db")
    yield servers
    servers.server.kill()


@pytest.fixture
def client(servers: TakeOver) -> Iterator[TrackingClient]:
    with TrackingClient(servers.uri) as client:
        yield client


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[ServerProcess]]:
    """Two servers, each with a database of its own."""
    folder = tmp_path_factory.mktemp("pair")
    pair = [ServerProcess(folder / f"{number}.db", wait=False) for number in range(2)]
    for server in pair:
        server.wait_until_ready()
    yield pair
    for server in pair:
        server.kill()


def uri_of(servers: list[ServerProcess]) -> str:
    return f"grpc://{','.join(server.address for server in servers)}"


def port_of(server: ServerProcess) -> int:
    return int(server.address.rpartition(":")[2])


def test_calls_take_turns(pair: list[ServerProcess]) -> None:
    with TrackingClient(uri_of(pair)) as client:
        ports = [client.get_server_info().grpc_port for _ in range(6)]
    assert sorted(ports[:2]) == sorted(map(port_of, pair))
    assert ports == 3 * ports[:2]


def test_a_server_that_is_away_costs_no_call_and_gets_its_turn_when_it_is_back(
    pair: list[ServerProcess],
) -> None:
    port = reserve_port()
    away = f"127.0.0.1:{port}"
    with TrackingClient(f"{uri_of(pair)},{away}") as client:
        assert {client.get_server_info().grpc_port for _ in range(9)} == set(map(port_of, pair))
        back = ServerProcess(pair[0].database.with_name("back.db"), address=away)
        try:
            while client.get_server_info().grpc_port != port:
                pass
        finally:
            back.kill()
        assert client.get_server_info().grpc_port != port


def test_names_and_addresses_may_be_mixed(pair: list[ServerProcess]) -> None:
    one, other = pair
    with TrackingClient(f"grpc://localhost:{port_of(one)},{other.address}") as client:
        ports = {client.get_server_info().grpc_port for _ in range(2)}
    assert ports == {port_of(one), port_of(other)}


@pytest.mark.skipif(sys.platform != "linux", reason="needs more addresses of this computer")
def test_calls_take_turns_among_all_servers_of_a_name(tmp_path: Path) -> None:
    port = reserve_port()
    hosts = ("127.0.0.2", "127.0.0.3")
    one, other = servers = [
        ServerProcess(tmp_path / f"{host}.db", address=f"{host}:{port}", wait=False)
        for host in hosts
    ]
    for server in servers:
        server.wait_until_ready()
    with TrackingClient(one.uri) as client:
        client.create_experiment("of one of them")
    names = NameServer(hosts)
    channel = open_channel(f"dns://{names.address}/runs.example:{port}", secure=False)
    search = Stubs(channel, "runs.example", TokenSource()).experiments.SearchExperiments

    def count() -> int:
        return len(search(SearchExperimentsRequest(max_results=9), wait_for_ready=True).experiments)

    try:
        wait_until(lambda: {count(), count()} == {1, 2}, 30)
        one.kill()
        assert [count() for _ in range(10)] == 10 * [1]
    finally:
        channel.close()
        names.close()
        one.kill()
        other.kill()


def test_an_experiment_is_created_once_by_the_server_that_answers(client: TrackingClient) -> None:
    ids = [client.create_experiment(f"experiment {number}") for number in range(6)]
    assert ids == ["1", "2", "3", "4", "5", "6"]


def test_where_none_of_the_servers_is_the_error_names_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "RETRY_SECONDS", 0.5)
    uri = f"grpc://127.0.0.1:{reserve_port()},localhost:{reserve_port()}"
    client = TrackingClient(uri)
    with pytest.raises(Unavailable, match=uri):
        client.create_run()
    with pytest.raises(Unavailable, match=uri):
        client.create_experiment("nowhere")


def test_what_is_logged_while_servers_are_killed_is_there_once(
    servers: TakeOver, client: TrackingClient
) -> None:
    """M4."""
    run_id = client.create_run().info.run_id
    for step in range(60_000):
        if step in (20_000, 40_000):
            servers.kill_and_start_another()
        client.log_metric(run_id, "loss", step / 3, step=step)
    client.set_tag(run_id, "after", "all")
    client.flush(timeout=60)
    history = client.get_metric_history(run_id, "loss")
    assert [(point.step, point.value) for point in history] == [(s, s / 3) for s in range(60_000)]
    assert client.get_run(run_id).data.tags["after"] == "all"


def test_a_history_goes_on_with_another_server(servers: TakeOver, client: TrackingClient) -> None:
    """M6."""
    run_id = client.create_run().info.run_id
    for key in ("a", "b", "c", "d"):
        client.log_batch(run_id, [Metric(key, step / 3, 1, step) for step in range(20_000)])
    keys: list[str] = []
    steps: list[int] = []
    for part in client.read_metric_history(run_id):
        if not keys:
            servers.kill_and_start_another()
        keys += [part.key] * len(part.step)
        steps += part.step
    assert steps == 4 * list(range(20_000))
    assert keys == [key for key in "abcd" for _ in range(20_000)]


@pytest.fixture
def doors(pair: list[ServerProcess]) -> Iterator[list[Proxy]]:
    """Three addresses of one server, each of which can be closed: so servers share a database."""
    doors = [Proxy(pair[0].address) for _ in range(3)]
    yield doors
    for door in doors:
        door.close()


def close_used(doors: list[Proxy]) -> int:
    """Close the addresses that a client has used, and return how many those are."""
    used = [door for door in doors if door.is_used]
    for door in used:
        door.close()
    return len(used)


def test_a_watch_goes_on_with_another_server_and_misses_nothing(
    pair: list[ServerProcess], doors: list[Proxy]
) -> None:
    uri = f"grpc://{','.join(door.uri.removeprefix('grpc://') for door in doors)}"
    with TrackingClient(uri) as client, TrackingClient(pair[0].uri) as direct:
        run_id = direct.create_run().info.run_id
        with closing(client.watch([run_id])) as changes:
            seen: set[int] = set()
            for step in range(30):
                if step in (10, 20):
                    assert close_used(doors) == 1
                direct.log_batch(run_id, [Metric("loss", 0.5, 1, step)])
                while step not in seen:
                    seen |= {metric.step for metric in next(changes).metrics}
    assert seen == set(range(30))


def test_a_stream_goes_on_with_another_server_without_a_warning_or_a_change_of_random_numbers(
    doors: list[Proxy], caplog: pytest.LogCaptureFixture
) -> None:
    """M4."""
    numbers = random.getstate()
    uri = f"grpc://{','.join(door.uri.removeprefix('grpc://') for door in doors)}"
    with TrackingClient(uri) as client:
        run_id = client.create_run().info.run_id
        for step in range(3_000):
            client.log_metric(run_id, "loss", step / 3, step=step)
            if step == 1_000:
                client.flush(timeout=60)
                assert close_used(doors) == 2  # that of the call, and that of the stream
        client.flush(timeout=60)
        history = client.get_metric_history(run_id, "loss")
    assert [point.step for point in history] == list(range(3_000))
    assert [record.getMessage() for record in caplog.records if record.levelname != "INFO"] == []
    assert random.getstate() == numbers


def test_child_processes_log_to_the_same_servers(servers: TakeOver) -> None:
    code = "import runstream; print(runstream.start_run().run_id, runstream.get_tracking_uri())"
    environment = ENVIRONMENT | {"RUNSTREAM_TRACKING_URI": servers.uri}
    child = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    run_id, uri = child.stdout.split()
    assert uri == servers.uri
    with TrackingClient(uri) as client:
        assert client.get_run(run_id).info.status == "FINISHED"


def test_a_command_needs_one_of_the_servers(servers: TakeOver) -> None:
    command = [sys.executable, "-m", "runstream", "experiments", "list"]
    environment = ENVIRONMENT | {"RUNSTREAM_TRACKING_URI": servers.uri}
    listed = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert "Default" in listed.stdout
