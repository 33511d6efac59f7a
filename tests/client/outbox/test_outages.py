"""Servers, networks and clients that die while points are logged: nothing is lost or doubled."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from runstream import DeadlineExceeded, TrackingClient
from runstream.outbox import outgoing_batches, waits
from runstream.transport import connection
from support.proxy import Proxy
from support.server_process import ENVIRONMENT, ServerProcess


@pytest.fixture
def proxy(server: ServerProcess) -> Iterator[Proxy]:
    proxy = Proxy(server.address)
    yield proxy
    proxy.close()


def steps(client: TrackingClient, run_id: str) -> list[int]:
    return [step for part in client.read_metric_history(run_id) for step in part.step]


def test_a_killed_and_restarted_server_has_every_point_once(server: ServerProcess) -> None:
    with TrackingClient(server.uri) as client:
        run_id = client.create_run().info.run_id

        def kill_and_restart() -> None:
            for _ in range(3):
                time.sleep(0.5)
                server.kill()
                time.sleep(0.2)
                server.restart()

        killer = threading.Thread(target=kill_and_restart)
        killer.start()
        count = 0
        while killer.is_alive():
            for _ in range(100):
                client.log_metric(run_id, "m", count / 7, step=count)
                count += 1
            time.sleep(0.002)
        client.flush(60)
        assert steps(client, run_id) == list(range(count))
        assert client.get_run(run_id).data.metrics == {"m": (count - 1) / 7}


def test_a_cut_connection_is_made_again_and_nothing_is_lost(
    server: ServerProcess, proxy: Proxy
) -> None:
    with TrackingClient(proxy.uri) as client:
        run_id = client.create_run().info.run_id
        count = 0
        for _ in range(10):
            for _ in range(2_000):
                client.log_metric(run_id, "m", count / 7, step=count)
                count += 1
            time.sleep(0.03)
            proxy.cut()
        client.log_param(run_id, "after", "the cuts")
        client.flush(60)
    with TrackingClient(server.uri) as client:
        assert steps(client, run_id) == list(range(count))
        assert client.get_run(run_id).data.params == {"after": "the cuts"}


def test_a_silent_network_slows_no_step_and_is_noticed(server: ServerProcess, proxy: Proxy) -> None:
    with TrackingClient(proxy.uri) as client:
        run_id = client.create_run().info.run_id
        client.log_metric(run_id, "m", 0.0, step=0)
        client.flush(10)
        proxy.swallow()
        slowest = 0.0
        for step in range(1, 5_001):
            started = time.perf_counter()
            client.log_metric(run_id, "m", 0.0, step=step)
            slowest = max(slowest, time.perf_counter() - started)
        assert slowest < 3
        with pytest.raises(DeadlineExceeded) as raised:
            client.flush(1)
        assert raised.value.metadata["points"] == "5000"
        proxy.heal()
        client.flush(25)
    with TrackingClient(server.uri) as client:
        assert steps(client, run_id) == list(range(5_001))


def test_a_read_behind_what_a_server_that_is_away_has_not_got_says_where_that_is(
    server: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = TrackingClient(server.uri)
    run_id = client.create_run().info.run_id
    server.kill()
    client.log_metric(run_id, "m", 0.0)
    monkeypatch.setattr(waits, "ANSWER_SECONDS", 2.0)
    begin = time.monotonic()
    with pytest.raises(DeadlineExceeded, match=r"the server is away for \d+ s") as error:
        client.get_run(run_id)
    assert time.monotonic() - begin < 30
    assert f"it is kept in {os.environ['RUNSTREAM_SPOOL']}" in str(error.value)
    assert error.value.metadata["points"] == "1"


def test_every_call_to_a_silent_server_fails_in_its_time_and_says_what_is_not_delivered(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """X8."""
    monkeypatch.setenv("RUNSTREAM_SPOOL_LIMIT", "0")  # what is on disk has another limit
    client = TrackingClient(proxy.uri)
    run_id = client.create_run().info.run_id
    client.log_metric(run_id, "m", 0.0)
    client.flush(60)
    monkeypatch.setattr(waits, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(waits, "ROOM_SECONDS", 0.5)
    monkeypatch.setattr(outgoing_batches, "LIMIT_BYTES", 1)
    monkeypatch.setattr(connection, "CALL_SECONDS", 0.5)
    proxy.swallow()
    for call in (
        lambda: client.get_experiment("0"),
        client.create_run,
        lambda: client.create_experiment("late"),
    ):
        with pytest.raises(DeadlineExceeded):
            call()
    client.log_metric(run_id, "m", 1.0, step=1)
    for read in (client.get_run, client.set_terminated, client.flush_run):
        with pytest.raises(DeadlineExceeded, match="1 point of run") as late:
            read(run_id)
        assert late.value.reason == "FLUSH_TIMEOUT"
    with pytest.raises(DeadlineExceeded, match="what this call logged is not queued") as full:
        client.log_metric(run_id, "m", 2.0, step=2)
    assert full.value.reason == "OUTBOX_FULL"
    monkeypatch.undo()
    proxy.heal()
    proxy.cut()
    client.flush(60)
    assert steps(client, run_id) == [0, 1]
    client.close()


def test_a_server_that_is_away_for_long_costs_memory_and_no_data(server: ServerProcess) -> None:
    with TrackingClient(server.uri) as client:
        run_id = client.create_run().info.run_id
        client.log_metric(run_id, "m", 0.0, step=0)
        client.flush(10)
        server.kill()
        for step in range(1, 100_000):
            client.log_metric(run_id, "m", step / 3, step=step)
        with pytest.raises(DeadlineExceeded) as raised:
            client.flush(0.5)
        assert raised.value.metadata["points"] == "99999"
        assert "99999 points" in str(raised.value)
        server.restart()
        client.flush(60)
        assert steps(client, run_id) == list(range(100_000))


LOGGER = """
import itertools, sys, runstream
client = runstream.TrackingClient(sys.argv[1])
run_id = client.create_run().info.run_id
print(run_id, flush=True)
for i in itertools.count():
    for j in range(100):
        client.log_metric(run_id, "m", 0.5, step=100 * i + j)
    client.flush()
    print(100 * (i + 1), flush=True)
"""


def test_what_a_killed_client_flushed_is_there(server: ServerProcess) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", LOGGER, server.uri],
        stdout=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )
    assert process.stdout is not None
    run_id = process.stdout.readline().strip()
    flushed = [int(process.stdout.readline()) for _ in range(50)][-1]
    process.send_signal(signal.SIGKILL)
    rest = process.communicate()[0].split()
    flushed = max([flushed, *map(int, rest)])
    with TrackingClient(server.uri) as client:
        stored = steps(client, run_id)
        assert stored == list(range(len(stored)))
        assert flushed <= len(stored) <= flushed + 100
        client.log_metric(run_id, "m", 0.5, step=-1)
        assert steps(client, run_id)[0] == -1
