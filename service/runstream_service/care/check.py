"""Checks of a database for faults, which do not change it."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from peewee import JOIN, DatabaseError, fn

from runstream.errors import NotFound
from runstream_service.catalog.console import LINE_BYTES
from runstream_service.engine.database import migrations
from runstream_service.engine.tables import (
    Console,
    ConsoleLine,
    Run,
    database,
)
from runstream_service.points.verify import find_faults

_MOST_FAULTS = 100  # of each check

Check = Callable[[], list[str]]


def check(file: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the name of each check, when it is done, and the faults that it found.

    A server may write the database meanwhile. The checks read the whole file. Points are checked
    only in a database with the schema of this version.

    Raises:
        NotFound: there is no such database.
    """
    if not file.is_file():
        raise NotFound(f"there is no database {file}", reason="DATABASE_NOT_FOUND")
    read_only = f"{file.resolve().as_uri()}?mode=ro"
    database.init(read_only, pragmas={}, max_connections=1, uri=True)
    checks: dict[str, Check] = {
        "integrity": _integrity,
        "references": _references,
        "migrations": _migrations,
        "points": _points,
        "consoles": _consoles,
    }
    try:
        for name, find_faults in checks.items():
            faults = _faults(find_faults)
            yield name, faults
            if name == "migrations" and faults:
                return
    finally:
        database.close_all()


def _faults(find: Check) -> list[str]:
    try:
        # One snapshot: what a server commits meanwhile is no fault.
        with database.connection_context(), database.atomic():
            return find()
    except (DatabaseError, sqlite3.Error) as error:
        return [str(error)]


def _integrity() -> list[str]:
    rows = database.execute_sql("PRAGMA integrity_check(100)").fetchall()
    return [text for (text,) in rows if text != "ok"]


def _references() -> list[str]:
    rows = database.execute_sql("PRAGMA foreign_key_check").fetchall()
    counts = Counter((child, parent) for child, _, parent, _ in rows)
    return [
        f"{count} rows of {child} refer to rows of {parent} that are not there"
        for (child, parent), count in counts.items()
    ]


def _migrations() -> list[str]:
    state = migrations()
    if "0001_initial" in state.pending:
        return ["this is no database of Runstream"]
    return [
        f"{name} is not applied; `runstream db upgrade` does that" for name in state.pending
    ] + [f"{name} is of a newer version of Runstream" for name in state.unknown]


def _points() -> list[str]:
    """Compare points with their checksums, chunks with their summaries, and series with both."""
    return list(islice(find_faults(), _MOST_FAULTS))


def _consoles() -> list[str]:
    """Compare the sizes of each console with its lines."""
    size = fn.LENGTH(ConsoleLine.text.cast("BLOB")) + LINE_BYTES
    in_head = Console.head_end.is_null() | (ConsoleLine.number <= Console.head_end)
    head, tail = (fn.COALESCE(fn.SUM(size).filter(part), 0) for part in (in_head, ~in_head))
    query = (
        Console.select(Run.uuid)
        .join(Run)
        .switch(Console)
        .join(ConsoleLine, JOIN.LEFT_OUTER, on=(ConsoleLine.run == Console.run))
        .where(~Run.purging)
        .group_by(Console.run)
        .having(
            (head != Console.head_bytes)
            | (tail != Console.tail_bytes)
            | (fn.COALESCE(fn.MAX(ConsoleLine.number), 0) > Console.last_number)
        )
        .limit(_MOST_FAULTS)
    )
    return [
        f"the sizes of the console of run {run} are not those of its lines"
        for (run,) in database.execute(query)
    ]
