"""What the store asks of a database; `sqlite.py` and `postgresql.py` answer.

All that differs between databases is there; elsewhere SQL is what all of them understand.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from runstream.errors import Unavailable

log = logging.getLogger(__name__)

# Seconds in which a storage that fails each call in the same way is one line of the log, and texts
# of such lines that are remembered.
_LOG_SECONDS = 10.0
_MAX_TEXTS = 100

_logged: dict[str, float] = {}  # when a text was logged last, by the clock of the process

#: The table of the lock under which a schema is migrated, where there is one.
LOCK_TABLE = "migration_lock"


class CannotOpenError(Exception):
    """The database cannot be served; the text says why and what to do."""


class ConflictError(Exception):
    """What another server has committed makes a transaction void, which is to be run again."""


class Connections(NamedTuple):
    """The connections of a pool: those that threads use, those that none uses, the most of both."""

    in_use: int
    idle: int
    limit: int


class TimeLimit(Protocol):
    """The limit of a read, which is over when its time is up or its caller has gone."""

    def is_over(self) -> bool: ...

    def seconds_left(self) -> float: ...


class Notifications(Protocol):
    """Wakes other servers, maybe; on the event loop."""

    def send_soon(self) -> None:
        """Wake the others soon."""

    async def run(self, wake: Callable[[], None]) -> None:
        """Send, and call `wake` when another server sends, until cancelled."""


class Engine(Protocol):
    """A database with its pool of connections: a `Database` of Peewee with the methods below.

    Attributes:
        name: the URL of the database, without a password.
        file: its file, if it is one.
        MIGRATIONS: the folder of the migrations of its schema.
        ERRORS: the errors that its driver and Peewee raise.
        GREATEST: its function of the greatest of several values, where aggregates are not meant.
        LEAST: the same of the least.
        ORDERED_JOIN: the join that goes through the tables in their order, if it has one.
        IS_SHARED: whether other servers may write to the database at the same time.
        LOCK_ROWS: the end of a SELECT that locks its rows, where that is needed.
        SHARE_ROWS: the same of one that lets others lock them in this way.
        HAS_FUNCTIONS: whether SQL can call the functions of `sql_function`.
        HAS_STATISTICS: whether it knows how values are spread when it plans a statement.
        compiled: the SQL of each statement that has run.
    """

    name: str
    file: Path | None
    MIGRATIONS: Path
    ERRORS: tuple[type[Exception], ...]
    GREATEST: str
    LEAST: str
    ORDERED_JOIN: str
    IS_SHARED: bool
    LOCK_ROWS: str
    SHARE_ROWS: str
    HAS_FUNCTIONS: bool
    HAS_STATISTICS: bool
    compiled: Compiled

    def create(self) -> None:
        """Make the database if it is not there; raises OSError."""

    def files(self) -> list[Path]:
        """Return the files that must not be deleted while the database is open."""

    def array(self, values: Iterable[int | str]) -> Any:
        """Return the one value that is bound for a list."""

    def array_query(self, kind: type, values: Iterable[int | str]) -> Any:
        """Return the query of the values of a list, which are ids (int) or texts (str)."""

    def migrating(self) -> AbstractContextManager[None]:
        """Run a block that changes the schema while no other process does."""

    def notifications(self) -> Notifications | None:
        """Return what wakes the other servers, if there can be any."""

    def run_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> int:
        """Run a statement with the values of each row; return how many rows it changed."""

    def insert_rows(
        self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]
    ) -> None:
        """Insert rows, at least one, by the fastest way; none of them may be there."""

    def continue_ids(self, table: str, column: str) -> None:
        """Have the ids that the database counts up go on after the greatest of a table."""

    def insert_each(self, sql: str, rows: Sequence[Sequence[Any]]) -> list[int]:
        """Run a statement that returns an id with the values of each row; return the ids."""

    def stream(self, sql: str, values: Sequence[Any]) -> Any:
        """Return a cursor of rows that are not in memory all at once.

        It must be read to its end or closed before the next statement. Closing may read the rest.
        """

    def open_cursor(self, sql: str, values: Sequence[Any]) -> Any:
        """Return what `stream` does, of which closing does not read the rest."""

    def is_text(self, column: Any, texts: Sequence[str]) -> Any:
        """Return the condition that a text is one of these, which an index on it finds."""

    def equals(self, column: Any, short: Any) -> Any:
        """Return the condition that a text equals an expression, which an index on it finds.

        The expression is never longer than an id.
        """

    def without_index(self, column: Any) -> Any:
        """Return the column in a form for which the database takes no index."""

    def byte_length(self, column: Any) -> Any:
        """Return how many bytes of UTF-8 a text has."""

    def connections(self) -> Connections:
        """Return how many connections there are."""

    def interrupt(self, limit: TimeLimit) -> None:
        """Stop the statement of the snapshot that has this limit, which is over; any thread."""

    def is_conflict(self, error: Exception) -> bool:
        """Return whether a transaction failed because of another, and is to be run again."""

    def writing_connection(self) -> AbstractContextManager[None]:
        """Give this thread the connection of the writer."""

    def write_transaction(self) -> AbstractContextManager[None]:
        """Run a block in one transaction on the connection of this thread; an error undoes it."""

    def read_transaction(self) -> AbstractContextManager[None]:
        """Run a block that reads one consistent snapshot."""

    def snapshot(self, limit: TimeLimit) -> AbstractContextManager[None]:
        """Give this thread a snapshot, whose queries end when the limit is over."""

    def is_storage_fault(self, error: Exception) -> bool:
        """Return whether the disk, the file or the server of the database failed, not our code."""

    # What follows is Peewee's.

    def bind(self, models: Iterable[Any], bind_refs: bool, bind_backrefs: bool) -> None: ...

    def close_all(self) -> None: ...

    def connection(self) -> Any: ...

    def connection_context(self) -> Any: ...

    def execute(self, query: Any) -> Any: ...

    def execute_sql(self, sql: str, params: Sequence[Any] | None = None) -> Any: ...

    def get_sql_context(self) -> Any: ...

    def get_tables(self) -> list[str]: ...


class _Compilable(Protocol):
    def compile(self, engine: Engine, /) -> str: ...


class Compiled(dict[_Compilable, str]):
    """The SQL of statements for one engine, each compiled when it is first asked for."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __missing__(self, statement: _Compilable) -> str:
        self[statement] = sql = statement.compile(self._engine)
        return sql


def storage_error(error: Exception) -> Unavailable:
    """Return the error for callers when the storage failed, and log it."""
    text = str(error).partition("\n")[0]
    now = time.monotonic()
    if now - _logged.get(text, -_LOG_SECONDS) >= _LOG_SECONDS:
        if len(_logged) >= _MAX_TEXTS:
            _logged.clear()
        _logged[text] = now
        log.error("storage failed: %s", text)
    return Unavailable(f"the storage failed: {text}", reason="STORAGE")
