"""Points of a series as compressed bytes.

Each column is compressed by pcodec on its own. A column whose numbers are equally far apart, as
steps mostly are, takes no bytes at all: its first and last number are in the summary.
docs/decisions/0047-points-in-columns.md
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pcodec import ChunkConfig, standalone

from runstream_service.points.chunk_summary import Summaries, summarise
from runstream_service.points.columns import Columns, Integers

#: Points of a full chunk; if there are more, a chunk has up to twice as many.
FULL_POINTS = 4_096

# Higher levels save under 2 % and take twice as long.
_CONFIG = ChunkConfig(compression_level=4)

_COUNTED = np.arange(2 * FULL_POINTS)

# Bytes of the steps and of the timestamps; the values are the rest.
_LENGTHS = Struct("<II")


class DamagedError(Exception):
    """Stored bytes are not what was written."""


@dataclass(frozen=True, slots=True)
class EncodedChunk:
    """A chunk that is not stored yet, or its bytes; `summary` is an array of one record."""

    summary: Summaries
    data: bytes

    @property
    def checksum(self) -> int:
        """CRC-32 of summary and data, the id left out, which the database gives."""
        return checksum(self.summary.tobytes(), self.data)


def checksum(summary: bytes | memoryview, data: bytes) -> int:
    """Return the checksum of a chunk; it does not cover the id, the first number of a summary."""
    return zlib.crc32(data, zlib.crc32(memoryview(summary)[8:]))


def encode_chunks(columns: Columns) -> Iterator[EncodedChunk]:
    """Yield chunks of equal sizes for points that are sorted and without repetition."""
    number = max(1, columns.size // FULL_POINTS)
    ends = [columns.size * i // number for i in range(number + 1)]
    for first, end in itertools.pairwise(ends):
        part = columns.part(first, end)
        yield EncodedChunk(summarise(part), _encode(part))


class EncodedColumns(NamedTuple):
    """The bytes of a chunk by column."""

    step: bytes
    timestamp: bytes
    value: bytes


def split_columns(data: bytes) -> EncodedColumns:
    """Return the columns of the bytes of a chunk.

    Raises:
        DamagedError: there are too few bytes.
    """
    try:
        steps, timestamps = _LENGTHS.unpack_from(data)
    except Exception as error:
        raise DamagedError(str(error)) from error
    first = _LENGTHS.size
    second = first + steps
    third = second + timestamps
    return EncodedColumns(data[first:second], data[second:third], data[third:])


def decode_into(summary: Any, data: bytes, out: Columns) -> None:
    """Write the points of a chunk into columns of their number.

    Args:
        summary: one record of an array of summaries.
        data: the bytes of the chunk.
        out: where the points go.

    Raises:
        DamagedError: the bytes are not those of such a chunk.
    """
    encoded = split_columns(data)
    first, last = summary["first"], summary["last"]
    decode_integers(encoded.step, int(first["step"]), int(last["step"]), out.step)
    first, last = int(first["timestamp"]), int(last["timestamp"])
    decode_integers(encoded.timestamp, first, last, out.timestamp)
    decode_values(encoded.value, out.value)


def decode_steps(summary: Any, data: bytes, out: Integers) -> None:
    """Write the steps of a chunk into an array of their number, as `decode_into` does.

    Raises:
        DamagedError: the bytes are not those of such a chunk.
    """
    first, last = summary["first"]["step"], summary["last"]["step"]
    decode_integers(split_columns(data).step, int(first), int(last), out)


def new_columns(size: int) -> Columns:
    """Return columns for so many points, which have no values yet."""
    return Columns(np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size, np.float64))


def _encode(columns: Columns) -> bytes:
    value = columns.value
    is_nan = value != value
    if is_nan.any():
        value = np.where(is_nan, np.nan, value)  # all NaNs are one value (M3)
    steps = _encode_integers(columns.step)
    timestamps = _encode_integers(columns.timestamp)
    values: bytes = standalone.simple_compress(np.ascontiguousarray(value), _CONFIG)
    lengths = _LENGTHS.pack(len(steps), len(timestamps))
    return lengths + steps + timestamps + values


def _encode_integers(column: Integers) -> bytes:
    if _stride(int(column[0]), int(column[-1]), len(column)) is not None:
        differences = np.diff(column)
        if (differences == differences[:1]).all():
            return b""
    return bytes(standalone.simple_compress(np.ascontiguousarray(column), _CONFIG))


def _stride(first: int, last: int, count: int) -> int | None:
    """Return how far apart `count` numbers are from `first` to `last`, if that is an integer."""
    if count == 1:
        return 1
    stride, rest = divmod(last - first, count - 1)
    return None if rest or not -(2**63) <= stride < 2**63 else stride


def stride(first: int, last: int, count: int) -> int:
    """Return how far apart the numbers of a column are that takes no bytes.

    Raises:
        DamagedError: that is no integer, so the column must have bytes.
    """
    found = _stride(first, last, count)
    if found is None:
        raise DamagedError("a column is missing")
    return found


def strides(
    first: Integers, last: Integers, counts: Integers, has_bytes: NDArray[np.bool_]
) -> Integers:
    """Return what `stride` does, of many columns at once; 0 for those that have bytes.

    Raises:
        DamagedError: one that has no bytes must have some.
    """
    is_falling = last < first
    start, end = first.view(np.uint64), last.view(np.uint64)
    # Differences may not fit into 63 bits. Those of unsigned numbers are right.
    span = np.where(is_falling, start - end, end - start)
    gaps = np.maximum(counts - 1, 1).view(np.uint64)
    found = span // gaps
    is_missing = (found * gaps != span) | (found > np.uint64(2**63 - 1) + is_falling)
    if (is_missing & ~has_bytes).any():
        raise DamagedError("a column is missing")
    found = np.where(is_falling, -found, found)
    found[counts == 1] = 1
    found[has_bytes] = 0
    return found.view(np.int64)


def decode_integers(data: bytes, first: int, last: int, out: Integers) -> None:
    """Write the steps or timestamps of a chunk into an array.

    Raises:
        DamagedError: the bytes are not those of such a column.
    """
    if data:
        decode_values(data, out)
        return
    if len(out) > len(_COUNTED):
        raise DamagedError("a column is missing")
    # As long as a chunk can be, made once: to count anew takes as long as the rest.
    np.multiply(_COUNTED[: len(out)], stride(first, last, len(out)), out=out)
    out += first


def decode_values(data: bytes, out: NDArray[Any]) -> None:
    """Write compressed numbers into an array.

    Raises:
        DamagedError: the bytes are not those of so many numbers.
    """
    try:
        progress = standalone.simple_decompress_into(data, out)
    except Exception as error:  # pcodec raises RuntimeError, and panics as another
        raise DamagedError(str(error)) from error
    if progress.n_processed != len(out) or not progress.finished:
        raise DamagedError("a column has another length")
