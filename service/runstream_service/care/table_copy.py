"""The rows of one table, read from one database and inserted into another.

A row has the same values whichever database it comes from, so that rows can be compared: truth
values are booleans, NaN is `NAN`, and a number of a param is an integer if it is one.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from hashlib import blake2b
from typing import Any, NamedTuple

from peewee import BareField, BlobField, BooleanField, Tuple, sort_models  # type: ignore[attr-defined] # not in its stubs

from runstream.rules import INT64_MAX, INT64_MIN
from runstream_service.engine.engine import Engine
from runstream_service.engine.tables import NAN, TABLES, DoubleField, Run, Setting, Table

Row = tuple[Any, ...]

#: The setting of a database that is being filled, which says how far it is.
MARKER = "copy"

#: Settings that are of one database, and are not copied: the others are rows that servers lock.
OWN_SETTINGS = (MARKER, "artifact_proxy", "probe")

# Bytes and rows of one transaction.
_BATCH_BYTES = 8 * 1024 * 1024
_BATCH_ROWS = 10_000

_CHECKSUM_BYTES = 16


class Totals(NamedTuple):
    """How many rows a table has, and the sum of their checksums, which no order changes."""

    rows: int
    checksum: int


class TableCopy:
    """A table with what reading and inserting its rows needs."""

    def __init__(self, model: type[Table]) -> None:
        """Look the columns up."""
        meta: Any = model._meta
        self.model = model
        self.name: str = meta.table_name
        self._fields = meta.sorted_fields
        self.columns = [field.column_name for field in self._fields]
        self._keys = meta.get_primary_keys()
        self._key_numbers = [self.columns.index(key.column_name) for key in self._keys]
        self._conversions = [
            (number, conversion)
            for number, field in enumerate(self._fields)
            if (conversion := _conversion(field)) is not None
        ]

    @property
    def generated_id(self) -> str | None:
        """The column whose values the database counts up, if there is one."""
        meta: Any = self.model._meta
        return str(meta.primary_key.column_name) if meta.auto_increment else None

    def position(self, row: Row) -> list[Any]:
        """Return the key of a row, after which a copy goes on."""
        return [row[number] for number in self._key_numbers]

    def read(self, engine: Engine, after: Sequence[Any] | None = None) -> Iterator[Row]:
        """Yield the rows in the order of their keys, in the transaction of this thread.

        Args:
            engine: the database.
            after: only the rows after this key.
        """
        query = self.model.select(*self._fields).order_by(*self._keys)
        if after is not None:
            query = query.where(Tuple(*self._keys) > Tuple(*after))
        sql, values = engine.get_sql_context().sql(query).query()
        with closing(engine.stream(sql, values)) as cursor:
            for found in cursor:
                row = list(found)
                for number, convert in self._conversions:
                    if row[number] is not None:
                        row[number] = convert(row[number])
                if self.model is not Setting or row[0] not in OWN_SETTINGS:
                    yield tuple(row)

    def insert(self, engine: Engine, rows: Sequence[Row]) -> None:
        """Insert rows, in the transaction of this thread."""
        engine.insert_rows(self.name, self.columns, rows)

    def count(self, engine: Engine) -> int:
        """Return how many rows there are."""
        return int(engine.execute_sql(f'SELECT count(*) FROM "{self.name}"').fetchone()[0])  # noqa: S608 # one of our tables

    def totals(self, engine: Engine, progress: Callable[[int], object]) -> Totals:
        """Return what tells whether two tables are equal; `progress` gets the rows read so far."""
        rows = checksum = 0
        for row in self.read(engine):
            rows += 1
            checksum += checksum_of(row)
            if rows % _BATCH_ROWS == 0:
                progress(rows)
        return Totals(rows, checksum % 2 ** (8 * _CHECKSUM_BYTES))


def copied_tables() -> list[TableCopy]:
    """Return all tables, each after those to which it refers."""
    return [TableCopy(model) for model in sort_models(TABLES)]


def batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """Yield rows in lists of a bounded size."""
    batch: list[Row] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += sum(len(value) for value in row if isinstance(value, (bytes, str)))
        if size >= _BATCH_BYTES or len(batch) >= _BATCH_ROWS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def checksum_of(row: Row) -> int:
    """Return the checksum of a row: equal rows have the same."""
    # The newer forms of marshal tell whether two values are one object.
    packed = marshal.dumps(row, 0)
    return int.from_bytes(blake2b(packed, digest_size=_CHECKSUM_BYTES).digest(), "little")


def _conversion(field: Any) -> Callable[[Any], Any] | None:
    if field is Run.appended_by:
        return _no_server
    if isinstance(field, DoubleField):
        return _double
    if isinstance(field, BooleanField):
        return bool
    if isinstance(field, BlobField):
        return bytes
    return _number if isinstance(field, BareField) else None


def _no_server(server: int) -> None:  # noqa: ARG001 # the numbers of servers are of one database
    return None


def _double(value: float | str) -> float | str:
    number = float(value)
    return NAN if number != number else number


def _number(value: float | str) -> float | str:
    """Return the number of a param or tag, of which the databases keep the value alone."""
    if value == NAN or value != value:
        return NAN
    if isinstance(value, float) and value.is_integer() and INT64_MIN <= value <= INT64_MAX:
        return int(value)
    return value
