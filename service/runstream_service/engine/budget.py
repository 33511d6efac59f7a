"""How many bytes one read may gather, so that no answer takes more memory than is stated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

#: Bytes after which a page of a list ends, whatever its number of entries.
PAGE_BYTES = 16 * 1024 * 1024

#: Bytes of an answer that is no page, and of the one entry of a page that is larger than a page.
ANSWER_BYTES = 48 * 1024 * 1024

# What a row takes beside its texts, in memory and in a message.
_ROW_BYTES = 64

# Rows that are taken together, which is faster.
_AT_ONCE = 100


class TooLargeError(Exception):
    """A read has gathered more than it may."""


class Budget:
    """Bytes that are left of a limit."""

    def __init__(self, limit: int = ANSWER_BYTES) -> None:
        self._left = limit

    def take(self, rows: Sequence[Sequence[Any]], *texts: int) -> None:
        """Take rows, which have texts in these columns.

        Raises:
            TooLargeError: not so many bytes are left.
        """
        self._left -= sum([len(row[i]) for i in texts for row in rows])
        self.take_count(len(rows))

    def take_count(self, rows: int) -> None:
        """Take so many rows of which no more is known; raises as `take`."""
        self._left -= _ROW_BYTES * rows
        if self._left < 0:
            raise TooLargeError

    def take_all(self, cursor: Any, *texts: int) -> Iterator[Any]:
        """Return all rows of a cursor, taking each before it comes; raises as `take`."""
        return chain.from_iterable(self._take_parts(cursor, texts))

    def _take_parts(self, cursor: Any, texts: tuple[int, ...]) -> Iterator[list[Any]]:
        while rows := cursor.fetchmany(_AT_ONCE):
            self.take(rows, *texts)
            yield rows
