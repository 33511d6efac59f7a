"""The store of one process: its engine, the thread that writes, and the threads that read."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from playhouse.migrations import Runner

from runstream_service.config import is_postgresql
from runstream_service.engine import statements
from runstream_service.engine.engine import LOCK_TABLE, CannotOpenError, Engine
from runstream_service.engine.readers import QUERY_SECONDS, Readers
from runstream_service.engine.served_files import ServedFiles
from runstream_service.engine.sqlite import SqliteEngine
from runstream_service.engine.sqlite_files import sqlite_file
from runstream_service.engine.tables import TABLES, Run
from runstream_service.engine.writer import Feed, Ingest, Judge, Writer


def open_engine(url: str) -> Engine:
    """Return the engine of a database; nothing is opened yet.

    Raises:
        CannotOpenError: the URL is malformed, or a package is missing.
    """
    if not is_postgresql(url):
        return SqliteEngine(sqlite_file(url))
    try:
        from runstream_service.engine.postgresql import PostgresqlEngine
    except ModuleNotFoundError as missing:
        raise CannotOpenError(
            f"PostgreSQL needs the package {missing.name}: "
            "pip install 'runstream[postgresql]' installs it"
        ) from None
    return PostgresqlEngine(url)


class Migrations(NamedTuple):
    """The migrations by which a database and this version differ, by name."""

    pending: list[str]
    unknown: list[str]


class Store:
    """A database that is open. The tables and all statements are of the store opened last.

    Attributes:
        engine: the database.
        applied: the migrations that opening it took, by name.
        files: its files while it is served.
        writer: the thread that writes, once it is started.
        readers: the threads that read, once they are started.
    """

    files: ServedFiles
    writer: Writer
    readers: Readers

    def __init__(self, engine: Engine) -> None:
        """Bind the tables and statements to a database, as it is."""
        self.engine = engine
        self.applied: list[str] = []
        engine.bind(TABLES, bind_refs=False, bind_backrefs=False)
        statements.bind(engine)

    @classmethod
    def open(cls, engine: Engine, last_migration: str | None = None) -> Store:
        """Open a database, making its file where there is none, and bring its schema up to date.

        Args:
            engine: the database.
            last_migration: leaves out the migrations after this one.

        Raises:
            CannotOpenError: it is corrupt, is not a database, cannot be reached, read or written,
                belongs to another user, or was written by a newer version.
        """
        store = cls(engine)
        name = engine.name.removeprefix("sqlite:///")
        try:
            store.engine.create()
            with engine.migrating(), engine.connection_context():
                store._migrate(f"database {name}", last_migration)
                # SQLite opens a file that cannot be written without a word, and only a write fails.
                Run.delete().where(Run.id < 0).execute()
        except BaseException as error:
            store.close()
            if isinstance(error, (*store.engine.ERRORS, OSError)):
                reason = str(error).partition("\n")[0]
                raise CannotOpenError(f"database {name} cannot be opened: {reason}") from error
            raise
        return store

    def start(
        self,
        ingest: Ingest,
        feed: Feed,
        judge: Judge,
        at_end: Callable[[], object] = lambda: None,
        query_seconds: float = QUERY_SECONDS,
    ) -> None:
        """Start the threads, on the event loop.

        Args:
            ingest: flushed before each commit.
            feed: gets what each transaction changed, if somebody watches.
            judge: judges what each transaction changes, if there are rules.
            at_end: called before the process ends because of deleted or replaced files.
            query_seconds: that a read may take.
        """
        self.files = ServedFiles(self.engine.files(), at_end)
        self.writer = Writer(self.engine, self.files, ingest, feed, judge)
        self.readers = Readers(self.engine, self.files, query_seconds)

    async def stop(self) -> None:
        """Write out what is queued, stop the queries under way, and end the threads."""
        await self.writer.close()
        await self.readers.close()
        self.files.release()

    def close(self) -> None:
        """Close all connections; the last one of SQLite moves the write-ahead log into the file."""
        self.engine.close_all()
        statements.unbind(self.engine)

    def migrations(self) -> Migrations:
        """Return which migrations the database lacks, and which this version does not know."""
        status = Runner(self.engine, str(self.engine.MIGRATIONS)).status()
        return Migrations(
            pending=[migration.name for migration in status if not migration.applied],
            unknown=[migration.name for migration in status if migration.path is None],
        )

    def _migrate(self, name: str, last_migration: str | None) -> None:
        runner = Runner(self.engine, str(self.engine.MIGRATIONS))
        if set(self.engine.get_tables()) - {LOCK_TABLE} and not runner.History.table_exists():
            raise CannotOpenError(f"{name} belongs to another program; choose another one")
        unknown = self.migrations().unknown
        if unknown:
            raise CannotOpenError(
                f"{name} was written by a newer version of Runstream "
                f"(it has migration {unknown[-1]}); upgrade Runstream to serve it"
            )
        self.applied = runner.up(last_migration)
