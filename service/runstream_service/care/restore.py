"""Putting a backup in the place of a database that no server serves.

A copy of the backup is made beside the database and synced to disk. Then it is renamed over the
database. Whenever this is interrupted, the name of the database leads either to the former database
as a whole or to the restored one as a whole.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from runstream.errors import FailedPrecondition, InvalidArgument, NotFound
from runstream_service.care.backup import copy, sync
from runstream_service.care.check import check
from runstream_service.engine.engine import CannotOpenError
from runstream_service.engine.sqlite_files import BESIDE, refuse_foreign_log


def restore(backup: Path, database: Path, progress: Callable[[int, int], object]) -> Path | None:
    """Replace a database, which this process has locked, by a copy of a backup.

    The backup is checked before anything changes. It may be of an older version.

    Args:
        backup: the file of a database, which stays as it is.
        database: the file to replace; it may be missing or damaged.
        progress: called again and again with the bytes copied and the bytes in all.

    Returns:
        The new name of the former database, beside which its own write-ahead log lies if it could
        not be moved into the file; None if there was no database.

    Raises:
        NotFound: there is no such backup.
        InvalidArgument: the backup is the database itself.
        FailedPrecondition: the backup has faults, or is of a newer version.
        CannotOpenError: the backup cannot be read, or the folder cannot be written.
    """
    if not backup.is_file():
        raise NotFound(f"there is no backup {backup}", reason="BACKUP_NOT_FOUND")
    if database.exists() and backup.samefile(database):
        raise InvalidArgument(f"{backup} is the database itself", field="backup", value=backup)
    faults = [f"{found.name}: {fault}" for found in check(backup) for fault in found.faults]
    if faults:
        raise FailedPrecondition(
            f"{backup} is not restored, because it has faults: {'; '.join(faults[:3])}",
            reason="BACKUP_FAULTY",
        )
    draft = database.with_name(f"{database.name}.restore")
    try:
        copy(backup, draft, progress)
        return _replace(database, draft)
    except (sqlite3.Error, OSError) as error:
        raise CannotOpenError(f"{backup} cannot be restored to {database}: {error}") from error
    finally:
        draft.unlink(missing_ok=True)


def _replace(database: Path, draft: Path) -> Path | None:
    """Rename the draft over the database; return the name under which the former one is kept."""
    kept = None
    if database.exists():
        _finish_log(database)
        kept = database.with_name(f"{database.name}.before-{time.strftime('%Y%m%d-%H%M%S')}")
        for suffix in ("", "-wal", "-journal"):
            if Path(f"{database}{suffix}").exists():
                os.link(f"{database}{suffix}", f"{kept}{suffix}")
    # Only a damaged database still has a journal or a log. SQLite would apply the journal to the
    # restored file, so it goes first. With the log beside it, the restored file is refused
    # (`refuse_foreign_log`), so a kill between these lines does no harm, and restoring again helps.
    Path(f"{database}-journal").unlink(missing_ok=True)
    draft.replace(database)
    for suffix in BESIDE:
        Path(f"{database}{suffix}").unlink(missing_ok=True)
    sync(database.parent)
    return kept


def _finish_log(database: Path) -> None:
    """Move the write-ahead log of a killed server into its file, unless the file is damaged."""
    with suppress(sqlite3.Error, CannotOpenError):
        refuse_foreign_log(database)
        with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=rw", uri=True)) as former:
            former.execute("PRAGMA journal_mode = delete")
