"""SQL that Peewee compiles once and the database then runs again and again with other values.

Peewee takes 0.1 to 0.3 ms to compile a statement, which is several times what SQLite takes to run
it, and `insert_many` binds every column of every row through Python. Statements that run for each
batch, or for each run that is created, read or ended, are therefore declared in their modules. Each
is compiled when it first runs, and then handed to the driver.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from peewee import Field, Function, Join, Node

from runstream_service.engine.engine import Engine

Model = TypeVar("Model")
Row = tuple[Any, ...]


class _NoEngine:
    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("no store is open")


# The engine of the store that is open. A process has one store, so that statements need not be
# told which; docs/decisions/0048-one-store.md says more.
_NONE: Any = _NoEngine()
_engine: Engine = _NONE


def bind(engine: Engine) -> None:
    """Run all statements on this engine from now on."""
    global _engine
    _engine = engine


def unbind(engine: Engine) -> None:
    """Run no statement any more, unless another engine was bound after this one."""
    global _engine
    if _engine is engine:
        _engine = _NONE


class Statement:
    """A query whose values are bound each time it runs, in their order in the SQL.

    The values in the query itself only stand for those.
    """

    def __init__(self, query: Any) -> None:
        """Declare the query; nothing is compiled yet."""
        self._query = query

    def compile(self, engine: Engine) -> str:
        """Return the SQL for an engine, which keeps it."""
        return str(engine.get_sql_context().parse(self._query)[0])

    def first(self, *values: Any) -> Row | None:
        """Return the first row that it gives for these values, or None."""
        row: Row | None = _engine.connection().execute(_engine.compiled[self], values).fetchone()
        return row

    def rows(self, *values: Any) -> list[Row]:
        """Return all rows that it gives for these values."""
        rows: list[Row] = _engine.connection().execute(_engine.compiled[self], values).fetchall()
        return rows

    def stream(self, *values: Any) -> Any:
        """Return a cursor of rows that are not in memory all at once.

        It must be read to its end or closed before the next statement. Closing may read the rest.
        """
        return _engine.stream(_engine.compiled[self], values)

    def cursor(self, *values: Any) -> Any:
        """Return what `stream` does, of which closing does not read the rest."""
        return _engine.open_cursor(_engine.compiled[self], values)

    def models(self, model: type[Model], *values: Any) -> list[Model]:
        """Return the rows as objects of a table."""
        return list(model.raw(_engine.compiled[self], *values))  # type: ignore[attr-defined] # Peewee has no types

    def insert(self, *values: Any) -> int:
        """Run an INSERT that returns the id of its row; return the id."""
        row = self.first(*values)
        if row is None:
            raise LookupError("the database gives no id")
        return int(row[0])

    def insert_each(self, rows: Sequence[Sequence[Any]]) -> list[int]:
        """Run an INSERT that returns the id of its row, for each row; return the ids."""
        return _engine.insert_each(_engine.compiled[self], rows)

    def run(self, *values: Any) -> int:
        """Run it with these values; return how many rows it changed."""
        return int(_engine.connection().execute(_engine.compiled[self], values).rowcount)

    def run_for_each(self, rows: Iterable[Sequence[Any]]) -> int:
        """Run it with the values of each row; return how many rows it changed."""
        return _engine.run_many(_engine.compiled[self], rows)


# Milliseconds since the epoch by the clock of the database.
_NOW = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"


class SharedStatement(Statement):
    """A statement on a table that only a database of several servers has, in its own SQL."""

    def __init__(self, sql: str) -> None:
        """Declare the SQL, with %s in place of each value, and {now} of the database's time."""
        self._sql = sql.format(now=_NOW)

    def compile(self, engine: Engine) -> str:  # noqa: ARG002 # there is one kind of such databases
        return self._sql


class LockingStatement(Statement):
    """A SELECT of the rows that a transaction is about to change, on the writer's thread.

    Where several servers write, it waits for the transactions of others that have locked these
    rows, returns what they committed, and keeps others waiting until the end of this transaction.
    """

    def __init__(self, query: Any, *, shared: bool = False) -> None:
        """Declare the query.

        Args:
            query: has no LIMIT; rows are locked in its order.
            shared: whether others may lock the rows in this way, too: they stay as they are.
        """
        super().__init__(query)
        self._is_shared = shared

    def compile(self, engine: Engine) -> str:
        """Return the SQL for an engine, which keeps it."""
        return super().compile(engine) + (
            engine.SHARE_ROWS if self._is_shared else engine.LOCK_ROWS
        )


def lock_rows(query: Any) -> None:
    """Lock the rows of a query that is composed for this one time, as `LockingStatement` does."""
    if _engine.IS_SHARED:
        sql, values = _engine.get_sql_context().sql(query).query()
        _engine.connection().execute(sql + _engine.LOCK_ROWS, values)


def execute(query: Any) -> Any:
    """Run a query that is composed for this one time; return the cursor of the driver."""
    return _engine.execute(query)


def stream(query: Any) -> Any:
    """Run a query that is composed for this one time; return what `Statement.stream` does."""
    sql, values = _engine.get_sql_context().sql(query).query()
    return _engine.stream(sql, values)


def delete_up_to(owner: Any, key: Any) -> Statement:
    """Return the statement that deletes some rows of an owner.

    Its values are the owner, the owner again, and how many rows at the most.

    Args:
        owner: the column that names the owner.
        key: the column of the same table that tells the rows of an owner apart.
    """
    some = key.model.select(key).where(owner == 0).limit(0)
    return Statement(key.model.delete().where((owner == 0) & key.in_(some)))


def array_of(values: Iterable[int | str]) -> Any:
    """Return the value that is bound where a statement has `ANY_IDS` or `ANY_TEXTS`."""
    return _engine.array(values)


class _Array(Node):
    """The query of the values of a list, as each engine writes it."""

    def __init__(self, kind: type, values: Iterable[int | str]) -> None:
        self._kind, self._values = kind, list(values)

    def __sql__(self, context: Any) -> Any:
        return context.sql(context.state.engine.array_query(self._kind, self._values))


class _Choice(Function):
    """A function of several values, of which it returns one; each engine has its own name."""

    def __sql__(self, context: Any) -> Any:
        name = getattr(context.state.engine, str(self.name))
        return context.sql(Function(name, self.arguments))


def greatest(*values: Any) -> Any:
    """Return the greatest of some values in SQL."""
    return _Choice("GREATEST", values)


def least(*values: Any) -> Any:
    """Return the least of some values in SQL."""
    return _Choice("LEAST", values)


def in_ids(values: Iterable[int]) -> Any:
    """Return a subquery of the ids of a list, which is bound as one parameter, however long."""
    return _Array(int, values)


def in_texts(values: Iterable[str]) -> Any:
    """Return what `in_ids` does, of texts."""
    return _Array(str, values)


# The subqueries of lists in a statement, which are the same for lists of every length.
ANY_IDS = in_ids([])
ANY_TEXTS = in_texts([])


def is_text(column: Any, texts: Sequence[str]) -> Any:
    """Return the condition that a text is one of these, for a query that is composed."""
    return _engine.is_text(column, texts)


def equals(column: Any, short: Any) -> Any:
    """Return the condition that a text equals an expression that is no longer than an id."""
    return _engine.equals(column, short)


def without_index(column: Any) -> Any:
    """Return a column in a form for which the database takes no index."""
    return _engine.without_index(column)


def byte_length(column: Any) -> Any:
    """Return how many bytes of UTF-8 a text has."""
    return _engine.byte_length(column)


def ordered_join(first: Any, second: Any, on: Any) -> Any:
    """Return the join of two tables, the first of which the database should go through."""
    return Join(first, second, _engine.ORDERED_JOIN, on)


def has_statistics() -> bool:
    """Return whether the database knows how values are spread when it plans a statement."""
    return _engine.HAS_STATISTICS


def has_functions() -> bool:
    """Return whether SQL can call functions of Python (`sql_function`)."""
    return _engine.HAS_FUNCTIONS


#: Rows that `MultiRowInsert` inserts by one statement, if there are as many.
ROWS = 100


class MultiRowInsert:
    """An INSERT of a hundred rows by one statement; the rows that are left are inserted one by one.

    A hundred rows in a statement take half the time of a hundred statements or less, and leave
    Python's global lock to the event loop meanwhile.
    """

    def __init__(
        self, columns: Sequence[Field], on_conflict: Callable[[Any], Any] = lambda insert: insert
    ) -> None:
        """Declare the statements.

        Args:
            columns: columns of one table, in the order of the values of a row.
            on_conflict: adds what is done with a row that is there already.
        """

        def insert(rows: int) -> Statement:
            row = (0,) * len(columns)
            return Statement(on_conflict(columns[0].model.insert_many([row] * rows, columns)))

        self._columns = len(columns)
        self._many_rows = insert(ROWS)
        self._one_row = insert(1)

    def run(self, values: Sequence[Any]) -> None:
        """Insert rows; `values` has the values of the first row, then those of the second, ..."""
        if not values:
            return
        one, many = self._columns, self._columns * ROWS
        whole = len(values) - len(values) % many
        if whole:
            self._many_rows.run_for_each(values[i : i + many] for i in range(0, whole, many))
        self._one_row.run_for_each(values[i : i + one] for i in range(whole, len(values), one))
