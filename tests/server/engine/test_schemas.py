"""The schemas of SQLite and of PostgreSQL are one, but for what is said here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from peewee import PostgresqlDatabase, SqliteDatabase
from playhouse.migrations import Runner

from runstream_service import engine
from support.postgres import Postgres

MIGRATIONS = Path(engine.__file__).parent / "migrations"

TYPES = {
    "INTEGER": "integer",
    "TEXT": "text",
    "BLOB": "bytes",
    "DATETIME": "time",
    "": "number",  # what is a number or the text NaN in SQLite
    "bigint": "integer",
    "boolean": "integer",
    "bytea": "bytes",
    "character varying": "text",
    "double precision": "number",
    "integer": "integer",
    "numeric": "number",
    "text": "text",
    "timestamp without time zone": "time",
}

ONLY_SQLITE = {
    # Columns that were added to a table that was there: nothing writes a null.
    "experiment.purging integer null",
    "run.purging integer null",
    # Whole values in indexes: PostgreSQL's rows of indexes are short.
    "param index (key, value)",
    "param index (key, number, value)",
    "run_tag index (key, value)",
    "run_tag index (key, number, value)",
    "model_metric unique "
    "(owner_id, key, run_id, dataset_name, dataset_digest, step, timestamp, value)",
    # Keys of tables that are to be distributed.
    "series key (id)",
    "series unique (run_id, key)",
    "tail_row key (id)",
    "write key (id)",
    "chunk key (series_id, first_step, first_timestamp, first_value)",
    "chunk.series_id refers to series, CASCADE",
    "chunk_data key (id)",
    "console_line.run_id refers to run, CASCADE",
    "tail_row.run_id refers to run, CASCADE",
}
ONLY_POSTGRESQL = {
    "experiment.purging integer",
    "run.purging integer",
    "param index (key, substr(value, 1, 128))",
    "param index (key, number)",
    "run_tag index (key, substr(value, 1, 128))",
    "run_tag index (key, number)",
    "model_metric unique "
    "(owner_id, key, run_id, md5(dataset_name), dataset_digest, step, timestamp, value)",
    "chunk key (run_id, series_id, first_step, first_timestamp, first_value)",
    "chunk_data key (run_id, id)",
    "series key (run_id, key)",
    "series index (id)",
    "tail_row key (run_id, id)",
    "write key (run_id, id)",
}

# One server serves a file, and needs no tables to speak to others (engine/membership.py).
OF_SERVERS = {"change", "lease", "server"}


def test_the_tables_of_both_databases_have_the_same_columns_keys_and_indexes(
    tmp_path: Path, postgres: Postgres
) -> None:
    sqlite = SqliteDatabase(str(tmp_path / "runs.db"))
    postgresql = PostgresqlDatabase(postgres.create_database(), prefer_psycopg3=True)
    with sqlite, postgresql:
        Runner(sqlite, str(MIGRATIONS / "sqlite")).up()
        Runner(postgresql, str(MIGRATIONS / "postgresql")).up()
        of_sqlite, of_postgresql = describe_sqlite(sqlite), describe_postgresql(postgresql)
    of_servers = {line for line in of_postgresql if re.split("[. ]", line)[0] in OF_SERVERS}
    assert of_sqlite - of_postgresql == ONLY_SQLITE
    assert of_postgresql - of_sqlite == ONLY_POSTGRESQL | of_servers
    assert len(of_sqlite) > 200


def test_every_text_of_postgresql_is_ordered_by_its_bytes(postgres: Postgres) -> None:
    database: Any = PostgresqlDatabase(postgres.create_database(), prefer_psycopg3=True)
    with database:
        Runner(database, str(MIGRATIONS / "postgresql")).up()
        others = database.execute_sql(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND data_type IN ('text', 'character varying')"
            " AND collation_name IS DISTINCT FROM 'C' AND table_name <> 'schema_migration'"
        ).fetchall()
    assert others == []


def describe_sqlite(database: Any) -> set[str]:
    """Return what there is, a sentence for each thing."""
    found = set()
    for table in set(database.get_tables()) - {"sqlite_sequence"}:
        rows = database.execute_sql(f'PRAGMA table_info("{table}")').fetchall()
        for _, column, kind, not_null, _, _ in rows:
            found.add(column_text(table, column, kind.partition("(")[0], bool(not_null)))
        keys = [row[1] for row in sorted(rows, key=lambda row: row[5]) if row[5]]
        found.add(f"{table} key ({', '.join(keys)})")
        for _, index, is_unique, origin, _ in database.execute_sql(
            f'PRAGMA index_list("{table}")'
        ).fetchall():
            if origin != "pk":
                columns = database.execute_sql(f'PRAGMA index_info("{index}")').fetchall()
                found.add(index_text(table, bool(is_unique), [row[2] for row in columns]))
        for row in database.execute_sql(f'PRAGMA foreign_key_list("{table}")').fetchall():
            found.add(f"{table}.{row[3]} refers to {row[2]}, {row[6]}")
    return found


def describe_postgresql(database: Any) -> set[str]:
    """Return what `describe_sqlite` does."""
    found = set()
    for table in database.get_tables():
        for column in database.get_columns(table):
            found.add(column_text(table, column.name, column.data_type, not column.null))
        keys = database.get_primary_keys(table)
        found.add(f"{table} key ({', '.join(keys)})")
        for index in database.get_indexes(table):
            columns = [column.replace("'::text", "'") for column in index.columns]
            if columns != keys:
                found.add(index_text(table, index.unique, columns))
        for key in database.get_foreign_keys(table):
            found.add(f"{table}.{key.column} refers to {key.dest_table}, {key.on_delete}")
    return found


def column_text(table: str, column: str, kind: str, not_null: bool) -> str:
    kind = TYPES.get(kind, "text" if kind == "VARCHAR" else kind)
    return f"{table}.{column} {kind}" + ("" if not_null else " null")


def index_text(table: str, is_unique: bool, columns: list[str]) -> str:
    return f"{table} {'unique' if is_unique else 'index'} ({', '.join(columns)})"


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_chunks_of_an_older_database_get_the_run_of_their_series(
    kind: str, tmp_path: Path, postgres: Postgres
) -> None:
    database: Any = SqliteDatabase(str(tmp_path / "runs.db"))
    if kind == "postgresql":
        database = PostgresqlDatabase(postgres.create_database(), prefer_psycopg3=True)
    with database:
        migrations = Runner(database, str(MIGRATIONS / kind))
        migrations.up({"sqlite": "0021_more_numbers", "postgresql": "0002_servers"}[kind])
        for statement in (
            "INSERT INTO run (id, uuid, experiment_id, name, user_id, status, start_time,"
            " artifact_uri, deleted, deleted_with_experiment)"
            " VALUES (7, 'a', 0, 'old', '', 3, 0, '', false, false)",
            "INSERT INTO series (id, run_id, key, count, last_step, last_timestamp, last_value)"
            " VALUES (3, 7, 'loss', 2, 1, 1, 0.5)",
            "INSERT INTO chunk_data (id, checksum, data) VALUES (11, 5, 'points')",
            "INSERT INTO chunk (series_id, first_step, first_timestamp, first_value, data_id,"
            " count, summary) VALUES (3, 0, 0, 0.5, 11, 2, 'summary')",
        ):
            database.execute_sql(statement)
        migrations.up()
        found = database.execute_sql(
            "SELECT chunk.run_id, chunk_data.run_id, checksum, data FROM chunk"
            " JOIN chunk_data ON chunk_data.id = data_id"
        ).fetchall()
        points: Any = "points" if kind == "sqlite" else b"points"
        assert found == [(7, 7, 5, points)]
        (new,) = database.execute_sql(
            "INSERT INTO chunk_data (run_id, checksum, data) VALUES (7, 0, '') RETURNING id"
        ).fetchone()
        assert new != 11
