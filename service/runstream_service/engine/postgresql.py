"""What is true of PostgreSQL alone: its connections, transactions, limits, locks and errors.

docs/decisions/0049-postgresql.md has the reasons.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from runstream_service.engine import postgresql_errors
from runstream_service.engine.engine import CannotOpenError, Compiled, ConflictError, TimeLimit
from runstream_service.engine.postgresql_bulk import PostgresqlBulk
from runstream_service.engine.postgresql_guard import Guard, SecondsLimit
from runstream_service.engine.postgresql_notifications import Notifications
from runstream_service.engine.postgresql_pool import PostgresqlPool
from runstream_service.engine.postgresql_values import adapters
from runstream_service.engine.postgresql_words import PostgresqlWords

# For the writer, the sealer, each reading thread, and the thread that starts; some are spare.
_CONNECTIONS = 12

# What a URL may set otherwise. A machine that does not answer any more is noticed in half a minute.
_PARAMETERS = {
    "application_name": "runstream",
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}

# A transaction that writes takes milliseconds. The limits end one that somebody else holds up, and
# that of a server which stands still and would hold up others.
_WRITE = (
    "BEGIN; SET LOCAL lock_timeout = '30s'; SET LOCAL statement_timeout = '60s'; "
    "SET LOCAL idle_in_transaction_session_timeout = '20s'"
)
_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

# What CREATE TABLE IF NOT EXISTS raises if another server makes the table at this moment.
_MADE_MEANWHILE = (
    psycopg.errors.UniqueViolation,
    psycopg.errors.DuplicateObject,
    psycopg.errors.DuplicateTable,
)

# Seconds that a transaction may take which no caller limits, when the database does not answer.
_TRANSACTION_SECONDS = 90.0


class PostgresqlEngine(PostgresqlWords, PostgresqlBulk, PostgresqlPool):
    """One database of PostgreSQL, as an `Engine`."""

    MIGRATIONS = Path(__file__).parent / "migrations" / "postgresql"
    ERRORS = postgresql_errors.ERRORS

    def __init__(self, url: str) -> None:
        """Describe the database; no connection is made yet.

        Raises:
            CannotOpenError: the URL is malformed.
        """
        try:
            given = conninfo_to_dict(url)
        except psycopg.ProgrammingError as error:
            raise CannotOpenError(
                f"the URL of the database is malformed: {str(error).strip()}"
            ) from None
        parameters = _PARAMETERS | given | {"client_encoding": "UTF8"}
        if "," in f"{given.get('host')}{given.get('hostaddr')}":  # the one that is no standby
            parameters.setdefault("target_session_attrs", "read-write")
        super().__init__(
            str(parameters.pop("dbname", None) or parameters.get("user") or "postgres"),
            prefer_psycopg3=True,
            max_connections=_CONNECTIONS,
            context=adapters(),
            **parameters,
        )
        self.file = None
        self.name = _without_password(given)
        self.compiled = Compiled(self)
        self._guard = Guard()

    def get_context_options(self) -> dict[str, Any]:
        return {**super().get_context_options(), "engine": self}

    def create(self) -> None:
        """An administrator has made the database."""

    def files(self) -> list[Path]:
        return []

    @contextmanager
    def migrating(self) -> Iterator[None]:
        """Run a block while no other server does; the lock is a row, and ends with this process."""
        with suppress(*_MADE_MEANWHILE):
            _run_alone(self, "CREATE TABLE IF NOT EXISTS migration_lock (id integer PRIMARY KEY)")
        _run_alone(self, "INSERT INTO migration_lock VALUES (1) ON CONFLICT DO NOTHING")
        with closing(self._connect_alone()) as lock:
            lock.execute("BEGIN; SELECT id FROM migration_lock FOR UPDATE")
            yield

    def notifications(self) -> Notifications:
        return Notifications(self._connect_alone, self._execute_alone)

    def _connect_alone(self) -> psycopg.Connection:
        """Return a connection that is not of the pool."""
        return psycopg.connect(dbname=self.database, autocommit=True, **self.connect_params)

    def _execute_alone(self, connection: Any, sql: str) -> None:
        """Run a statement that is no transaction of the pool, within the same limit."""
        with self._guard.watch(SecondsLimit(_TRANSACTION_SECONDS), connection):
            connection.execute(sql)

    @contextmanager
    def writing_connection(self) -> Iterator[None]:
        yield  # each transaction takes one, because one may be lost

    def write_transaction(self) -> AbstractContextManager[None]:
        return self._transaction(_WRITE, SecondsLimit(_TRANSACTION_SECONDS))

    def read_transaction(self) -> AbstractContextManager[None]:
        return self._transaction(_READ, SecondsLimit(_TRANSACTION_SECONDS))

    @contextmanager
    def _transaction(self, begin: str, limit: TimeLimit) -> Iterator[None]:
        with self.connection_context():
            connection = self.connection()
            try:
                with self._guard.watch(limit, connection):
                    yield from self._run_transaction(connection, begin)
            finally:
                if limit.is_over():  # what interrupts it may arrive late, and is for no other
                    connection.close()

    def _run_transaction(self, connection: Any, begin: str) -> Iterator[None]:
        try:
            connection.execute(begin)
            yield
            connection.execute("COMMIT")
        except BaseException as error:
            # A connection that is lost does not go back into the pool.
            with suppress(psycopg.Error):
                connection.execute("ROLLBACK")
            if postgresql_errors.is_read_only(error):
                # It became a standby; the next connection finds the server that took its place.
                self.discard_connections(connection)
            raise

    def snapshot(self, limit: TimeLimit) -> AbstractContextManager[None]:
        milliseconds = max(1, round(1000 * limit.seconds_left()))
        return self._transaction(f"{_READ}; SET LOCAL statement_timeout = {milliseconds}", limit)

    def interrupt(self, limit: TimeLimit) -> None:  # noqa: ARG002 # the guard finds which are over
        self._guard.wake()

    def is_storage_fault(self, error: Exception) -> bool:
        return postgresql_errors.is_storage_fault(error)

    def is_conflict(self, error: Exception) -> bool:
        return isinstance(error, ConflictError) or postgresql_errors.is_conflict(error)


def _run_alone(engine: PostgresqlEngine, sql: str) -> None:
    with engine.connection_context():
        engine.connection().execute(sql)


def _without_password(given: dict[str, Any]) -> str:
    user, port = given.get("user"), given.get("port")
    host = given.get("host") or given.get("hostaddr") or ""
    where = (f"{user}@" if user else "") + str(host) + (f":{port}" if port else "")
    return f"postgresql://{where}/{given.get('dbname') or ''}"
