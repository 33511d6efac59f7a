"""Servers of one database are killed while clients log: what was acknowledged is there once."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import permutations
from pathlib import Path

import grpc
import pytest

from runstream import TrackingClient
from runstream.v1.run_pb2 import RunStatus
from runstream.v1.run_service_pb2 import UpdateRunRequest
from runstream_service.care.check import check_engine
from runstream_service.engine.store import open_engine
from support.api import Api, Point, make_batch
from support.cluster import Cluster
from support.points import check_points
from support.postgres import Postgres
from support.waiting import wait_until

RUNS = 50
STEPS = 60

# A server is gone after two seconds, and what it left is looked for all the time.
LOOKS_OFTEN = """
from runstream_service.engine import membership
membership.SILENCE, membership._PAUSE = 2.0, 0.2
from runstream_service.points import backlog, orphan_tails
orphan_tails.LOOK_SECONDS = backlog.LOOK_SECONDS = 0.2
backlog.IDLE_SECONDS = 1_000.0
from runstream.cli import main
main()
"""


@pytest.fixture
def two_servers(tmp_path: Path, postgres: Postgres) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path, postgres.create_database(), size=2, program=("-c", LOOKS_OFTEN))
    yield cluster
    cluster.stop()


def points_of(run: int, step: int) -> list[Point]:
    """What a run logs at a step: a growing metric, and one with few steps, NaN and infinities."""
    value = (math.nan, math.inf, -step / 3)[step % 3]
    return [("loss", step, 1_000 + step, run + step / 7), ("late", step % 20, step, value)]


def test_fifty_runs_go_on_while_servers_are_killed_and_come_back(
    cluster: Cluster, apis: list[Api]
) -> None:
    """M4, M5."""
    with ExitStack() as opened:
        # Each order of the addresses is a client with a queue and a stream of its own.
        clients = [
            opened.enter_context(TrackingClient("grpc://" + ",".join(order)))
            for order in permutations(server.address for server in cluster.servers)
        ]
        logging = [clients[i % len(clients)] for i in range(RUNS)]
        runs = [client.create_run("0").info.run_id for client in logging]
        reached = [0] * len(clients)
        progress = threading.Condition()

        def log(number: int) -> None:
            for step in range(STEPS):
                for i in range(number, RUNS, len(clients)):
                    for key, at, timestamp, value in points_of(i, step):
                        clients[number].log_metric(runs[i], key, value, timestamp, at)
                if step % 10 == 0:
                    clients[number].flush()
                with progress:
                    reached[number] = step
                    progress.notify_all()
            clients[number].flush()

        def wait_for_step(step: int) -> None:
            with progress:
                assert progress.wait_for(lambda: min(reached) >= step, 60)

        with ThreadPoolExecutor(len(clients)) as threads:
            logs = [threads.submit(log, number) for number in range(len(clients))]
            first, second, _ = cluster.servers
            wait_for_step(STEPS // 4)
            first.kill()
            wait_for_step(STEPS // 2)
            first.restart()
            wait_for_step(STEPS * 3 // 4)
            second.kill()
            for each in logs:
                each.result(120)
            second.restart()
    for i, run_id in enumerate(runs):
        logged = [point for step in range(STEPS) for point in points_of(i, step)]
        check_points(cluster.servers[0], apis[i % 3], run_id, logged)
    faults = [fault for found in check_engine(open_engine(cluster.url)) for fault in found.faults]
    assert faults == []


def test_what_a_killed_server_left_in_tails_is_sealed_by_another(two_servers: Cluster) -> None:
    first, second = two_servers.servers
    with (
        grpc.insecure_channel(first.address) as channel,
        grpc.insecure_channel(second.address) as other,
    ):
        api, living = Api(channel), Api(other)
        run_id, own_run = api.create_run(), living.create_run()
        points = [("m", step, 1, step / 7) for step in range(500)]
        api.log_batches([make_batch(run_id, points)])
        living.log_batches([make_batch(own_run, points)])
        for run in (run_id, own_run):
            living.runs.UpdateRun(UpdateRunRequest(run_id=run, status=RunStatus.FAILED))
        first.kill()
        wait_until(lambda: second.query("SELECT 1 FROM tail_row WHERE NOT is_rest") == [], 60)
        assert second.query("SELECT SUM(count) FROM chunk") == [(1_000,)]
        check_points(second, living, run_id, points)
        # The server that took over reads the run again, and goes on where the other had ended.
        later = [("m", step, 1, step / 7) for step in range(490, 520)]
        living.log_batches([make_batch(run_id, later)])
        check_points(second, living, run_id, points + later)
