"""What commands do with the URL of a PostgreSQL: they work, or say what to use instead."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import grpc
import psycopg
import pytest

from support.api import Api, make_batch
from support.ports import reserve_port
from support.postgres import Postgres
from support.purging import create_full_run
from support.server_process import ServerProcess
from support.shell import Shell

CHECKS = ["migrations", "points", "consoles", "stored bytes"]
DAMAGED = "overlay(data PLACING '\\xffff' FROM 40)"
LATER = "SET name = '9999_later' WHERE name LIKE '0002%'"
URL = "postgresql://ada:geheim@db/runs"


@pytest.fixture(scope="module")
def made(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a database with some runs, which a server has left."""
    folder = tmp_path_factory.mktemp("made")
    server = ServerProcess(folder / "runs.db", url=postgres.create_database())
    with grpc.insecure_channel(server.address) as channel:
        api = Api(channel)
        for points in (10, 3_000):
            create_full_run(api, points=points)
        run_id = api.create_run()
        api.log_batches([make_batch(run_id, [("loss", i, i, i / 7) for i in range(20_000)])])
    server.stop()
    return server.url


@pytest.fixture
def url(postgres: Postgres, made: str) -> str:
    """A copy of that database, to do anything with."""
    return postgres.create_database(template=made.rpartition("/")[2])


def test_a_database_of_postgresql_is_checked_while_it_is_served(
    db: Shell, url: str, tmp_path: Path
) -> None:
    server = ServerProcess(tmp_path / "runs.db", url=url)
    assert db.json("db", "check", url) == {name: [] for name in CHECKS}
    assert db.output("db", "check", "--database", url).splitlines() == [
        f"{name}: ok" for name in CHECKS
    ]
    server.stop()


def test_a_database_that_cannot_be_opened_is_not_called_faulty(
    db: Shell, postgres: Postgres, url: str
) -> None:
    postgres.execute("CREATE ROLE stranger LOGIN")
    base, _, _ = url.rpartition("/")
    for there, reason in (
        (f"{base}/nowhere", 'database "nowhere" does not exist'),
        (f"postgresql://127.0.0.1:{reserve_port()}/runs", "refused"),
        (url.replace("postgres@", "stranger@"), "permission denied"),
    ):
        for options in ([], ["--json"]):
            refusal = db.refusal(4, "db", "check", there, *options)
            assert refusal.startswith(f"Error: database {there} cannot be opened: "), refusal
            assert reason in refusal
    empty = postgres.create_database()
    refusal = f"Error: {empty} is no database of Runstream"
    assert db.refusal(2, "db", "check", empty) == refusal
    assert db.refusal(2, "db", "check", "--json", empty) == refusal


def test_what_pg_dump_saved_and_pg_restore_brought_back_has_no_fault(
    db: Shell, postgres: Postgres, url: str
) -> None:
    postgres.run("pg_dump", "--format=custom", f"--file={postgres.folder / 'dump'}", url)
    restored = postgres.create_database()
    postgres.run("pg_restore", f"--dbname={restored}", str(postgres.folder / "dump"))
    assert db.json("db", "check", restored) == {name: [] for name in CHECKS}
    count = "SELECT sum(count), max(id) FROM series"
    with psycopg.connect(restored) as copy, psycopg.connect(url) as original:
        assert copy.execute(count).fetchone() == original.execute(count).fetchone()


@pytest.mark.parametrize(
    ("damage", "check", "fault"),
    [
        ("UPDATE tail_row SET data = overlay(data PLACING '\\xffff' FROM 40)", "points", "tail"),
        (
            "UPDATE chunk_data SET data = overlay(data PLACING '\\xffff' FROM 9)",
            "points",
            "checksum",
        ),
        ("UPDATE series SET count = count + 1", "points", "summary is not"),
        ("DELETE FROM chunk_data", "points", "loss"),
        ("UPDATE console SET tail_bytes = 1, head_bytes = 1", "consoles", "sizes of the console"),
        (
            "UPDATE schema_migration SET name = '9999_later' WHERE name LIKE '0002%'",
            "migrations",
            "newer version",
        ),
    ],
)
def test_damage_in_postgresql_is_found(
    db: Shell, url: str, damage: str, check: str, fault: str
) -> None:
    with psycopg.connect(url) as connection:
        done = connection.execute(damage.encode())
        assert done.rowcount, damage
    found = db.run("db", "check", url, "--json")
    assert found.exit_code == 1
    assert "has faults" in found.stderr
    assert fault in found.stdout
    assert f'"{check}": [\n' in found.stdout


def test_commands_for_files_say_what_postgresql_has_instead(db: Shell, tmp_path: Path) -> None:
    of_files = "this command is for SQLite files; for PostgreSQL use"
    for command, instead in (
        (("backup", "copy.db", "--database", URL), "pg_dump"),
        (("restore", "copy.db", "--database", URL), "pg_restore"),
    ):
        refusal = db.refusal(2, "db", *command)
        assert refusal.endswith(f"{of_files} {instead}"), refusal
    assert list(tmp_path.iterdir()) == []


MIGRATION = "0006_staged_contents"


def undo_migration(url: str) -> None:
    """Make a database one that lacks a migration."""
    with psycopg.connect(url) as connection:
        connection.execute("DROP TABLE staged_content")
        done = connection.execute("DELETE FROM schema_migration WHERE name = %s", (MIGRATION,))
        assert done.rowcount == 1


def test_a_postgresql_is_upgraded_before_its_servers_start(db: Shell, url: str) -> None:
    undo_migration(url)
    assert db.output("db", "upgrade", url).splitlines() == [
        f"Applied {MIGRATION}.",
        f"{url} is up to date.",
    ]
    assert db.output("db", "upgrade", "--database", url) == f"{url} is up to date.\n"
    assert db.json("db", "check", url) == {name: [] for name in CHECKS}


def test_a_postgresql_is_not_upgraded_under_a_server_of_the_version_before(
    db: Shell, url: str, tmp_path: Path
) -> None:
    server = ServerProcess(tmp_path / "runs.db", url=url)
    assert db.output("db", "upgrade", url) == f"{url} is up to date.\n"
    undo_migration(url)
    refusal = db.refusal(1, "db", "upgrade", url)
    assert f"process {server.process.pid}: stop the servers first" in refusal
    server.stop()
    assert "Applied" in db.output("db", "upgrade", url)


@pytest.mark.parametrize("command", [("ui",), ("gc",), ("experiments", "list"), ("runs", "list")])
def test_commands_of_clients_ask_for_a_server_of_the_postgresql(
    db: Shell, command: tuple[str, ...]
) -> None:
    refusal = db.refusal(2, *command, "--tracking-uri", URL)
    assert "Tracking URI 'postgresql://ada@db/runs'" in refusal
    assert "clients reach a PostgreSQL by a server of it" in refusal
    assert "geheim" not in refusal


def test_what_is_deleted_in_a_postgresql_is_removed_by_way_of_its_server(
    postgres: Postgres, tmp_path: Path, connect: Callable[[str], Api]
) -> None:
    server = ServerProcess(tmp_path / "runs.db", url=postgres.create_database())
    run_id = create_full_run(connect(server.address))
    shell = Shell(server.uri)
    shell.output("runs", "delete", run_id)
    assert shell.output("gc", "--yes").startswith("0 experiments, 1 run, 20 points")
    assert server.query("SELECT count(*) FROM tail_row") == [(0,)]
    server.stop()
