"""The points of one metric of one run that wait to be sent, 24 bytes each."""

from __future__ import annotations

import struct
from time import time_ns
from typing import NamedTuple

from runstream import rules
from runstream.contract.metric_numbers import IntegerLike, MetricValue, to_float, to_integer

_RECORD = struct.Struct("=dqq")

#: A point as bytes: value, step, and its timestamp in milliseconds, or minus the time of the
#: clock in nanoseconds where the caller gave no timestamp. Raises `struct.error` for what is not
#: a number (value) or not a 64-bit integer (step, timestamp).
record = _RECORD.pack

_RECORD_BYTES = _RECORD.size
_NANOSECONDS = 1_000_000  # in a millisecond


def checked_record(
    key: str, value: MetricValue, step: IntegerLike | None, timestamp: IntegerLike | None
) -> bytes:
    """Return the record of a point, or say what is wrong with it.

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
    return record(to_float(key, value), number, time)


class Columns(NamedTuple):
    """Points in columns of the same length."""

    step: list[int]
    timestamp: list[int]
    value: list[float]


class Series:
    """A queue of records.

    Any thread may append; the global interpreter lock, or the lock that a bytearray has without
    it, makes each call one step. Only one thread may call `peek`, `drop` and `move_to`.

    Attributes:
        key: the metric.
        records: what waits, in the order of the calls.
        append: appends one or more records.
    """

    __slots__ = ("_clock", "_given", "append", "key", "records")

    def __init__(self, key: str) -> None:
        self.key = key
        self.records = bytearray()
        # It is the bytearray's own method because log_metric calls it: a method around it would
        # cost more than the rest of log_metric's queueing.
        self.append = self.records.extend
        # Every timestamp filled in so far is less than `_clock`, or in `_given` as the latest
        # one of its step. So `_given` stays as small as the points of one millisecond.
        self._clock = 0
        self._given: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self.records) // _RECORD_BYTES

    def ahead_of(self, milliseconds: int) -> bool:
        """Return whether timestamps after this time have been filled in."""
        return any(timestamp > milliseconds for timestamp in self._given.values())

    def peek(self, rows: int) -> Columns:
        """Return the oldest points, at most `rows` of them; `drop` removes them."""
        records = bytes(self.records[: rows * _RECORD_BYTES])
        doubles: memoryview[float] = memoryview(records).cast("d")
        integers = memoryview(records).cast("q")
        steps, timestamps = integers[1::3].tolist(), integers[2::3].tolist()
        values = list(doubles[::3])
        return Columns(steps, self._filled_in(steps, timestamps), values)

    def drop(self, rows: int) -> None:
        """Remove the oldest points."""
        del self.records[: rows * _RECORD_BYTES]

    def move_to(self, other: Series) -> None:
        """Move all points to the end of another series, in their order."""
        records = bytes(self.records)
        other.append(records)
        del self.records[: len(records)]

    def _filled_in(self, steps: list[int], timestamps: list[int]) -> list[int]:
        """Replace clock readings by timestamps that strictly grow for each step (M5)."""
        if not timestamps or min(timestamps) >= 0:
            return timestamps
        if max(timestamps) < 0:
            times = [-reading // _NANOSECONDS for reading in timestamps]
            distinct = set(steps)
            if (
                len(distinct) == len(steps)
                and distinct.isdisjoint(self._given)
                and min(times) >= self._clock
            ):
                self._advance(max(times))
                latest = times.index(self._clock)
                self._given.update(zip(steps[latest:], times[latest:], strict=True))
                return times
        return self._filled_in_one_by_one(steps, timestamps)

    def _filled_in_one_by_one(self, steps: list[int], timestamps: list[int]) -> list[int]:
        clock = self._clock
        for i, reading in enumerate(timestamps):
            if reading >= 0:
                continue
            # The clock of the computer may have been set back.
            clock = max(clock, -reading // _NANOSECONDS)
            timestamp = max(clock, self._given.get(steps[i], -1) + 1)
            timestamps[i] = self._given[steps[i]] = timestamp
        self._advance(clock)
        return timestamps

    def _advance(self, clock: int) -> None:
        self._clock = clock
        if self._given:
            self._given = {
                step: timestamp for step, timestamp in self._given.items() if timestamp >= clock
            }
