"""SQL that Peewee compiles once and SQLite then runs again and again with other values.

Peewee takes 0.1 to 0.3 ms to compile a statement, which is several times what SQLite takes to run
it, and `insert_many` binds every column of every row through Python. Statements that run for each
batch, or for each run that is created, read or ended, are therefore compiled once, when their
module is imported, and handed to the driver.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from peewee import SQL, Field, Select, fn

from runstream_service.engine.tables import database


def compile_sql(query: Any) -> str:
    """Return the SQL of a query, whose values become placeholders in their order."""
    return str(query.sql()[0])


def compile_delete_up_to(owner: Any, key: Any) -> str:
    """Return the statement that deletes some rows of an owner.

    Its values are the owner, the owner again, and how many rows at the most.

    Args:
        owner: the column that names the owner.
        key: the column of the same table that tells the rows of an owner apart.
    """
    some = key.model.select(key).where(owner == 0).limit(0)
    return compile_sql(key.model.delete().where((owner == 0) & key.in_(some)))


def json_array(values: Iterable[int | str]) -> str:
    """Return the parameter that is bound where a compiled statement has `VALUES`."""
    return json.dumps(list(values))


def in_values(values: Iterable[int | str]) -> Any:
    """Return a subquery of the values of a list, which is bound as one parameter, however long."""
    return Select((fn.json_each(json_array(values)),), (SQL("value"),))


# The subquery of a list in a compiled statement, which is the same for lists of every length.
VALUES = in_values([])


def first_row(statement: str, *values: Any) -> tuple[Any, ...] | None:
    """Return the first row that a statement gives for these values."""
    row: tuple[Any, ...] | None = database.connection().execute(statement, values).fetchone()
    return row


def run_for_each(statement: str, rows: Iterable[Sequence[Any]]) -> int:
    """Run a statement with the values of each row; return how many rows it changed."""
    return max(0, int(database.connection().executemany(statement, rows).rowcount))


#: Rows that `MultiRowInsert` inserts by one statement, if there are as many.
ROWS = 100


class MultiRowInsert:
    """An INSERT of a hundred rows by one statement; the rows that are left are inserted one by one.

    A hundred rows in a statement take half the time of a hundred statements or less, and leave
    Python's global lock to the event loop meanwhile.

    Attributes:
        one_row: the statement that inserts a single row.
    """

    def __init__(
        self, columns: Sequence[Field], on_conflict: Callable[[Any], Any] = lambda insert: insert
    ) -> None:
        """Compile the statements.

        Args:
            columns: columns of one table, in the order of the values of a row.
            on_conflict: adds what is done with a row that is there already.
        """

        def insert(rows: int) -> str:
            row = (0,) * len(columns)
            return compile_sql(on_conflict(columns[0].model.insert_many([row] * rows, columns)))

        self._columns = len(columns)
        self._many_rows = insert(ROWS)
        self.one_row = insert(1)

    def run(self, values: Sequence[Any]) -> None:
        """Insert rows; `values` has the values of the first row, then those of the second, ..."""
        one, many = self._columns, self._columns * ROWS
        whole = len(values) - len(values) % many
        if whole:
            run_for_each(self._many_rows, (values[i : i + many] for i in range(0, whole, many)))
        run_for_each(self.one_row, (values[i : i + one] for i in range(whole, len(values), one)))
