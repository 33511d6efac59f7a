"""The database of an MLflow tracking server: SQLite, PostgreSQL or MySQL; read and not changed."""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from runstream.errors import RunstreamError, Unavailable
from runstream.files.optional_libraries import import_optional

# Seconds to wait for a connection.
_CONNECT_SECONDS = 30

# Rows that are held at a time.
_PART_ROWS = 50_000


class SqlDatabase(ABC):
    """A connection, which takes statements with `?` for each value."""

    @abstractmethod
    def table_names(self) -> set[str]:
        """Return the names of the tables."""

    @abstractmethod
    def select(self, statement: str, *values: Any) -> Sequence[Any]:
        """Return all rows of a SELECT; raises RunstreamError."""

    @abstractmethod
    def stream(self, statement: str, *values: Any) -> Iterator[Sequence[Any]]:
        """Yield the rows of a SELECT in parts of at most 50,000; raises RunstreamError."""


class SqliteDatabase(SqlDatabase):
    """A file."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)

    def table_names(self) -> set[str]:
        """Return the names of the tables; none if it is no database."""
        try:
            return {row[0] for row in self.select("SELECT name FROM sqlite_master")}
        except sqlite3.DatabaseError:
            return set()

    def select(self, statement: str, *values: Any) -> Sequence[Any]:
        """Return all rows of a SELECT."""
        return self._connection.execute(statement, values).fetchall()

    def stream(self, statement: str, *values: Any) -> Iterator[Sequence[Any]]:
        """Yield the rows of a SELECT in parts."""
        cursor = self._connection.execute(statement, values)
        while part := cursor.fetchmany(_PART_ROWS):
            yield part


class ServerDatabase(SqlDatabase):
    """A database of a PostgreSQL or a MySQL."""

    def __init__(self, uri: str) -> None:
        """Connect.

        Args:
            uri: `postgresql://user:password@host:port/name`, or of `mysql`; a driver of SQLAlchemy,
                as in `mysql+pymysql://`, is passed over.

        Raises:
            ModuleNotFoundError: the driver is missing; the text says what to install.
            Unavailable: there is no connection.
        """
        parts = urlsplit(uri)
        self._place = (
            f"{parts.scheme.partition('+')[0]}://{parts.hostname}:{parts.port or ''}{parts.path}"
        )
        self._is_postgresql = parts.scheme.startswith("postgres")
        if self._is_postgresql:
            self._driver = import_optional(
                "psycopg", "reading a PostgreSQL", extra="postgresql", otherwise=_OTHERWISE
            )
        else:
            self._driver = import_optional(
                "pymysql", "reading a MySQL", extra="mysql", otherwise=_OTHERWISE
            )
        try:
            self._connection = (
                self._connect_postgresql(uri) if self._is_postgresql else self._connect_mysql(uri)
            )
        except self._driver.Error as error:
            raise Unavailable(f"{self._place} cannot be reached: {error}") from None

    def table_names(self) -> set[str]:
        """Return the names of the tables."""
        schema = "current_schema()" if self._is_postgresql else "database()"
        statement = (
            f"SELECT table_name FROM information_schema.tables WHERE table_schema = {schema}"  # noqa: S608
        )
        return {row[0] for row in self.select(statement)}

    def select(self, statement: str, *values: Any) -> Sequence[Any]:
        """Return all rows of a SELECT."""
        with self._told_errors(), self._connection.cursor() as cursor:
            cursor.execute(statement.replace("?", "%s"), values)
            return cursor.fetchall()  # type: ignore[no-any-return]

    def stream(self, statement: str, *values: Any) -> Iterator[Sequence[Any]]:
        """Yield the rows of a SELECT in parts, which the server keeps until they are asked for."""
        with self._told_errors(), self._open_stream() as cursor:
            cursor.execute(statement.replace("?", "%s"), values)
            while part := cursor.fetchmany(_PART_ROWS):
                yield part

    def _connect_postgresql(self, uri: str) -> Any:
        _, _, rest = uri.partition("://")
        connection = self._driver.connect(f"postgresql://{rest}", connect_timeout=_CONNECT_SECONDS)
        connection.read_only = True
        connection.isolation_level = self._driver.IsolationLevel.REPEATABLE_READ
        return connection

    def _connect_mysql(self, uri: str) -> Any:
        parts = urlsplit(uri)
        options = dict(parse_qsl(parts.query))
        socket = {"unix_socket": options["unix_socket"]} if "unix_socket" in options else {}
        connection = self._driver.connect(
            host=parts.hostname or "127.0.0.1",
            port=parts.port or 3306,
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password or ""),
            database=unquote(parts.path.lstrip("/")),
            charset="utf8mb4",
            connect_timeout=_CONNECT_SECONDS,
            **socket,
        )
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION TRANSACTION READ ONLY")
        return connection

    def _open_stream(self) -> Any:
        if self._is_postgresql:
            return self._connection.cursor("runstream_import")
        import_optional("pymysql.cursors", "reading a MySQL")
        return self._connection.cursor(self._driver.cursors.SSCursor)

    @contextmanager
    def _told_errors(self) -> Iterator[None]:
        """Raise what the driver raises as an error that an import notes."""
        try:
            yield
        except (self._driver.OperationalError, self._driver.InterfaceError) as error:
            raise Unavailable(f"{self._place} does not answer: {error}") from None
        except self._driver.Error as error:
            raise RunstreamError(f"{self._place}: {error}") from None


_OTHERWISE = "start `mlflow server` on it and import from that"
