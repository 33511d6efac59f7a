"""Copying an installation into another database, of the same kind or of another one.

Rows are copied table by table in the order of their keys. Each transaction of the target inserts
some and says how far it is (copy_state.py), so that a copy that was interrupted goes on where it
was. At its end all tables are read from both databases and compared.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from runstream.errors import FailedPrecondition
from runstream_service.care.backup import sync
from runstream_service.care.copy_state import (
    CopyState,
    begin_anew,
    is_complete_copy,
    open_source,
    open_target,
    remove_file,
    remove_marker,
    save_state,
)
from runstream_service.care.table_copy import TableCopy, batches, copied_tables
from runstream_service.engine.engine import CannotOpenError, Engine
from runstream_service.engine.membership import newest_server
from runstream_service.engine.sqlite import SqliteEngine
from runstream_service.engine.store import Store
from runstream_service.points.verify import find_faults

Progress = Callable[[int, int], object]

# Faults of points that are told.
_MAX_FAULTS = 100

# Each row is read, inserted and read again on both sides.
_PASSES = 3


class Copied(NamedTuple):
    """What was copied.

    Attributes:
        rows: of all tables.
        tables: how many there are.
        faults: what is wrong with the points, of the source as of the target: a sentence for each.
        was_complete: whether an earlier call had copied all.
    """

    rows: int
    tables: int
    faults: list[str]
    was_complete: bool = False


def check_source(source: Engine) -> None:
    """Raise what `copy_database` does if a database cannot be copied, and change nothing."""
    with _storage_errors(f"{source.name} cannot be copied", source), ExitStack() as opened:
        open_source(source, opened)


def copy_database(source: Engine, target: Engine, progress: Progress) -> Copied:
    """Copy all of a database into another one that is empty, or go on with that.

    If the other one is the complete copy already, they are compared.

    Args:
        source: the database, which no server serves; if it is a file, this process has locked it.
        target: the other database, likewise.
        progress: called again and again with the rows done and the rows in all; each row counts
            when it is copied, and when it is compared on either side.

    Raises:
        FailedPrecondition: one of them is served, or not of this version, or the target has other
            data, or the two are not equal at the end because the source has changed.
        CannotOpenError: one of them cannot be read or written.
    """
    failure = f"{source.name} cannot be copied to {target.name}"
    with _storage_errors(failure, source, target), ExitStack() as opened:
        identity = open_source(source, opened)
        if is_complete_copy(target, identity, opened):
            return _compare_again(source, target, progress)
        newest = newest_server(source)
        draft, state = open_target(target, identity, opened)
        opened.enter_context(
            _storage_errors(
                failure, source, target, hint="the same command goes on from where it was"
            )
        )
        with source.read_transaction():
            copied = _Copy(source, draft, state, progress).run()
        if newest_server(source) != newest:
            raise FailedPrecondition(
                f"a server of {source.name} was started meanwhile: stop it, and run the same "
                "command again, which compares the databases",
                reason="SOURCE_CHANGED",
            )
        copied = copied._replace(faults=_find_faults(draft if source.file is None else source))
        remove_marker(draft)
        opened.close()
        if target.file is not None and draft.file is not None:
            _rename(draft.file, target.file)
    return copied


class _Copy:
    """One copy, from where it stopped to its end."""

    def __init__(
        self, source: Engine, target: Engine, state: CopyState, progress: Progress
    ) -> None:
        self._source = source
        self._target = target
        self._state = state
        self._tables = copied_tables()
        self._rows = sum(table.count(source) for table in self._tables)
        self._done = 0
        self._progress = progress

    def run(self) -> Copied:
        names = [table.name for table in self._tables]
        current = names.index(self._state.table) if self._state.table else 0
        with self._target.connection_context():
            self._done = sum(table.count(self._target) for table in self._tables)
        for number, table in enumerate(self._tables[current:]):
            self._copy(table, self._state.position if number == 0 else None)
        for table in self._tables:
            self._compare(table)
        return Copied(self._rows, len(self._tables), [])

    def _copy(self, table: TableCopy, after: list[Any] | None) -> None:
        for rows in batches(table.read(self._source, after)):
            with self._target.write_transaction():
                table.insert(self._target, rows)
                state = self._state._replace(table=table.name, position=table.position(rows[-1]))
                save_state(self._target, state)
            self._advance(len(rows))
        if table.generated_id is not None:
            with self._target.write_transaction():
                self._target.continue_ids(table.name, table.generated_id)

    def _compare(self, table: TableCopy) -> None:
        expected = table.totals(self._source, self._report)
        self._advance(expected.rows)
        with self._target.read_transaction():
            found = table.totals(self._target, self._report)
        self._advance(found.rows)
        if found != expected:
            raise FailedPrecondition(
                f"table {table.name} has {expected.rows} rows in {self._source.name}, and "
                f"{found.rows} or others were copied: it has changed since the copy began. "
                f"{begin_anew(self._target)}",
                reason="SOURCE_CHANGED",
            )

    def _advance(self, rows: int) -> None:
        self._report(rows)
        self._done += rows

    def _report(self, rows: int) -> None:
        """Tell of rows of a table that is not done yet."""
        self._progress(self._done + rows, _PASSES * self._rows)


def _find_faults(engine: Engine) -> list[str]:
    """Look for faults of points in one of two equal databases: a file takes no round trips."""
    Store(engine)  # the statements are its own from now on
    with engine.read_transaction():
        return list(islice(find_faults(), _MAX_FAULTS))


def _compare_again(source: Engine, target: Engine, progress: Progress) -> Copied:
    """Compare a database with its complete copy.

    Raises:
        FailedPrecondition: one of them has changed since.
    """
    tables = copied_tables()
    done = 0

    def report(read: int) -> None:
        progress(done + read, 2 * rows)

    with source.read_transaction(), target.read_transaction():
        rows = sum(table.count(source) for table in tables)
        for table in tables:
            expected = table.totals(source, report)
            done += expected.rows
            found = table.totals(target, report)
            done += found.rows
            if found != expected:
                raise FailedPrecondition(
                    f"{target.name} was a complete copy of {source.name}, and one of them has "
                    f"changed since: table {table.name} has {expected.rows} rows in "
                    f"{source.name}, and {found.rows} or others in {target.name}. To copy again, "
                    "take another target",
                    reason="TARGET_NOT_EMPTY",
                )
    return Copied(rows, len(tables), [], was_complete=True)


@contextmanager
def _storage_errors(failure: str, *engines: Engine, hint: str = "") -> Iterator[None]:
    errors: list[type[Exception]] = [OSError, *(kind for one in engines for kind in one.ERRORS)]
    try:
        yield
    except tuple(errors) as error:
        reason = str(error).partition("\n")[0]
        advice = f"; {hint}" if hint else ""
        raise CannotOpenError(f"{failure}: {reason}{advice}") from error


def _rename(draft: Path, file: Path) -> None:
    """Give a complete draft its name, when it is on disk."""
    engine = SqliteEngine(draft, {"journal_mode": "delete"})  # as backups have it
    with engine.connection_context():
        pass
    engine.close_all()
    sync(draft)
    os.link(draft, file)  # which fails if a database of that name was made meanwhile
    remove_file(draft)
    sync(file.parent)
