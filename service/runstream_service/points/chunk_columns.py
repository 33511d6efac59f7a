"""Points of consecutive chunks, of which only those are decoded that are needed.

Who thins a history looks at all values, and at steps and timestamps of the few points that stay.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from runstream_service.points.chunk_summary import Summaries
from runstream_service.points.codec import EncodedColumns, decode_integers, decode_values, strides
from runstream_service.points.columns import Columns, Doubles, Integers


class ChunkIntegers:
    """The steps or the timestamps of consecutive chunks.

    Those of a chunk in which they are equally far apart are computed, others are decoded.
    """

    def __init__(self, summaries: Summaries, name: str, encoded: Sequence[bytes]) -> None:
        """Decode nothing yet.

        Args:
            summaries: the chunks.
            name: `step` or `timestamp`.
            encoded: the bytes of each chunk.
        """
        self._first, self._last = summaries["first"][name], summaries["last"][name]
        self._counts = summaries["count"]
        self._starts = np.cumsum(self._counts) - self._counts
        self._encoded = encoded
        self._decoded: dict[int, Integers] = {}

    @cached_property
    def _has_bytes(self) -> NDArray[np.bool_]:
        return np.fromiter(map(bool, self._encoded), np.bool_, len(self._encoded))

    @cached_property
    def _strides(self) -> Integers:
        """How far apart the numbers of each chunk are.

        Raises:
            DamagedError: the bytes of a chunk are missing.
        """
        return strides(self._first, self._last, self._counts, self._has_bytes)

    def take(self, indices: Integers) -> Integers:
        """Return the numbers at these indices."""
        chunk = np.searchsorted(self._starts, indices, "right") - 1
        offset = indices - self._starts[chunk]
        found: Integers = self._first[chunk] + self._strides[chunk] * offset
        for number in self._with_bytes(chunk):
            chosen = chunk == number
            found[chosen] = self._decode(number)[offset[chosen]]
        return found

    def searchsorted(self, numbers: Integers) -> Integers:
        """Return where the first is that is not less than each of these, if all are in order.

        The numbers are greater than the first of all, and not greater than the last.
        """
        chunk = np.searchsorted(self._last, numbers)
        # Differences may not fit into 63 bits. Those of unsigned numbers are right.
        ahead = np.maximum(numbers, self._first[chunk]).view(np.uint64)
        ahead = ahead - self._first[chunk].view(np.uint64)
        strides = np.maximum(self._strides[chunk], 1).view(np.uint64)
        offset = (ahead // strides + (ahead % strides > 0)).astype(np.int64)
        for number in self._with_bytes(chunk):
            chosen = chunk == number
            offset[chosen] = np.searchsorted(self._decode(number), numbers[chosen])
        found: Integers = self._starts[chunk] + offset
        return found

    def _with_bytes(self, chunk: Integers) -> list[int]:
        """Return those of the numbers of chunks whose column has bytes, each once."""
        has_bytes = self._has_bytes[chunk]
        return np.unique(chunk[has_bytes]).tolist() if has_bytes.any() else []

    def _decode(self, number: int) -> Integers:
        if number not in self._decoded:
            column = np.empty(self._counts[number], np.int64)
            decode_integers(self._encoded[number], 0, 0, column)
            self._decoded[number] = column
        return self._decoded[number]


# The values that each thread has decoded. Memory that is used again is much faster than what the
# system clears first.
_of_thread = threading.local()


class ChunkColumns(NamedTuple):
    """Columns of consecutive chunks: values, and what becomes steps and timestamps."""

    step: ChunkIntegers
    timestamp: ChunkIntegers
    value: Doubles

    @property
    def size(self) -> int:
        """How many points these are."""
        return len(self.value)

    def take(self, indices: Integers) -> Columns:
        """Return the points at these indices."""
        return Columns(self.step.take(indices), self.timestamp.take(indices), self.value[indices])


def decode_partly(summaries: Summaries, encoded: Sequence[EncodedColumns]) -> ChunkColumns:
    """Return the columns of consecutive chunks, whose values are decoded.

    The values are there until this thread decodes others.

    Args:
        summaries: the chunks.
        encoded: the bytes of each chunk.

    Raises:
        DamagedError: the bytes are not those of such chunks.
    """
    room = _room(int(summaries["count"].sum()))
    end = 0
    for count, columns in zip(summaries["count"].tolist(), encoded, strict=True):
        decode_values(columns.value, room[end : end + count])
        end += count
    return ChunkColumns(
        ChunkIntegers(summaries, "step", [columns.step for columns in encoded]),
        ChunkIntegers(summaries, "timestamp", [columns.timestamp for columns in encoded]),
        room[:end],
    )


def _room(size: int) -> Doubles:
    """Return the memory of this thread for so many values or more."""
    room: Doubles | None = getattr(_of_thread, "room", None)
    if room is None or len(room) < size:
        room = _of_thread.room = np.empty(size)
    return room
