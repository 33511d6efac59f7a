"""What runs that ended logged, as bytes of messages, so that it is not read for every search."""

from __future__ import annotations

import threading

#: Bytes that a cache takes at most.
CACHE_BYTES = 32 * 1024 * 1024

#: Bytes of the largest content that is kept.
CONTENT_BYTES = 64 * 1024

# Bytes of an entry beside its content.
_ENTRY_BYTES = 200


class RunCache:
    """Contents of runs by the revision of the run, which every write to the run changes.

    The database holds the revision, and it is read in the same transaction as the content. So the
    cache is right whatever other threads, processes or servers write. Any thread may call all
    methods.
    """

    def __init__(self) -> None:
        self._contents: dict[int, bytes] = {}  # the oldest first
        self._size = 0
        self._lock = threading.Lock()

    def get(self, revision: int | None) -> bytes | None:
        """Return what is kept under a revision."""
        return None if revision is None else self._contents.get(revision)

    def add(self, revision: int | None, content: bytes) -> None:
        """Keep a content, in place of the oldest ones, if it has a revision and is not large."""
        if revision is None or len(content) > CONTENT_BYTES:
            return
        with self._lock:
            if revision in self._contents:
                return
            self._contents[revision] = content
            self._size += len(content) + _ENTRY_BYTES
            while self._size > CACHE_BYTES:
                oldest = next(iter(self._contents))
                self._size -= len(self._contents.pop(oldest)) + _ENTRY_BYTES
