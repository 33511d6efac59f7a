"""Upgrading a database whose points are rows, as they were before migration 0018.

A new file beside the old one is filled: all other tables are copied, and the points of each metric
become chunks. It is compared with the old one, synced to disk and renamed over it. Until then the
old file is whole, and whatever interrupts an upgrade, the next one begins anew.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np

from runstream.files.own_files import open_own
from runstream_service.care.backup import sync
from runstream_service.care.copy_state import refuse_incomplete_copy
from runstream_service.engine.engine import CannotOpenError, Engine
from runstream_service.engine.membership import SERVER_TABLE, refuse_served
from runstream_service.engine.sqlite import SqliteEngine
from runstream_service.engine.sqlite_files import refuse_foreign_log
from runstream_service.engine.store import Store
from runstream_service.engine.tables import NAN
from runstream_service.points import chunks, tail
from runstream_service.points.codec import encode_chunks
from runstream_service.points.columns import Columns, join, make_columns
from runstream_service.points.history import Tails, iterate
from runstream_service.points.sealing import MIN_IDLE_POINTS
from runstream_service.points.tail_row import make_row

log = logging.getLogger(__name__)

Progress = Callable[[int, int], object]

# The last migration of a database whose points are rows.
_LAST_OF_ROWS = "0017_console"

# Rows that are fetched at a time, and fetches whose points become chunks together. More rows at a
# time are slower: their tuples fall out of the caches of the processor.
_ROWS = 512
_FETCHES = 128

# Seconds between two lines of the log.
_LOG_SECONDS = 10.0

_POINTS = (
    "SELECT step, timestamp, value FROM point WHERE series_id = ? ORDER BY step, timestamp, value"
)


class _Totals(NamedTuple):
    """How many points a series has, and the sums of the bits of its columns."""

    points: int
    steps: int
    timestamps: int
    values: int

    def plus(self, columns: Columns) -> _Totals:
        sums = (int(column.view(np.uint64).sum()) for column in columns)
        added = (old + new & 2**64 - 1 for old, new in zip(self[1:], sums, strict=True))
        return _Totals(self.points + columns.size, *added)


_NOTHING = _Totals(0, 0, 0, 0)


def open_upgraded(engine: Engine, progress: Progress | None = None) -> Store:
    """Open a database as `Store.open` does, after moving points that are rows.

    Args:
        engine: the database; if it is a file, this process has locked it.
        progress: called again and again with the points done and the points in all; if it is left
            out, the log tells.

    Raises:
        CannotOpenError: as `Store.open`; or there is no room for the new file; or the database is
            a copy that is not complete.
    """
    file = engine.file
    if file is None or not _has_table_of_points(file):
        store = Store.open(engine)
        refuse_incomplete_copy(store)
        return store
    applied = _open_and_close(file, _LAST_OF_ROWS)
    draft = file.with_name(f"{file.name}.upgrade")
    try:
        applied += _move(file, draft, progress or _LogProgress(file))
    except (sqlite3.Error, OSError) as error:
        raise CannotOpenError(f"database {file} cannot be upgraded: {error}") from error
    finally:
        draft.unlink(missing_ok=True)
    store = Store.open(engine)
    store.applied = applied + store.applied
    return store


def refuse_if_served(engine: Engine) -> None:
    """Refuse to upgrade a database of several servers while one of an older version serves it.

    Raises:
        FailedPrecondition: a server serves it, and migrations are due.
        CannotOpenError: it cannot be reached.
    """
    store = Store(engine)
    try:
        with engine.connection_context():
            is_due = bool(store.migrations().pending) and SERVER_TABLE in engine.get_tables()
        if is_due:
            refuse_served(engine)
    except engine.ERRORS as error:
        reason = str(error).partition("\n")[0]
        raise CannotOpenError(f"database {engine.name} cannot be opened: {reason}") from error
    finally:
        store.close()


def _open_and_close(file: Path, last_migration: str | None = None) -> list[str]:
    """Bring a schema up to date; return the migrations that this took."""
    store = Store.open(SqliteEngine(file), last_migration)
    store.close()
    return store.applied


def _has_table_of_points(file: Path) -> bool:
    if not file.is_file():
        return False
    refuse_foreign_log(file)
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True)) as old:
            found = old.execute("SELECT 1 FROM sqlite_schema WHERE name = 'point'").fetchone()
            return found is not None and old.execute("SELECT 1 FROM point").fetchone() is not None
    except sqlite3.Error:  # opening it for good says what is wrong
        return False


def _move(file: Path, draft: Path, progress: Progress) -> list[str]:
    """Replace the file by one with chunks; return the migrations that this took."""
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True)) as old:
        # Nothing of the old file may be in files beside it, which would belong to the new one then.
        (mode,) = old.execute("PRAGMA journal_mode = delete").fetchone()
        if mode != "delete":
            raise CannotOpenError(f"database {file} is in use by another program")
        _copy_tables(file, draft)
        applied = _prepare_draft(draft)
        (total,) = old.execute("SELECT COALESCE(SUM(count), 0) FROM series").fetchone()
        # A draft that is not finished is thrown away, so it needs no journal.
        store = Store(SqliteEngine(draft, {"journal_mode": "off", "synchronous": "off"}))
        try:
            _copy_points(old, store.engine, lambda done: progress(done, total))
        finally:
            store.close()
    sync(draft)
    draft.replace(file)
    sync(file.parent)
    return applied


def _copy_tables(file: Path, draft: Path) -> None:
    """Copy all tables but that of points, of which only an empty one is made."""
    draft.unlink(missing_ok=True)
    os.close(open_own(draft, os.O_RDWR | os.O_CREAT))
    with closing(sqlite3.connect(draft, isolation_level=None)) as new:
        new.execute("PRAGMA journal_mode = off")
        new.execute("ATTACH ? AS old", (str(file),))
        new.execute("BEGIN")
        schema = new.execute(
            "SELECT type, name, sql FROM old.sqlite_schema WHERE sql IS NOT NULL "
            "AND name NOT LIKE 'sqlite_%' ORDER BY type = 'table' DESC"
        ).fetchall()
        for kind, name, sql in schema:
            new.execute(sql)
            if kind == "table" and name != "point":
                new.execute(f'INSERT INTO main."{name}" SELECT * FROM old."{name}"')  # noqa: S608 # a name of the schema
        new.execute("COMMIT")


def _prepare_draft(draft: Path) -> list[str]:
    """Make the tables of this version, and no files beside the new one."""
    applied = _open_and_close(draft)
    with closing(sqlite3.connect(draft)) as new:
        new.execute("PRAGMA journal_mode = delete")
    return applied


def _copy_points(
    old: sqlite3.Connection, engine: Engine, progress: Callable[[int], object]
) -> None:
    done = 0
    rows = old.execute("SELECT run_id, id FROM series ORDER BY run_id, id").fetchall()
    with engine.connection_context():
        for run, group in groupby(rows, key=lambda row: row[0]):
            copied: dict[int, _Totals] = {}
            rest = []
            with engine.write_transaction():
                for _, series in group:
                    copied[series] = _NOTHING
                    for columns in _read_rows(old, series):
                        copied[series] = copied[series].plus(columns)
                        if columns.size < MIN_IDLE_POINTS:
                            rest.append((series, columns))
                        else:
                            chunks.insert(run, series, encode_chunks(columns))
                        done += columns.size
                        progress(done)
                if rest:
                    _insert_rest(run, rest)
            _compare(run, copied)


def _read_rows(old: sqlite3.Connection, series: int) -> Iterator[Columns]:
    rows = old.execute(_POINTS, (series,))
    parts = []
    while part := rows.fetchmany(_ROWS):
        step, timestamp, value = zip(*part, strict=True)
        if NAN in value:
            value = tuple(map(float, value))
        parts.append(make_columns(step, timestamp, value))
        if len(parts) == _FETCHES:
            yield join(parts)
            parts = []
    if parts:
        yield join(parts)


def _insert_rest(run: int, rest: list[tuple[int, Columns]]) -> None:
    series, parts = zip(*rest, strict=True)
    columns = [column.tobytes() for column in join(parts)]
    counts = [part.size for part in parts]
    tail.insert_rows([make_row(run, series, counts, columns, is_rest=True)])


def _compare(run: int, copied: dict[int, _Totals]) -> None:
    """Read the points of a run back, and compare them with those that were copied."""
    tails = Tails()
    for series, expected in copied.items():
        found = _NOTHING
        for columns in iterate(run, series, tails):
            found = found.plus(columns)
        if found != expected:
            raise CannotOpenError(
                f"series {series} has {expected.points} points, and {found.points} with other sums "
                "were read back; the old database is as it was"
            )


class _LogProgress:
    """Logs how far it is, now and then."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._next = 0.0

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _LOG_SECONDS
            log.info("upgrading %s: %d of %d points", self._file, done, total)
