"""Times in filters: milliseconds since the epoch, or ISO 8601 in quotes."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from runstream_service.search.parse import ParseError
from runstream_service.search.tree import Condition, Value

_ISO = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)"
    r"(?:[T ](?P<minute>\d\d:\d\d)(?:(?P<second>:\d\d)(?P<fraction>\.\d{1,6})?)?"
    r"(?P<zone>Z|[+-]\d\d:\d\d)?)?",
    re.ASCII | re.IGNORECASE,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def to_milliseconds(condition: Condition) -> Condition:
    """Return a condition on a time with its texts as milliseconds since the epoch.

    Raises:
        ParseError: a text is no time.
    """
    pairs = zip(condition.operands, condition.columns, strict=True)
    return replace(condition, operands=[_milliseconds(*pair) for pair in pairs])


def _milliseconds(operand: Value, column: int) -> Value:
    if not isinstance(operand, str):
        return operand
    try:
        return (_moment(operand) - _EPOCH) // timedelta(milliseconds=1)
    except ValueError:
        raise ParseError(
            column,
            repr(operand),
            "milliseconds, or a time like '2026-11-01' or '2026-11-01T08:30Z'",
        ) from None


def _moment(text: str) -> datetime:
    """Return the moment of a time in ISO 8601, of UTC unless it says otherwise."""
    found = _ISO.fullmatch(text)
    if found is None:
        raise ValueError(text)
    # Python 3.10 reads a part of ISO 8601 alone: six digits of a fraction, and no Z.
    part = found.groupdict(default="")
    fraction = part["fraction"].ljust(7, "0") if part["fraction"] else ""
    zone = part["zone"].upper().replace("Z", "") or "+00:00"
    clock = f"{part['minute'] or '00:00'}{part['second'] or ':00'}{fraction}{zone}"
    return datetime.fromisoformat(f"{part['day']}T{clock}")
