"""The points of one metric of one run that wait to be sent, 24 bytes each."""

from __future__ import annotations

import struct
import sys
from array import array
from itertools import repeat
from operator import floordiv
from time import time_ns
from typing import NamedTuple

from runstream import rules
from runstream.contract.metric_numbers import IntegerLike, MetricValue, to_float, to_integer
from runstream.contract.wire_columns import pack_column

_RECORD = struct.Struct("=dqq")

#: Packs the value, step and timestamp of a point into a record. The timestamp is in milliseconds,
#: or minus the time of the clock in nanoseconds where the caller gave no timestamp. Raises
#: `struct.error` if the value is not a number, or one of the others is not a 64-bit integer.
pack_point = _RECORD.pack

#: Bytes of a record.
RECORD_BYTES = _RECORD.size

# Where the sign of the timestamp is in a record, the highest bit of a byte.
_SIGN_BYTE = RECORD_BYTES - 1 if sys.byteorder == "little" else RECORD_BYTES - 8

_NANOSECONDS = 1_000_000  # in a millisecond


def check_and_pack_point(
    key: str, value: MetricValue, step: IntegerLike | None, timestamp: IntegerLike | None
) -> bytes:
    """Return the record of a point of a metric.

    Raises:
        InvalidArgument: the value is not a number, or step or timestamp break M2.
    """
    number = to_integer(key, "step", 0 if step is None else step)
    rules.check_step("step", number)
    if timestamp is None:
        time = -time_ns()
    else:
        time = to_integer(key, "timestamp", timestamp)
        rules.check_timestamp("timestamp", time)
    return pack_point(to_float(key, value), number, time)


class PackedColumns(NamedTuple):
    """Points in columns, as they are sent."""

    step: bytes
    timestamp: bytes
    value: bytes


def has_clock_readings(records: bytes | bytearray) -> bool:
    """Return whether a point has the time of the clock, a negative number, as its timestamp."""
    return not records[_SIGN_BYTE::RECORD_BYTES].isascii()


class Series:
    """A queue of records.

    Any thread may call `append` and `len`. The uploader's thread alone calls the other methods. No
    lock is needed: the global interpreter lock, or the lock that a bytearray has without it, makes
    each call of the bytearray one step.

    Attributes:
        key: the metric.
        append: appends one or more records.
    """

    __slots__ = ("_clock", "_latest_by_step", "_records", "append", "key")

    def __init__(self, key: str) -> None:
        self.key = key
        self._records = bytearray()  # in the order of the calls
        # The bytearray's own method, because log_metric calls it: a method around it would cost
        # more than the rest of what log_metric does.
        self.append = self._records.extend
        # Every timestamp filled in so far is less than `_clock`, or in `_latest_by_step` as the
        # latest one of its step. So that dictionary has as few entries as one millisecond has
        # points.
        self._clock = 0
        self._latest_by_step: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._records) // RECORD_BYTES

    def has_timestamps_after(self, milliseconds: int) -> bool:
        """Return whether timestamps after this time have been filled in."""
        return any(timestamp > milliseconds for timestamp in self._latest_by_step.values())

    def peek(self, rows: int) -> PackedColumns:
        """Return the oldest points, at most `rows` of them; `drop` removes them."""
        records = bytes(self._records[: rows * RECORD_BYTES])
        integers = memoryview(records).cast("q")
        steps, timestamps = integers[1::3], integers[2::3]
        if has_clock_readings(records):
            filled_in = self._fill_in_timestamps(steps.tolist(), timestamps.tolist())
            timestamps = memoryview(array("q", filled_in))
        return PackedColumns(*map(pack_column, (steps, timestamps, integers[0::3])))

    def drop(self, rows: int) -> None:
        """Remove the oldest points."""
        del self._records[: rows * RECORD_BYTES]

    def move_to(self, other: Series) -> None:
        """Move all points to the end of another series, in their order."""
        records = bytes(self._records)
        other.append(records)
        del self._records[: len(records)]

    def _fill_in_timestamps(self, steps: list[int], timestamps: list[int]) -> list[int]:
        """Replace clock readings by timestamps that strictly grow for each step (M5)."""
        # What is no reading, and not negative, becomes 0 or less here.
        times = list(map(floordiv, timestamps, repeat(-_NANOSECONDS)))
        distinct = set(steps)
        if (
            min(times) >= max(self._clock, 1)
            and len(distinct) == len(steps)
            and distinct.isdisjoint(self._latest_by_step)
        ):
            self._advance(max(times))
            latest = times.index(self._clock)
            self._latest_by_step.update(zip(steps[latest:], times[latest:], strict=True))
            return times
        return self._fill_in_one_by_one(steps, timestamps)

    def _fill_in_one_by_one(self, steps: list[int], timestamps: list[int]) -> list[int]:
        clock = self._clock
        for i, reading in enumerate(timestamps):
            if reading >= 0:
                continue
            # The clock of the computer may have been set back.
            clock = max(clock, -reading // _NANOSECONDS)
            timestamp = max(clock, self._latest_by_step.get(steps[i], -1) + 1)
            timestamps[i] = self._latest_by_step[steps[i]] = timestamp
        self._advance(clock)
        return timestamps

    def _advance(self, clock: int) -> None:
        self._clock = clock
        if self._latest_by_step:
            latest_by_step = self._latest_by_step.items()
            self._latest_by_step = {step: time for step, time in latest_by_step if time >= clock}
