"""Lengths of time in options, such as 30d or 1d2h3m4s."""

from __future__ import annotations

import re

import click

_AGE = re.compile(
    r"(?=.)(?:(?P<days>\d+(?:\.\d+)?)d)?(?:(?P<hours>\d+(?:\.\d+)?)h)?"
    r"(?:(?P<minutes>\d+(?:\.\d+)?)m)?(?:(?P<seconds>\d+(?:\.\d+)?)s)?",
    re.ASCII,
)
_SECONDS = {"days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}


def parse_age(_: click.Context, __: click.Parameter, age: str | None) -> float | None:
    """Return the seconds of an option's value; None for none."""
    if age is None:
        return None
    found = _AGE.fullmatch(age)
    if found is None:
        raise click.BadParameter(f"{age!r} is not a time such as 30d, 12h, 1d2h3m or 90s.")
    return sum(float(n) * _SECONDS[unit] for unit, n in found.groupdict().items() if n)
