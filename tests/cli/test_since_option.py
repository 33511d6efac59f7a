"""Moments in options of commands."""

from __future__ import annotations

import time

import click
import pytest

from runstream.cli.since_option import parse_moment

COMMAND = click.Command("any")
SINCE = click.Option(["--since"])


def parse(text: str) -> int | None:
    return parse_moment(click.Context(COMMAND), SINCE, text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1790000000000", 1_790_000_000_000),
        ("1970-01-02", 86_400_000),
        ("1970-01-02T00:00Z", 86_400_000),
        ("1970-01-02 01:00:05+01:00", 86_405_000),
        ("1960-01-01", 0),
    ],
)
def test_a_moment_is_a_date_or_milliseconds(text: str, moment: int) -> None:
    assert parse(text) == moment


def test_an_age_is_so_long_ago() -> None:
    found = parse("1d2h")
    assert found is not None
    assert abs(time.time() * 1000 - 26 * 3_600_000 - found) < 60_000


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "2026-11-01T25:00", "-5"])
def test_what_is_no_moment_is_refused_with_examples(text: str) -> None:
    with pytest.raises(click.BadParameter, match="2026-11-01"):
        parse(text)
