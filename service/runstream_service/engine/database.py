"""Opening the database: its pragmas, its schema, and the refusals at start.

Raises `CannotOpenError` with a sentence for the person who started the server.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from peewee import SQL, DatabaseError, DataError, IntegrityError, ProgrammingError
from playhouse.migrations import Runner

from runstream.errors import Unavailable
from runstream.files.own_files import check_own, open_own
from runstream_service.engine.tables import Run, database

log = logging.getLogger(__name__)

_MIGRATIONS = Path(__file__).parent / "migrations"

#: Bytes of pages that the writer keeps: the series in work, so that it seldom reads.
WRITER_CACHE_BYTES = 64 * 1024 * 1024

#: Bytes of pages that each reading connection keeps, and that it sorts in memory. What is not among
#: them comes from the file cache of the system, which all connections share.
READER_CACHE_BYTES = 8 * 1024 * 1024

_PRAGMAS = {
    "journal_mode": "wal",  # readers never wait for the writer
    "synchronous": "full",  # what was answered is on disk, also after a power cut
    "foreign_keys": 1,
    "cache_size": -READER_CACHE_BYTES // 1024,  # negative: KiB
    "wal_autocheckpoint": 4096,  # pages: fewer, larger checkpoints than the default of 1,000
}

# For the writer, the sealer, each reading thread, and the thread that starts.
CONNECTIONS = 9


class CannotOpenError(Exception):
    """The database cannot be served; the text says why and what to do."""


class Migrations(NamedTuple):
    """The migrations by which a database and this version differ, by name."""

    pending: list[str]
    unknown: list[str]


def sqlite_file(url: str) -> Path:
    """Return the file of a `sqlite:///` URL; four slashes begin an absolute path.

    Raises:
        CannotOpenError: the URL is of another kind.
    """
    prefix = "sqlite:///"
    if not url.startswith(prefix) or url == prefix:
        raise CannotOpenError(f"database {url!r} is not of the form sqlite:///relative/path.db")
    return Path(url.removeprefix(prefix)).absolute()


def open_database(file: Path, last_migration: str | None = None) -> list[str]:
    """Open the file, making it where there is none, and bring its schema up to date.

    Return the names of the migrations that this took.

    Args:
        file: the file.
        last_migration: leaves out the migrations after this one.

    Raises:
        CannotOpenError: it is corrupt, is not a database, cannot be read or written, belongs to
            another user, or was written by a newer version.
    """
    # A URI: with a path SQLite would create a new file if the file was deleted.
    database.init(
        f"{file.as_uri()}?mode=rw",
        pragmas=_PRAGMAS,
        max_connections=CONNECTIONS,
        check_same_thread=False,
        uri=True,
    )
    try:
        _create_file(file)
        with database.connection_context():
            applied = _migrate(file, last_migration)
            # A file that cannot be written is opened without a word, and only a write fails.
            Run.delete().where(SQL("0")).execute()
            return applied
    except (DatabaseError, sqlite3.Error, OSError) as error:
        raise CannotOpenError(f"database {file} cannot be opened: {error}") from error


@contextmanager
def writing_connection() -> Iterator[None]:
    """Give this thread the connection that writes, with the large cache."""
    with database.connection_context():
        database.pragma("cache_size", -WRITER_CACHE_BYTES // 1024)
        yield


@contextmanager
def transaction(kind: str = "DEFERRED") -> Iterator[None]:
    """Run a block in one transaction on the connection of this thread; an error undoes it.

    When the disk is full SQLite undoes the transaction by itself. The `atomic` of Peewee does it
    once more then, and raises that there is nothing to undo in place of what went wrong.
    """
    connection = database.connection()
    connection.execute(f"BEGIN {kind}")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        raise


def storage_error(error: Exception) -> Unavailable | None:
    """Return the error for callers if the disk or the file is at fault; None if the code is."""
    ours = (IntegrityError, ProgrammingError, DataError)
    drivers = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError)
    if isinstance(error, (*ours, *drivers)):
        return None
    if not isinstance(error, (DatabaseError, sqlite3.Error, OSError)):
        return None
    log.error("storage failed: %s", error)
    return Unavailable(f"the storage failed: {error}", reason="STORAGE")


def close_database() -> None:
    """Close all connections; the last one moves the write-ahead log into the file."""
    database.close_all()


def _create_file(file: Path) -> None:
    """Make the file, for its user alone, if it is not there; raise OSError if it is not ours."""
    for suffix in ("-wal", "-shm", "-journal"):
        check_own(f"{file}{suffix}")
    os.close(open_own(file, os.O_RDONLY | os.O_CREAT))


def migrations() -> Migrations:
    """Return which migrations the open database lacks, and which this version does not know."""
    status = Runner(database, str(_MIGRATIONS)).status()
    return Migrations(
        pending=[migration.name for migration in status if not migration.applied],
        unknown=[migration.name for migration in status if migration.path is None],
    )


def _migrate(file: Path, last_migration: str | None) -> list[str]:
    runner = Runner(database, str(_MIGRATIONS))
    if database.get_tables() and not runner.History.table_exists():
        raise CannotOpenError(f"database {file} belongs to another program; choose another file")
    unknown = migrations().unknown
    if unknown:
        raise CannotOpenError(
            f"database {file} was written by a newer version of Runstream "
            f"(it has migration {unknown[-1]}); upgrade Runstream to serve it"
        )
    applied: list[str] = runner.up(last_migration)
    return applied
