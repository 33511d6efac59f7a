"""Purges of one PostgreSQL by several servers: one at a time, whichever server dies; row E5."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import grpc
import pytest

from runstream.v1.maintenance_service_pb2 import PurgeRequest
from runstream.v1.run_service_pb2 import DeleteRunRequest, RestoreRunRequest
from support.api import Api, make_batch
from support.artifacts import files_below
from support.cluster import Cluster
from support.postgres import Postgres
from support.purging import (
    count_rows,
    create_full_run,
    delete_runs,
    purge,
    read_run_and_points,
    visible_run_ids,
)


@pytest.fixture
def cluster(postgres: Postgres, tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path, postgres.create_database(), size=2)
    yield cluster
    cluster.stop()


@pytest.fixture
def apis(cluster: Cluster, connect: Callable[[str], Api]) -> list[Api]:
    return [connect(server.address) for server in cluster.servers]


def test_purges_of_two_servers_at_once_remove_everything_once(
    cluster: Cluster, apis: list[Api]
) -> None:
    kept = create_full_run(apis[0])
    before = count_rows(cluster.servers[0])
    delete_runs(apis[0], *(create_full_run(apis[1], points=100) for _ in range(10)))
    create_full_run(apis[0], points=0)  # the newest run is kept as an empty row otherwise
    left = count_rows(cluster.servers[0])
    with ThreadPoolExecutor(2) as threads:
        purged = list(threads.map(purge, apis))
    assert sum(answer.runs for answer in purged) == 10
    assert sum(answer.points for answer in purged) == 10 * 2 * 100
    assert sum(answer.artifacts for answer in purged) == 10
    after = count_rows(cluster.servers[1])
    assert after["point"] == before["point"]
    assert {table: rows for table, rows in after.items() if rows > left[table]} == {}
    assert after["run"] == before["run"] + 1
    assert after["chunk_data"] == before["chunk_data"]
    assert read_run_and_points(apis[1], kept)


def test_a_purge_whose_server_died_is_taken_up_by_another(
    cluster: Cluster, apis: list[Api]
) -> None:
    """The lease of the dead server ends after half a minute, for which the test does not wait."""
    delete_runs(apis[0], *(create_full_run(apis[0], points=1_000) for _ in range(30)))
    answers = apis[0].maintenance.Purge(PurgeRequest())
    with suppress(grpc.RpcError):
        next(iter(answers))
        cluster.servers[0].kill()
    server = cluster.servers[1]
    server.query("UPDATE lease SET expires = 0 WHERE name = 'purge'")
    purge(apis[1])
    assert count_rows(server)["point"] == 0
    assert server.query("SELECT count(*) FROM run WHERE purging AND name <> ''") == [(0,)]
    assert files_below(cluster.artifact_root) == []
    assert server.query("SELECT count(*) FROM lease WHERE name = 'purge'") == [(0,)]


def test_what_is_logged_at_one_server_while_another_purges_is_stored_or_refused(
    cluster: Cluster, apis: list[Api]
) -> None:
    """No point, tag or file is left of a run that is gone."""
    stop = threading.Event()
    kept: set[str] = set()

    def log(api: Api) -> None:
        while not stop.is_set():
            run_id = api.create_run()
            with suppress(grpc.RpcError):
                for step in range(20):
                    rows = [(f"m{i}", step, 1, 0.5) for i in range(5)]
                    api.log_batches([make_batch(run_id, rows, [("p", "1")], [("t", "1")])])
                    if step == 10 and run_id[0] in "01234567":
                        pool.submit(delete_and_restore, run_id)

    def delete_and_restore(run_id: str) -> None:
        apis[1].runs.DeleteRun(DeleteRunRequest(run_id=run_id))
        if run_id[1] in "0123":
            with suppress(grpc.RpcError):
                apis[0].runs.RestoreRun(RestoreRunRequest(run_id=run_id))
                kept.add(run_id)

    with ThreadPoolExecutor(6) as pool:
        logging = [pool.submit(log, api) for api in apis]
        for _ in range(15):
            purge(apis[1])
        stop.set()
        for work in logging:
            work.result()
    purge(apis[0])
    assert kept <= visible_run_ids(apis[0])
    for table in ("series", "chunk", "chunk_data", "tail_row", "param", "run_tag"):
        of_no_run = "run_id NOT IN (SELECT id FROM run WHERE NOT purging)"
        rows = cluster.servers[0].query(f"SELECT count(*) FROM {table} WHERE {of_no_run}")
        assert rows == [(0,)], table
