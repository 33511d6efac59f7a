"""How values travel to PostgreSQL and back.

- A text that has the character NUL, which PostgreSQL cannot store, is stored with an escape in its
  place. Keys and ids have no such character, and are columns of varchar, whose texts are not looked
  through.
- A float is sent as a text without a type, so that it becomes exactly what its column is made of: a
  double, or a numeric beside which 64-bit integers are exact, too.
- An integer is always sent as one of 64 bits, so that a statement is prepared once and not for each
  size of its values.
"""

from __future__ import annotations

import psycopg
from psycopg.adapt import AdaptersMap, Buffer, Dumper, Loader
from psycopg.types.numeric import Int8Dumper
from psycopg.types.string import StrDumperUnknown

from runstream.rules import INT64_MAX, INT64_MIN

#: The last code point, which is no character and is never interchanged.
ESCAPE = "\U0010ffff"

_LARGEST_EXACT = 2.0**53


class _TextDumper(StrDumperUnknown):
    def dump(self, obj: str) -> Buffer | None:
        if "\0" in obj or ESCAPE in obj:
            obj = obj.replace(ESCAPE, ESCAPE + "1").replace("\0", ESCAPE + "0")
        return super().dump(obj)


class _TextLoader(Loader):
    def load(self, data: Buffer) -> str:
        text = str(data, "utf-8")
        if ESCAPE in text:
            text = text.replace(ESCAPE + "0", "\0").replace(ESCAPE + "1", ESCAPE)
        return text


class _FloatDumper(Dumper):
    def dump(self, obj: float) -> Buffer | None:
        is_integer = _LARGEST_EXACT <= abs(obj) < float("inf")
        return (str(int(obj)) if is_integer else repr(obj)).encode()


class _NumericLoader(Loader):
    """Numbers of params and tags, sums, and maxima of them."""

    def load(self, data: Buffer) -> int | float:
        text = str(data, "utf-8")
        if text.lstrip("-").isdigit():
            number = int(text)
            if INT64_MIN <= number <= INT64_MAX:
                return number
        return float(text)


def adapters() -> AdaptersMap:
    """Return what connections convert values by."""
    found = AdaptersMap(psycopg.adapters)
    found.register_dumper(str, _TextDumper)
    found.register_dumper(float, _FloatDumper)
    found.register_dumper(int, Int8Dumper)
    found.register_loader("text", _TextLoader)
    found.register_loader("numeric", _NumericLoader)
    return found
