"""What PostgreSQL says in other words than SQLite."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from peewee import JOIN, SQL, Select, Value, fn

from runstream_service.engine.postgresql_values import ESCAPE
from runstream_service.engine.statements import in_texts
from runstream_service.engine.tables import LongTextField

#: Characters of a value that the indexes on params and tags have (migrations/postgresql).
INDEXED_CHARACTERS = 128


class PostgresqlWords:
    """The part of an `Engine` that makes expressions and queries."""

    GREATEST = "GREATEST"
    LEAST = "LEAST"
    ORDERED_JOIN = JOIN.INNER
    IS_SHARED = True
    LOCK_ROWS = " FOR NO KEY UPDATE"  # rows that refer to these may be inserted meanwhile
    SHARE_ROWS = " FOR SHARE"
    HAS_FUNCTIONS = False
    HAS_STATISTICS = True

    def array(self, values: Iterable[int | str]) -> list[int | str]:
        return list(values)

    def array_query(self, kind: type, values: Iterable[int | str]) -> Any:
        of = "bigint[]" if kind is int else "text[]"
        return Select((), (fn.UNNEST(Value(list(values), converter=False, unpack=False).cast(of)),))

    def is_text(self, column: Any, texts: Sequence[str]) -> Any:
        if not isinstance(column, LongTextField):
            return column.in_(in_texts(texts))
        starts = [text[:INDEXED_CHARACTERS] for text in texts]
        return _start(column).in_(in_texts(starts)) & column.in_(in_texts(texts))

    def equals(self, column: Any, short: Any) -> Any:
        return (_start(column) == short) & (column == short)

    def without_index(self, column: Any) -> Any:
        return column  # it has statistics, and chooses indexes by them

    def byte_length(self, column: Any) -> Any:
        escape = fn.CHR(SQL(str(ord(ESCAPE))))  # without it, NUL is one byte
        return fn.OCTET_LENGTH(fn.REPLACE(column, escape, SQL("''")))


def _start(column: Any) -> Any:
    """Return the start of a text as the indexes have it."""
    return fn.SUBSTR(column, SQL("1"), SQL(str(INDEXED_CHARACTERS)))
