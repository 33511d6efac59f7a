"""The files of an SQLite database: where they are, and which do not belong together."""

from __future__ import annotations

from pathlib import Path

from runstream_service.engine.engine import CannotOpenError

#: Ends of the names of SQLite's files beside a database, which belong to that database alone.
BESIDE = ("-wal", "-shm", "-journal")

# The beginning of the header of an SQLite file: the magic text, the size of a page in two bytes,
# and the write version, which is 1 for a rollback journal and 2 for a write-ahead log.
_MAGIC = b"SQLite format 3\0"
_WRITE_VERSION = 18
_NO_WRITE_AHEAD_LOG = 1
_HEADER_BYTES = 19


def sqlite_file(url: str) -> Path:
    """Return the file of a `sqlite:///` URL; four slashes begin an absolute path.

    Raises:
        CannotOpenError: the URL is of another kind.
    """
    prefix = "sqlite:///"
    if not url.startswith(prefix) or url == prefix:
        raise CannotOpenError(f"database {url!r} is not of the form sqlite:///relative/path.db")
    return Path(url.removeprefix(prefix)).absolute()


def refuse_foreign_log(file: Path) -> None:
    """Refuse a write-ahead log that belongs to a former file of the same name.

    SQLite would apply such a log to the file, and damage it. The header of a file says whether it
    uses a write-ahead log. SQLite writes that before it creates the log, and our backups do not use
    one. So a log beside a file that uses none was there before the file.

    Raises:
        CannotOpenError: there is such a log.
    """
    log = Path(f"{file}-wal")
    if not log.exists() or not log.stat().st_size:
        return
    with file.open("rb") as opened:
        header = opened.read(_HEADER_BYTES)
    if header.startswith(_MAGIC) and header[_WRITE_VERSION] == _NO_WRITE_AHEAD_LOG:
        raise CannotOpenError(
            f"{log} belongs to another database, which was at {file} before: this one is a backup "
            "that was copied over it. `runstream db restore BACKUP` restores a backup; or remove "
            f"{log.name} and {file.name}-shm, if nothing in them is needed any more"
        )
