"""Moments in options: an age such as 2h, a date, or milliseconds since the epoch."""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta, timezone

import click

from runstream.cli.age_option import parse_age

_ISO = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)"
    r"(?:[T ](?P<minute>\d\d:\d\d)(?P<second>:\d\d)?(?P<zone>Z|[+-]\d\d:\d\d)?)?",
    re.ASCII | re.IGNORECASE,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def parse_moment(
    context: click.Context, parameter: click.Parameter, text: str | None
) -> int | None:
    """Return the milliseconds since the epoch of an option's value; None for none.

    An age such as 2h is so long ago. A date is of UTC unless it says otherwise, as in filters.
    """
    if text is None:
        return None
    if re.fullmatch(r"\d+", text, re.ASCII):
        return int(text)
    try:
        if found := _ISO.fullmatch(text):
            return _milliseconds(found)
        age = parse_age(context, parameter, text)
    except (ValueError, click.BadParameter):
        raise click.BadParameter(
            f"{text!r} is neither a time such as 2h or 30d, a date such as 2026-11-01 or "
            "2026-11-01T08:30+02:00, nor milliseconds since the epoch."
        ) from None
    return int(max(0.0, (time.time() - (age or 0)) * 1000))


def _milliseconds(found: re.Match[str]) -> int:
    # Python 3.10 reads no Z.
    part = found.groupdict(default="")
    zone = part["zone"].upper().replace("Z", "") or "+00:00"
    clock = f"{part['minute'] or '00:00'}{part['second'] or ':00'}{zone}"
    moment = datetime.fromisoformat(f"{part['day']}T{clock}")
    return max(0, (moment - _EPOCH) // timedelta(milliseconds=1))
