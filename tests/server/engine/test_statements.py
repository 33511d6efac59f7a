"""Every statement of the server is in words that SQLite and PostgreSQL understand."""

from __future__ import annotations

import gc
import importlib
import pkgutil
from contextlib import closing
from pathlib import Path

import pytest

import runstream_service
from runstream_service.engine.postgresql import PostgresqlEngine
from runstream_service.engine.sqlite import SqliteEngine
from runstream_service.engine.statements import SharedStatement, Statement
from runstream_service.engine.store import Store
from support.postgres import Postgres


@pytest.fixture(scope="module")
def statements() -> list[Statement]:
    """All statements that the modules of the server declare."""
    for module in pkgutil.walk_packages(runstream_service.__path__, "runstream_service."):
        if ".migrations." not in module.name:
            importlib.import_module(module.name)
    found = [one for one in gc.get_objects() if isinstance(one, Statement)]
    assert len(found) > 100
    return found


def test_sqlite_understands_every_statement(tmp_path: Path, statements: list[Statement]) -> None:
    store = Store.open(SqliteEngine(tmp_path / "runs.db"))
    with closing(store), store.engine.connection_context():
        for statement in statements:
            if isinstance(statement, SharedStatement):
                continue  # a file has one server
            sql = store.engine.compiled[statement]
            store.engine.connection().execute(f"EXPLAIN {sql}", (None,) * sql.count("?"))


def test_postgresql_understands_every_statement(
    postgres: Postgres, statements: list[Statement]
) -> None:
    store = Store.open(PostgresqlEngine(postgres.create_database()))
    with closing(store), store.engine.connection_context():
        for name, statement in enumerate(statements):
            start, *others = store.engine.compiled[statement].split("%s")
            sql = start + "".join(f"${i}{part}" for i, part in enumerate(others, 1))
            store.engine.connection().execute(f"PREPARE statement_{name} AS {sql}".encode())
