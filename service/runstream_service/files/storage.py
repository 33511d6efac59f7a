"""The protocol of a storage of artifacts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

# Bytes of a file that are sent in one message.
CHUNK = 1024 * 1024


class ContentMissingError(Exception):
    """A content is not in the storage, or not all of it; trying again does not help."""


class Storage(Protocol):
    """Keeps contents, which never change, under names that are never used again.

    A name has the form `ab/REST`. Every method raises Unavailable if the storage failed. Contents
    get there as uploads (`staging.py`).
    """

    def read(self, name: str, start: int, end: int) -> AsyncIterator[list[bytes]]:
        """Return the bytes from `start` to `end` in chunks, a few chunks at a time.

        Raises:
            ContentMissingError: they are not there, as far as that can be told.
        """

    async def delete(self, names: Sequence[str]) -> None:
        """Remove contents; one that is not there is fine."""
