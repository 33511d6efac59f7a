"""Statements that Peewee writes once, and that are then run again and again with other values.

Peewee takes 0.1 to 0.3 ms to write a statement, several times what SQLite takes to run it, and
`insert_many` binds every column of every row through Python. So what runs for each batch, or for
each run that is created, read or ended, is written here once and handed to the driver.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from peewee import SQL, Select, fn

from runstream_service.engine.models import database


def written(query: Any) -> str:
    """Return the statement that Peewee writes for a query; its values stand in for later ones."""
    return str(query.sql()[0])


def listed(values: Iterable[int | str]) -> str:
    """Return the value that stands for `LISTED` in a written statement."""
    return json.dumps(list(values))


def among(values: Iterable[int | str]) -> Any:
    """Return the subquery of the values of a list, which travels as one value, however long."""
    return Select((fn.json_each(listed(values)),), (SQL("value"),))


# Stands for a list in a written statement, which so is the same for every length.
LISTED = among([])


def first_row(statement: str, *values: Any) -> tuple[Any, ...] | None:
    """Return the first row that a statement gives for these values."""
    row: tuple[Any, ...] | None = database.connection().execute(statement, values).fetchone()
    return row


def run_for_each(statement: str, rows: Iterable[Sequence[Any]]) -> int:
    """Run a statement with the values of each row; return how many rows it changed."""
    return max(0, int(database.connection().executemany(statement, rows).rowcount))
