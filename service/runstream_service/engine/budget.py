"""The bytes that one read may hold, so that no answer takes more memory than is stated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

#: Bytes after which a page of a list ends, whatever its number of entries.
PAGE_BYTES = 16 * 1024 * 1024

#: Bytes of an answer without pages, and of one entry that fills a page of its own.
ANSWER_BYTES = 48 * 1024 * 1024

# Bytes of a row beside its texts, in memory and in a message.
_ROW_BYTES = 64

# Rows that are fetched at a time, which is faster than one by one.
_FETCH_ROWS = 100


class TooLargeError(Exception):
    """A read holds more than it may."""


class Budget:
    """The bytes that are left of a limit."""

    def __init__(self, limit: int = ANSWER_BYTES) -> None:
        self._left = limit

    def charge(self, rows: Sequence[Sequence[Any]], *texts: int) -> None:
        """Charge rows, which have texts in these columns.

        Raises:
            TooLargeError: not so many bytes are left.
        """
        self._left -= sum([len(row[i]) for i in texts for row in rows])
        self.charge_count(len(rows))

    def charge_count(self, rows: int) -> None:
        """Charge a number of rows whose texts are not known; raises as `charge`."""
        self._left -= _ROW_BYTES * rows
        if self._left < 0:
            raise TooLargeError

    def fetch_all(self, cursor: Any, *texts: int) -> Iterator[Any]:
        """Return all rows of a cursor, each of which is charged; raises as `charge`."""
        return chain.from_iterable(self._fetch_parts(cursor, texts))

    def _fetch_parts(self, cursor: Any, texts: tuple[int, ...]) -> Iterator[list[Any]]:
        try:
            while rows := cursor.fetchmany(_FETCH_ROWS):
                self.charge(rows, *texts)
                yield rows
        finally:
            cursor.close()
