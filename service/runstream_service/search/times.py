"""Times in filters: milliseconds since the epoch, ISO 8601, or so long before now."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from runstream_service.engine import clock
from runstream_service.search.parse import ParseError
from runstream_service.search.tree import Condition, Moment, Value

_ISO = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)"
    r"(?:[T ](?P<minute>\d\d:\d\d)(?:(?P<second>:\d\d)(?P<fraction>\.\d{1,6})?)?"
    r"(?P<zone>Z|[+-]\d\d:\d\d)?)?",
    re.ASCII | re.IGNORECASE,
)
_RELATIVE = re.compile(
    r"now(?:\s*(?P<sign>[+-])\s*(?P<number>\d{1,9})\s*"
    r"(?P<unit>s|seconds?|m|minutes?|h|hours?|d|days?|w|weeks?))?",
    re.ASCII | re.IGNORECASE,
)
_MILLISECONDS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def to_milliseconds(condition: Condition) -> Condition:
    """Return a condition on a time with its texts as milliseconds since the epoch.

    Raises:
        ParseError: a text is no time.
    """
    pairs = zip(condition.operands, condition.columns, strict=True)
    return replace(condition, operands=[_milliseconds(*pair) for pair in pairs])


def _milliseconds(operand: Value, column: int) -> Value:
    if not isinstance(operand, str | Moment):
        return operand
    text = operand.text if isinstance(operand, Moment) else operand
    try:
        relative = _relative(text)
        return (
            (_moment(text) - _EPOCH) // timedelta(milliseconds=1) if relative is None else relative
        )
    except ValueError:
        raise ParseError(
            column,
            repr(operand),
            "milliseconds, or a time like 2026-11-01, 2026-11-01T08:30Z or now - 7d (s m h d w)",
        ) from None


def _relative(text: str) -> int | None:
    """Return the milliseconds since the epoch of a time that is told from now on, else None."""
    found = _RELATIVE.fullmatch(text)
    if found is None:
        return None
    if found["unit"] is None:
        return clock.now()
    length = int(found["number"]) * _MILLISECONDS[found["unit"][0].lower()]
    return clock.now() + (length if found["sign"] == "+" else -length)


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
