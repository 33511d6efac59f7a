"""Several servers on one PostgreSQL: how they start, end and come back."""

from __future__ import annotations

from pathlib import Path

from runstream import TrackingClient
from support.cluster import Cluster
from support.postgres import Postgres


def test_ten_servers_that_start_at_once_on_an_empty_database_migrate_it_once(
    postgres: Postgres, tmp_path: Path
) -> None:
    cluster = Cluster(tmp_path, postgres.create_database(), size=10)
    try:
        applied = cluster.servers[0].query(
            "SELECT name, count(*) FROM schema_migration GROUP BY name"
        )
        assert applied
        assert all(times == 1 for _, times in applied)
        with TrackingClient(cluster.uri) as client:
            assert client.get_experiment("0").name == "Default"
    finally:
        assert cluster.stop() == [""] * 10


def test_a_server_that_was_killed_comes_back_beside_the_others(
    postgres: Postgres, tmp_path: Path
) -> None:
    cluster = Cluster(tmp_path, postgres.create_database(), size=2)
    try:
        first, second = cluster.servers
        with TrackingClient(first.uri) as one, TrackingClient(second.uri) as other:
            run_id = one.create_run("0").info.run_id
            first.kill()
            assert other.get_run(run_id).info.run_id == run_id
            first.restart()
            assert one.get_run(run_id).info.run_id == run_id
    finally:
        cluster.stop()
