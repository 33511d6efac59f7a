"""A copy of the database, made while a server writes it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from runstream.errors import AlreadyExists, InvalidArgument, NotFound
from runstream.files.own_files import open_own
from runstream_service.engine.engine import CannotOpenError
from runstream_service.engine.sqlite_files import BESIDE, refuse_foreign_log

_PAGES = 2048  # 8 MiB between two reports of progress


def back_up(
    database: Path, target: Path, *, overwrite: bool, progress: Callable[[int, int], object]
) -> None:
    """Copy the database as it is now to another file, which is there as a whole or not at all.

    What is committed meanwhile is not part of the copy, and nobody waits for it. Like the database,
    the copy is readable by its user alone.

    Args:
        database: the file of the database, with or without a server.
        target: the file to make, in a folder that exists.
        overwrite: whether a file that is there may be replaced.
        progress: called again and again with the bytes done and the bytes in all.

    Raises:
        NotFound: there is no such database.
        AlreadyExists: the target is there, and `overwrite` is not set.
        InvalidArgument: the target is the database itself.
        CannotOpenError: the database cannot be read, or the target cannot be written.
    """
    if not database.is_file():
        raise NotFound(f"there is no database {database}", reason="DATABASE_NOT_FOUND")
    if target.resolve() == database.resolve():
        raise InvalidArgument(f"{target} is the database itself", field="target", value=target)
    if target.exists() and not overwrite:
        raise AlreadyExists(
            f"{target} is there already; --overwrite replaces it", reason="TARGET_EXISTS"
        )
    draft = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        refuse_foreign_log(database)
        copy(database, draft, progress)
        draft.replace(target)
        sync(target.parent)
    except (sqlite3.Error, OSError) as error:
        raise CannotOpenError(f"{database} cannot be copied to {target}: {error}") from error
    finally:
        draft.unlink(missing_ok=True)


def copy(database: Path, draft: Path, progress: Callable[[int, int], object]) -> None:
    """Copy a database into a new file, and wait until that is on disk.

    The copy has no write-ahead log, which `refuse_foreign_log` relies on.
    """
    for suffix in ("", *BESIDE):  # of a process that was killed
        Path(f"{draft}{suffix}").unlink(missing_ok=True)
    os.close(open_own(draft, os.O_RDWR | os.O_CREAT))
    read_only = f"{database.resolve().as_uri()}?mode=ro"
    with (
        closing(sqlite3.connect(read_only, uri=True, isolation_level=None)) as source,
        closing(sqlite3.connect(draft)) as target,
    ):
        # SQLite begins a backup anew at each commit of others, which may be for ever. Within a
        # transaction that reads, the database does not change.
        source.execute("BEGIN")
        (page_size,) = source.execute("PRAGMA page_size").fetchone()
        source.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()

        def report(_: int, remaining: int, total: int) -> None:
            progress((total - remaining) * page_size, total * page_size)

        source.backup(target, pages=_PAGES, progress=report, sleep=0)
        target.execute("PRAGMA journal_mode = delete")
    sync(draft)


def sync(path: Path) -> None:
    """Wait until a file, or which files a folder has, is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
