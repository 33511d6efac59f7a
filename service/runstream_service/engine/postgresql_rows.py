"""Rows of PostgreSQL that are not in memory all at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

#: Rows that are taken from the network at a time.
ROWS_AT_ONCE = 100


class RowStream:
    """The rows of one statement as they arrive, which takes one round trip for all of them.

    The connection can do nothing else until the last row has arrived. So `close` reads what is
    left: the driver would end the statement, and with it the transaction.
    """

    def __init__(self, cursor: Any, sql: str, values: Sequence[Any]) -> None:
        self._rows: Iterator[tuple[Any, ...]] = cursor.stream(sql, values, size=ROWS_AT_ONCE)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return self._rows

    def fetchmany(self, count: int) -> list[tuple[Any, ...]]:
        """Return so many of the next rows, fewer at the end."""
        return list(islice(self._rows, count))

    def close(self) -> None:
        """Read what is left."""
        for _ in self._rows:
            pass
