"""The protocol of a storage of artifacts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Protocol

# Bytes of a file that are sent in one message.
CHUNK = 1024 * 1024


class Storage(Protocol):
    """Keeps contents, which never change, under names that are never used again.

    A name has the form `ab/REST`. Every method raises Unavailable if the storage failed.
    """

    async def put(self, name: str, file: Path) -> None:
        """Take a complete file, which may be moved; when this returns it is durable, and whole."""

    def read(self, name: str, start: int, end: int) -> AsyncIterator[list[bytes]]:
        """Return the bytes from `start` to `end` in chunks, a few chunks at a time."""

    async def delete(self, names: Sequence[str]) -> None:
        """Remove contents; one that is not there is fine."""
