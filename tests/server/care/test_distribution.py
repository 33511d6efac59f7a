"""`runstream db distribute` fits the schema and the statements; no Citus runs here."""

from __future__ import annotations

import importlib
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from peewee import PostgresqlDatabase

import runstream_service
from runstream_service.care import distribution
from runstream_service.engine.statements import MultiRowInsert, SharedStatement, Statement
from runstream_service.engine.store import Store, open_engine
from support.postgres import Postgres
from support.server_process import ENVIRONMENT

# Those that have statements on the tables.
ROOMS_OF_THE_STORE = ("care", "catalog", "ingest", "live", "points", "search")

# Statements on all runs, for the start of a server and for `runstream db check`.
OF_ALL_RUNS = {"backlog._WAITING", "verify._UNUSED_DATA"}


def distribute(url: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "runstream", "db", "distribute", url, *options]
    return subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, timeout=60)


@pytest.fixture(scope="module")
def url(postgres: Postgres) -> str:
    """A database with our tables."""
    url = postgres.create_database()
    Store.open(open_engine(url)).close()
    return url


def test_every_statement_names_a_table_and_its_column_and_keeps_runs_together(url: str) -> None:
    done = distribute(url)
    assert (done.returncode, done.stderr) == (0, "")
    form = (
        r"SELECT create_distributed_table\('(\w+)', '(\w+)', colocate_with => '(none|tail_row)'\);"
    )
    found = [re.fullmatch(form, line) for line in done.stdout.splitlines()]
    tables = [match.groups() for match in found if match]
    assert len(tables) == len(found) == len(distribution.TABLES)
    assert [group for *_, group in tables] == ["none", "tail_row", "tail_row", "tail_row"]
    database: Any = PostgresqlDatabase(url, prefer_psycopg3=True)
    with database:
        for table, column, _ in tables:
            columns = {found.name: found for found in database.get_columns(table)}
            assert (columns[column].data_type, columns[column].null) == ("bigint", False)
            assert database.get_primary_keys(table)[0] == column
            for index in database.get_indexes(table):
                assert not index.unique or column in index.columns
            assert database.get_foreign_keys(table) == []
        keys = [key for name in database.get_tables() for key in database.get_foreign_keys(name)]
    assert keys
    assert {key.dest_table for key in keys}.isdisjoint(distribution.TABLES)


def declared_statements() -> Iterator[tuple[str, Statement]]:
    """Yield the statements of all modules of the server, with their names."""
    paths = [f"{runstream_service.__path__[0]}/{room}" for room in ROOMS_OF_THE_STORE]
    for finder, module, _ in pkgutil.iter_modules(paths):
        room = Path(finder.path).name  # type: ignore[union-attr] # a folder
        full_name = f"runstream_service.{room}.{module}"
        for name, value in vars(importlib.import_module(full_name)).items():
            of = f"{module}.{name}"
            if isinstance(value, Statement) and not isinstance(value, SharedStatement):
                yield of, value
            elif isinstance(value, MultiRowInsert):
                yield of, value._one_row
            elif isinstance(value, list):
                yield from ((of, item) for item in value if isinstance(item, Statement))


def test_every_statement_on_a_distributed_table_names_the_run(url: str) -> None:
    engine = open_engine(url)
    on_points = 0
    for name, statement in declared_statements():
        sql = statement.compile(engine)
        if name in OF_ALL_RUNS or not re.search(f'"({"|".join(distribution.TABLES)})"', sql):
            continue
        on_points += 1
        if sql.startswith("INSERT"):
            assert '"run_id"' in sql.partition("VALUES")[0], name
        else:
            assert re.search(r'"run_id" = %s', sql), (name, sql)
    assert on_points > 20


def test_a_database_without_citus_and_a_file_are_refused(url: str) -> None:
    done = distribute(url, "--run")
    assert done.returncode == 1
    assert "has no extension citus" in done.stderr
    assert "is a file" in distribute("runs.db").stderr
