"""Events of a single number, recognized by their bytes.

All events of one metric in a file are alike but for their time, their step and their value. Once
one was parsed, the others are read without parsing, several times as fast.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from runstream.importing.tensorboard.points import Series

_AddStep = Callable[[int], None]
_AddBytes = Callable[[bytes], None]

# How an event begins: the tag of its time on the wire, the time, the tag of its step, the step.
_WALL_TIME = 0x09
_AFTER_WALL_TIME = 9
_STEP = 0x10
_MIN_BYTES = 16
_VARINT_BITS = 0x7F
_DOUBLE = struct.Struct("<d")

# For each form of a number, two of them all of whose bytes differ.
_PROBES = {
    "<f": (b"\x01\x02\x03\x40", b"\xfe\xfd\xfc\xbf"),
    "<d": (b"\x01\x02\x03\x04\x05\x06\x07\x40", b"\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xbf"),
}
_TENSOR_FORMS = {1: "<f", 2: "<d"}
_MAX_SHAPES = 100_000


class _Cut(NamedTuple):
    """Where the number is in the bytes behind the step."""

    start: int
    end: int
    unpack: Callable[[bytes, int], tuple[float]]


class ScalarShapes:
    """The shapes of events that were seen in a file, and the series that their points belong to.

    A shape is what is behind the step, without the number.
    """

    def __init__(self) -> None:
        # Of shapes that end with a float, as most do, the methods that add step, time and float.
        self._floats: dict[bytes, tuple[_AddStep, _AddBytes, _AddBytes]] = {}
        self._others: dict[bytes, Series] = {}
        self._cuts: dict[int, _Cut] = {}  # by the length of what is behind the step

    def read(self, records: list[bytes], start: int) -> int:
        """Add the points of records, from `start` on, to their series.

        Returns:
            The first record that is of no known shape, or how many records there are.
        """
        floats = self._floats
        for i in range(start, len(records)):
            record = records[i]
            if len(record) < _MIN_BYTES or record[0] != _WALL_TIME:
                return i
            step, place = 0, _AFTER_WALL_TIME
            if record[place] == _STEP:
                step, place = record[place + 1], place + 2
                if step > _VARINT_BITS:
                    step, place = _read_varint(record, place - 1)
            known = floats.get(record[place:-4])
            if known is not None:
                add_step, add_wall_time, add_float = known
                add_step(step)
                add_wall_time(record[1:_AFTER_WALL_TIME])
                add_float(record[-4:])
            elif not self._read_other(record, step, place):
                return i
        return len(records)

    def learn(self, event: Any, series: Series) -> None:
        """Remember the shape of an event, if all it has is one number of a series."""
        if len(event.summary.value) != 1 or len(self._floats) + len(self._others) >= _MAX_SHAPES:
            return
        rest = type(event)()
        rest.summary.CopyFrom(event.summary)
        content = rest.SerializeToString()
        form, set_number = _number_of(rest.summary.value[0])
        if form is None:
            return
        probes = []
        for probe in _PROBES[form]:
            set_number(probe)
            probes.append(rest.SerializeToString())
        places = [i for i, (a, b) in enumerate(zip(*probes, strict=True)) if a != b]
        start, end = places[0], places[-1] + 1
        if form == "<f" and end == len(content) and sys.byteorder == "little":
            self._floats[content[:start]] = (
                series.step.append,
                series.wall_time.frombytes,
                series.floats.frombytes,
            )
        else:
            self._others[content[:start] + content[end:]] = series
            self._cuts.setdefault(len(content), _Cut(start, end, struct.Struct(form).unpack_from))

    def _read_other(self, record: bytes, step: int, place: int) -> bool:
        """Add the point of a record whose number is anywhere; return whether it is known."""
        rest = record[place:]
        cut = self._cuts.get(len(rest))
        if cut is None:
            return False
        series = self._others.get(rest[: cut.start] + rest[cut.end :])
        if series is None:
            return False
        series.append(step, _DOUBLE.unpack_from(record, 1)[0], cut.unpack(rest, cut.start)[0])
        return True


def _number_of(value: Any) -> tuple[str | None, Callable[[bytes], None]]:
    """Return the form of the number of a value, None without one of 4 or 8 bytes, and a setter."""
    if value.HasField("simple_value"):
        return "<f", lambda number: setattr(value, "simple_value", *struct.unpack("<f", number))
    tensor = value.tensor
    form = _TENSOR_FORMS.get(tensor.dtype)
    if form and len(tensor.tensor_content) == struct.calcsize(form):
        return form, lambda number: setattr(tensor, "tensor_content", number)
    field = tensor.float_val if form == "<f" else tensor.double_val
    if form and not tensor.tensor_content and len(field) == 1:
        return form, lambda number: field.__setitem__(0, *struct.unpack(form, number))
    return None, lambda _: None


def _read_varint(record: bytes, place: int) -> tuple[int, int]:
    """Return the 64-bit integer at a place, and where it ends; the end, if it is cut off."""
    if place + 1 < len(record) and record[place + 1] <= _VARINT_BITS:  # as most steps have it
        return record[place] & _VARINT_BITS | record[place + 1] << 7, place + 2
    number = shift = 0
    for i in range(place, min(place + 10, len(record))):
        number |= (record[i] & _VARINT_BITS) << shift
        if record[i] <= _VARINT_BITS:
            number &= 2**64 - 1
            return number - 2**64 if number >= 2**63 else number, i + 1
        shift += 7
    return 0, len(record)
