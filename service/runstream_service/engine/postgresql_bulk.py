"""How many rows come into PostgreSQL at once, and out of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from psycopg.sql import SQL, Identifier, Placeholder

from runstream_service.engine.postgresql_rows import ROWS_AT_ONCE, RowStream

# COPY inserts rows twice as fast as `executemany`, but sends bytes as text, twice as long.
_LARGE_BYTES = 4_096


class PostgresqlBulk:
    """The part of an `Engine` that moves many rows."""

    connection: Any
    _cursors = itertools.count()

    def run_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> int:
        with self.connection().cursor() as cursor:
            cursor.executemany(sql, rows)
            return int(cursor.rowcount)

    def insert_each(self, sql: str, rows: Sequence[Sequence[Any]]) -> list[int]:
        with self.connection().cursor() as cursor:
            cursor.executemany(sql, rows, returning=True)
            ids = [cursor.fetchone()[0]]
            while cursor.nextset():
                ids.append(cursor.fetchone()[0])
            return ids

    def stream(self, sql: str, values: Sequence[Any]) -> RowStream:
        return RowStream(self.connection().cursor(), sql, values)

    def open_cursor(self, sql: str, values: Sequence[Any]) -> Any:
        # A cursor of the server, which takes two round trips more than a stream.
        cursor = self.connection().cursor(name=f"cursor_{next(self._cursors)}")
        cursor.itersize = ROWS_AT_ONCE
        return cursor.execute(sql, values)

    def insert_rows(
        self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]
    ) -> None:
        into = SQL("{} ({})").format(Identifier(table), SQL(", ").join(map(Identifier, columns)))
        if any(isinstance(value, bytes) and len(value) > _LARGE_BYTES for value in rows[0]):
            marks = SQL(", ").join([Placeholder()] * len(columns))
            insert = SQL("INSERT INTO {} VALUES ({})").format(into, marks)
            with self.connection().cursor() as cursor:
                cursor.executemany(insert, rows)
            return
        statement = SQL("COPY {} FROM STDIN").format(into)
        with self.connection().cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)

    def continue_ids(self, table: str, column: str) -> None:
        sequence = SQL("pg_get_serial_sequence({}, {})").format(f'"{table}"', column)
        greatest = SQL("SELECT max({}) FROM {}").format(Identifier(column), Identifier(table))
        self.connection().execute(
            SQL("SELECT setval({}, found.id) FROM ({}) found (id) WHERE found.id > 0").format(
                sequence, greatest
            )
        )
