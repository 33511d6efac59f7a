"""A copy of the database, made while a server writes it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from runstream.errors import AlreadyExists, InvalidArgument, NotFound
from runstream_service.engine.database import CannotOpenError

_PAGES = 2048  # 8 MiB between two reports of progress


def back_up(
    database: Path, target: Path, *, overwrite: bool, progress: Callable[[int, int], object]
) -> None:
    """Copy the database as it is now to another file, which is there as a whole or not at all.

    What is committed meanwhile is not part of the copy, and nobody waits for it.

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
        _copy(database, draft, progress)
        sync(draft)
        draft.replace(target)
        sync(target.parent)
    except (sqlite3.Error, OSError) as error:
        raise CannotOpenError(f"{database} cannot be copied to {target}: {error}") from error
    finally:
        draft.unlink(missing_ok=True)


def _copy(database: Path, draft: Path, progress: Callable[[int, int], object]) -> None:
    read_only = f"{database.resolve().as_uri()}?mode=ro"
    with (
        closing(sqlite3.connect(read_only, uri=True, isolation_level=None)) as source,
        closing(sqlite3.connect(draft)) as copy,
    ):
        # SQLite begins a backup anew at each commit of others, which may be for ever. Within a
        # transaction that reads, the database does not change.
        source.execute("BEGIN")
        (page_size,) = source.execute("PRAGMA page_size").fetchone()
        source.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()

        def report(_: int, remaining: int, total: int) -> None:
            progress((total - remaining) * page_size, total * page_size)

        source.backup(copy, pages=_PAGES, progress=report, sleep=0)


def sync(path: Path) -> None:
    """Wait until a file, or which files a folder has, is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
