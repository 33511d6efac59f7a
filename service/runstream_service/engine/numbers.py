"""Params and tags that are numbers (S2).

Params and tags are texts. If a text reads as a number, the number is stored in a column of its own,
so that an index finds and orders runs by it.
"""

from __future__ import annotations

from runstream.rules import INT64_MAX, INT64_MIN, number_text
from runstream_service.engine.tables import NAN

_INTEGER_CHARACTERS = 20  # of an int64, which a double may not hold


def parse_number(text: str) -> float | str | None:
    """Return the number that a text is, as it is stored: NaN as `NAN`, none as None.

    White space around it is passed over.
    """
    digits = number_text(text)
    if digits is None:
        return None
    if len(digits) <= _INTEGER_CHARACTERS and digits.lstrip("+-").isdigit():
        integer = int(digits)
        if INT64_MIN <= integer <= INT64_MAX:
            return integer
    number = float(digits)
    return NAN if number != number else number
