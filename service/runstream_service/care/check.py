"""Checks of a database for faults, which do not change it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from peewee import JOIN, fn

from runstream.errors import InvalidArgument, NotFound, Unavailable
from runstream_service.catalog import stored_bytes
from runstream_service.catalog.console import LINE_BYTES
from runstream_service.engine.engine import Engine
from runstream_service.engine.sqlite import SqliteEngine
from runstream_service.engine.sqlite_files import refuse_foreign_log
from runstream_service.engine.statements import byte_length, execute
from runstream_service.engine.store import Store
from runstream_service.engine.tables import (
    Console,
    ConsoleLine,
    Run,
)
from runstream_service.points.verify import find_faults

_MAX_FAULTS = 100  # of each check

Check = Callable[[], list[str]]


class Checked(NamedTuple):
    """What one check found.

    Attributes:
        name: of the check.
        faults: a sentence for each.
        note: what is to be said of a database without a fault.
        skipped: whether the check was left out; the note says why.
    """

    name: str
    faults: list[str]
    note: str = ""
    skipped: bool = False


def check(file: Path) -> Iterator[Checked]:
    """Yield what each check found, when it is done.

    A server may write the database meanwhile. The checks read the whole file. Points, consoles
    and stored bytes are checked only in a database with the schema of this version.

    Raises:
        NotFound: there is no such database.
        InvalidArgument: it belongs to another program.
        CannotOpenError: the write-ahead log beside it belongs to another database.
    """
    if not file.is_file():
        raise NotFound(f"there is no database {file}", reason="DATABASE_NOT_FOUND")
    refuse_foreign_log(file)
    yield from check_engine(SqliteEngine(file.resolve(), pragmas={}, read_only=True))


def check_engine(engine: Engine) -> Iterator[Checked]:
    """Yield what `check` does; PostgreSQL has tools of its own for what a file is checked for.

    Raises:
        InvalidArgument: the database belongs to another program.
        Unavailable: it is not reached, or not to be read by this user.
    """
    store = Store(engine)
    try:
        _refuse_unless_runstreams(store)
        if engine.file is not None:
            yield Checked("integrity", _faults(store, lambda: _integrity(store)))
            yield Checked("references", _faults(store, lambda: _references(store)))
        pending: list[str] = []
        faults = _faults(store, lambda: _migrations(store, pending))
        yield Checked("migrations", faults, _describe_pending(pending))
        reason = "the schema is not that of this version" if faults or pending else ""
        for name, find_faults in (
            ("points", _points),
            ("consoles", _consoles),
            ("stored bytes", _stored_bytes),
        ):
            if reason:
                yield Checked(name, [], f"not checked, because {reason}", skipped=True)
            else:
                yield Checked(name, _faults(store, find_faults))
    finally:
        store.close()


def _refuse_unless_runstreams(store: Store) -> None:
    name = store.engine.name.removeprefix("sqlite:///")
    try:
        with store.engine.read_transaction():
            pending = store.migrations().pending
    except store.engine.ERRORS as error:
        if store.engine.file is not None:
            return  # it is damaged, as the checks find out
        reason = str(error).partition("\n")[0]
        raise Unavailable(f"database {name} cannot be opened: {reason}") from None
    if "0001_initial" in pending:
        raise InvalidArgument(f"{name} is no database of Runstream")


def _faults(store: Store, find: Check) -> list[str]:
    try:
        # One snapshot: what a server commits meanwhile is no fault.
        with store.engine.read_transaction():
            return find()
    except store.engine.ERRORS as error:
        return [str(error)]


def _integrity(store: Store) -> list[str]:
    rows = store.engine.execute_sql("PRAGMA integrity_check(100)").fetchall()
    return [text for (text,) in rows if text != "ok"]


def _references(store: Store) -> list[str]:
    rows = store.engine.execute_sql("PRAGMA foreign_key_check").fetchall()
    counts = Counter((child, parent) for child, _, parent, _ in rows)
    return [
        f"{count} rows of {child} refer to rows of {parent} that are not there"
        for (child, parent), count in counts.items()
    ]


def _migrations(store: Store, pending: list[str]) -> list[str]:
    """Return what is wrong with the schema; add to `pending` the migrations that it lacks.

    An old schema is no fault: a server brings it up to date.
    """
    state = store.migrations()
    if state.unknown:
        return [f"{name} is of a newer version of Runstream" for name in state.unknown]
    pending += state.pending
    return []


def _describe_pending(pending: list[str]) -> str:
    if not pending:
        return ""
    return f"{', '.join(pending)} not applied yet; `runstream db upgrade` or a server does that"


def _points() -> list[str]:
    """Compare points with their checksums, chunks with their summaries, and series with both."""
    return list(islice(find_faults(), _MAX_FAULTS))


def _stored_bytes() -> list[str]:
    """Compare the bytes that are counted for each user with their files."""
    return list(islice(stored_bytes.find_faults(), _MAX_FAULTS))


def _consoles() -> list[str]:
    """Compare the sizes of each console with its lines."""
    size = byte_length(ConsoleLine.text) + LINE_BYTES
    in_head = Console.head_end.is_null() | (ConsoleLine.number <= Console.head_end)
    head, tail = (fn.COALESCE(fn.SUM(size).filter(part), 0) for part in (in_head, ~in_head))
    query = (
        Console.select(Run.uuid)
        .join(Run)
        .switch(Console)
        .join(ConsoleLine, JOIN.LEFT_OUTER, on=(ConsoleLine.run == Console.run))
        .where(~Run.purging)
        .group_by(Console.run, Run.uuid)
        .having(
            (head != Console.head_bytes)
            | (tail != Console.tail_bytes)
            | (fn.COALESCE(fn.MAX(ConsoleLine.number), 0) > Console.last_number)
        )
        .limit(_MAX_FAULTS)
    )
    return [
        f"the sizes of the console of run {run} are not those of its lines"
        for (run,) in execute(query)
    ]
