"""How runs and experiments show in a notebook: small tables of HTML, with all texts escaped."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence

#: Rows of a table at most, columns, and characters of a value. More are counted, and cut.
ROWS, COLUMNS, CHARACTERS = 100, 12, 100


def properties_table(title: str, properties: Mapping[str, object]) -> str:
    """Return a table with a property in each row."""
    rows = list(properties.items())
    cells = "".join(
        f"<tr><th style='text-align:left'>{_escape(name)}</th><td>{_escape(value)}</td></tr>"
        for name, value in rows[:ROWS]
    )
    return f"<b>{_escape(title)}</b><table>{cells}</table>{_more(len(rows) - ROWS, 'properties')}"


def list_table(noun: str, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """Return a table with a thing in each row.

    Args:
        noun: what the things are, in the plural.
        columns: the names of the columns, of which the first are shown.
        rows: the values of each thing, by column.
    """
    things = list(rows)
    shown = columns[:COLUMNS]
    head = "".join(f"<th>{_escape(name)}</th>" for name in shown)
    body = "".join(
        f"<tr>{''.join(f'<td>{_escape(row.get(name))}</td>' for name in shown)}</tr>"
        for row in things[:ROWS]
    )
    return (
        f"<table><tr>{head}</tr>{body}</table>{_more(len(things) - ROWS, noun)}"
        f"{_more(len(columns) - COLUMNS, 'columns')}"
    )


def time_text(milliseconds: int | None) -> str:
    """Return a time in UTC for people, "" if there is none."""
    if milliseconds is None:
        return ""
    try:
        time = datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.timezone.utc)
    except (OverflowError, OSError, ValueError):  # the year is beyond 9999
        return str(milliseconds)
    return time.strftime("%Y-%m-%d %H:%M:%S UTC")


def _escape(value: object) -> str:
    from html import escape  # not at import, which takes time

    text = "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
    return escape(text if len(text) <= CHARACTERS else f"{text[:CHARACTERS]}…")


def _more(count: int, noun: str) -> str:
    return f"<p>and {count} more {noun}</p>" if count > 0 else ""
