"""What was logged to one run and is not in a batch yet."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from runstream import rules
from runstream.outbox.batch import Backlog, PackedBatch
from runstream.outbox.packing import pack_points
from runstream.outbox.series import RECORD_BYTES, Series

#: Takes the run, the message of a batch, and what the batch holds.
PutBatch: TypeAlias = Callable[[str, bytes, Backlog], object]


class BufferContents:
    """The points of a run by metric, and its params, tags and changes as batches.

    Threads that log add by `append` and `batches`, each time by one step in C; any thread may ask
    how much it is. The uploader's thread alone takes out, by `drain` and `move_to`.

    Attributes:
        run_id: the run.
        append: by key, what queues the bytes of points of a metric that was logged before.
        batches: what else was logged, the oldest first.
        last_drained: when something was last taken out, by `time.monotonic`.
    """

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.append: dict[str, Callable[[bytes], None]] = {}
        self.batches: deque[PackedBatch] = deque()
        self.last_drained = time.monotonic()
        self._series: dict[str, Series] = {}

    def get_series(self, key: str) -> Series:
        """Return the queue of a metric, which is made for a new key.

        Raises:
            InvalidArgument: it is no key.
        """
        series = self._series.get(key) if isinstance(key, str) else None
        if series is None:
            rules.check_key("key", key)
            series = self._series.setdefault(key, Series(key))  # another thread may be faster
        self.append[key] = series.append
        return series

    def count_points(self) -> int:
        """Return how many points wait."""
        return sum(map(len, list(self._series.values())))

    def waiting(self) -> Backlog:
        """Return how much waits."""
        contents = [each.content for each in self.batches.copy()]
        return sum(contents, Backlog(points=self.count_points()))

    def count_bytes(self) -> int:
        """Return about how much memory it takes."""
        messages = sum(len(each.message) for each in self.batches.copy())
        return self.count_points() * RECORD_BYTES + messages

    def is_empty(self) -> bool:
        """Return whether nothing waits."""
        return not (self.batches or any(map(len, list(self._series.values()))))

    def has_timestamps_after(self, milliseconds: int) -> bool:
        """Return whether timestamps after this time have been filled in, in milliseconds."""
        return any(
            series.has_timestamps_after(milliseconds) for series in list(self._series.values())
        )

    # On the uploader's thread.

    def drain(self, put: PutBatch) -> None:
        """Move what waits into batches.

        Args:
            put: takes the run, the message of a batch and what it holds. What it was given is
                removed from here after it returned.
        """
        while self.batches:
            message, content, is_after_points = self.batches[0]
            if is_after_points:
                self._drain_points(put)
            put(self.run_id, message, content)
            self.batches.popleft()
        self._drain_points(put)
        self.last_drained = time.monotonic()

    def _drain_points(self, put: PutBatch) -> None:
        for message, points in pack_points(self.run_id, list(self._series.values())):
            put(self.run_id, message, Backlog(points))

    def move_to(self, other: BufferContents) -> None:
        """Move what waits to the contents of the buffer that took the place of this one."""
        for key, series in list(self._series.items()):
            series.move_to(other.get_series(key))
        while self.batches:
            other.batches.append(self.batches[0])
            self.batches.popleft()

    def clear(self) -> None:
        """Drop all, in a forked child."""
        self.append.clear()
        self._series.clear()
        self.batches.clear()
