"""What is true of SQLite alone: its pragmas, transactions, limits and functions."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, TypeVar

from peewee import JOIN, SQL, DatabaseError, DataError, IntegrityError, ProgrammingError, Select, fn
from playhouse.pool import PooledSqliteDatabase

from runstream.files.own_files import check_own, open_own
from runstream_service.engine.engine import Compiled, Connections, TimeLimit
from runstream_service.engine.sqlite_files import BESIDE, refuse_foreign_log
from runstream_service.engine.statements import in_texts

Function = TypeVar("Function", bound=Callable[..., Any])

#: Bytes of pages that the writer keeps: the series in work, so that it seldom reads.
WRITER_CACHE_BYTES = 64 * 1024 * 1024

#: Bytes of pages that each reading connection keeps, and that it sorts in memory. What is not among
#: them comes from the file cache of the system, which all connections share.
READER_CACHE_BYTES = 8 * 1024 * 1024

PRAGMAS = {
    "journal_mode": "wal",  # readers never wait for the writer
    "synchronous": "full",  # what was answered is on disk, also after a power cut
    "foreign_keys": 1,
    "cache_size": -READER_CACHE_BYTES // 1024,  # negative: KiB
    "wal_autocheckpoint": 4096,  # pages: fewer, larger checkpoints than the default of 1,000
}

# For the writer, the sealer, each reading thread, and the thread that starts.
CONNECTIONS = 11

# Steps of SQLite's virtual machine between two looks at the limit of a read: some milliseconds.
_STEPS = 200_000

_functions: dict[str, tuple[Callable[..., Any], int]] = {}


def sql_function(name: str, parameters: int) -> Callable[[Function], Function]:
    """Make a pure function of Python a function of SQL, on engines that are made from now on."""

    def register(function: Function) -> Function:
        _functions[name] = (function, parameters)
        return function

    return register


class SqliteEngine(PooledSqliteDatabase):  # type: ignore[misc] # Peewee has no types
    """One SQLite file, as an `Engine`."""

    MIGRATIONS = Path(__file__).parent / "migrations" / "sqlite"
    ERRORS = (DatabaseError, sqlite3.Error)
    GREATEST = "MAX"
    LEAST = "MIN"
    ORDERED_JOIN = JOIN.CROSS
    IS_SHARED = False  # the process has locked the file, and one thread of it writes
    LOCK_ROWS = SHARE_ROWS = ""
    HAS_FUNCTIONS = True
    HAS_STATISTICS = False

    def __init__(
        self, file: Path, pragmas: Mapping[str, Any] = PRAGMAS, *, read_only: bool = False
    ) -> None:
        """Describe the file; nothing is opened yet.

        Args:
            file: the file.
            pragmas: run on each connection.
            read_only: whether nothing can be written.
        """
        # A URI: with a path SQLite would create a new file if the file was deleted.
        super().__init__(
            f"{file.as_uri()}?mode={'ro' if read_only else 'rw'}",
            pragmas=dict(pragmas),
            max_connections=CONNECTIONS,
            check_same_thread=False,
            uri=True,
        )
        self.file = file
        self.name = f"sqlite:///{file}"
        self.compiled = Compiled(self)
        for name, (function, parameters) in _functions.items():
            self.register_function(function, name, parameters, deterministic=True)

    def get_context_options(self) -> dict[str, Any]:
        return {**super().get_context_options(), "engine": self}

    def create(self) -> None:
        """Make the file, for its user alone, if it is not there.

        Raises:
            OSError: it is not ours.
            CannotOpenError: the write-ahead log beside it belongs to another file.
        """
        for suffix in BESIDE:
            check_own(f"{self.file}{suffix}")
        os.close(open_own(self.file, os.O_RDONLY | os.O_CREAT))
        refuse_foreign_log(self.file)

    def files(self) -> list[Path]:
        # SQLite keeps -wal and -shm as long as the database is open. If somebody deletes the lock
        # file, a second server can write the same database.
        paths = [Path(f"{self.file}{suffix}") for suffix in ("", "-wal", "-shm", ".lock")]
        return [path for path in paths if path.exists()]

    def array(self, values: Iterable[int | str]) -> str:
        return json.dumps(list(values))

    def array_query(self, kind: type, values: Iterable[int | str]) -> Any:  # noqa: ARG002 # SQLite needs no types
        return Select((fn.json_each(self.array(values)),), (SQL("value"),))

    def migrating(self) -> AbstractContextManager[None]:
        return nullcontext()  # the process has locked the file

    def notifications(self) -> None:
        """There is nobody else."""

    def run_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> int:
        return max(0, int(self.connection().executemany(sql, rows).rowcount))

    def insert_rows(
        self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]
    ) -> None:
        names = ", ".join(f'"{column}"' for column in columns)
        marks = ", ".join("?" * len(columns))
        self.run_many(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', rows)  # noqa: S608 # names of our tables

    def continue_ids(self, table: str, column: str) -> None:
        """SQLite does so by itself."""

    def insert_each(self, sql: str, rows: Sequence[Sequence[Any]]) -> list[int]:
        run = self.connection().execute
        return [run(sql, row).fetchone()[0] for row in rows]

    def stream(self, sql: str, values: Sequence[Any]) -> Any:
        return self.connection().execute(sql, values)

    open_cursor = stream

    def is_text(self, column: Any, texts: Sequence[str]) -> Any:
        return column == texts[0] if len(texts) == 1 else column.in_(in_texts(texts))

    def equals(self, column: Any, short: Any) -> Any:
        return column == short

    def without_index(self, column: Any) -> Any:
        return column + 0

    def byte_length(self, column: Any) -> Any:
        return fn.LENGTH(column.cast("BLOB"))

    def connections(self) -> Connections:
        return Connections(len(self._in_use), len(self._connections), self._max_connections)

    def interrupt(self, limit: TimeLimit) -> None:
        """The progress handler asks by itself."""

    def is_conflict(self, error: Exception) -> bool:  # noqa: ARG002 # one thread writes
        return False

    @contextmanager
    def writing_connection(self) -> Iterator[None]:
        with self.connection_context():
            self.pragma("cache_size", -WRITER_CACHE_BYTES // 1024)
            yield

    def write_transaction(self) -> AbstractContextManager[None]:
        return self._transaction("BEGIN IMMEDIATE")

    def read_transaction(self) -> AbstractContextManager[None]:
        return self._transaction("BEGIN DEFERRED")

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        """Run a block in one transaction on the connection of this thread; an error undoes it.

        When the disk is full SQLite undoes the transaction by itself. The `atomic` of Peewee does
        it once more then, and raises that there is nothing to undo in place of what went wrong.
        """
        with self.connection_context():
            connection = self.connection()
            connection.execute(begin)
            try:
                yield
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    with suppress(sqlite3.Error):
                        connection.execute("ROLLBACK")
                raise

    @contextmanager
    def snapshot(self, limit: TimeLimit) -> Iterator[None]:
        with self.connection_context():
            connection = self.connection()
            connection.set_progress_handler(limit.is_over, _STEPS)
            try:
                with self.read_transaction():
                    yield
            finally:
                connection.set_progress_handler(None, 0)

    def is_storage_fault(self, error: Exception) -> bool:
        ours = (IntegrityError, ProgrammingError, DataError)
        drivers = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError)
        return isinstance(error, (*self.ERRORS, OSError)) and not isinstance(
            error, (*ours, *drivers)
        )
