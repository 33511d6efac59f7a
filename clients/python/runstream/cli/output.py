"""Output of the commands: tables for people, JSON for programs."""

from __future__ import annotations

import io
import itertools
import json
import math
import re
import shutil
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_MIN_WIDTH = 6
_BLOCK = 1_000  # rows, or values of JSON, that are printed together

Item = TypeVar("Item")


def json_option(command: Callable[..., None]) -> Callable[..., None]:
    """Add the option --json."""
    return click.option(
        "--json",
        "as_json",
        is_flag=True,
        help="Print JSON, with the names of the contract; NaN and the infinities are strings.",
    )(command)


def is_terminal() -> bool:
    """Return whether a person reads stdout."""
    return sys.stdout.isatty()


def supports_unicode() -> bool:
    """Return whether stdout takes every character."""
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"


def print_json(value: object) -> None:
    """Print a value as one JSON document."""
    click.echo(_json(value, indent=2))


def print_json_line(value: object) -> None:
    """Print a value as JSON on one line."""
    click.echo(_json(value))


def print_json_array(values: Iterable[object], block_size: int = _BLOCK) -> None:
    """Print an array, each value on a line, while the values come.

    Args:
        values: what to print.
        block_size: how many values are printed together; 1 to print each when it comes.
    """
    before = "[\n"
    for block in _blocks(values, block_size):
        click.echo(before + ",\n".join(map(_json, block)), nl=False)
        before = ",\n"
    click.echo("[]" if before == "[\n" else "\n]")


def print_table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    numbers: Iterable[int] = (),
    names: Iterable[int] = (),
) -> None:
    """Print rows in columns, while the rows come.

    Columns are as wide as the first rows need, and become wider where later ones need that. On a
    terminal, columns other than the first are cut where the lines would be too long, and each cut
    shows an ellipsis; elsewhere nothing is cut.

    Args:
        head: names of the columns; empty for a table without a head.
        rows: the cells, as many in each row.
        numbers: indices of the columns that are aligned to the right.
        names: indices of the columns that are cut only where cutting the others is not enough.
    """
    right, names = set(numbers), set(names)
    wanted = [0] * len(head)
    for block in _blocks(itertools.chain([head] if head else [], rows)):
        lines = [[escape_controls(cell) for cell in row] for row in block]
        widest = [max(map(_width, column)) for column in zip(*lines, strict=True)]
        wanted = [max(pair) for pair in zip(wanted or [0] * len(widest), widest, strict=True)]
        widths = list(wanted)
        if is_terminal():
            _shrink_columns(widths, shutil.get_terminal_size().columns, names)
        click.echo("\n".join(_format_line(line, widths, right) for line in lines))


def _format_line(line: Sequence[str], widths: Sequence[int], right: set[int]) -> str:
    cells = zip(line, widths, strict=True)
    padded = (_pad(cell, width, right=i in right) for i, (cell, width) in enumerate(cells))
    return "  ".join(padded).rstrip()


def _blocks(values: Iterable[Item], size: int = _BLOCK) -> Iterator[list[Item]]:
    """Yield values in lists, which are printed as a whole."""
    rest = iter(values)
    while block := list(itertools.islice(rest, size)):
        yield block


def progress_bar(length: int, label: str) -> ProgressBar[int]:
    """Return a progress bar on stderr, which is not seen where that is no terminal."""
    file = sys.stderr if sys.stderr.isatty() else io.StringIO()
    return click.progressbar(length=length, label=label, file=file)


def format_time(milliseconds: int | None, timespec: str = "seconds") -> str:
    """Return a time in the time zone of this computer, to the second or to what `timespec` says."""
    if milliseconds is None:
        return ""
    try:
        moment = datetime.fromtimestamp(milliseconds / 1000)
        # The nearest double may be a few microseconds less than the milliseconds.
        moment = moment.replace(microsecond=milliseconds % 1000 * 1000)
        return moment.isoformat(" ", timespec)
    except (ValueError, OverflowError, OSError):  # a year that datetime does not have
        return f"{milliseconds} ms"


def format_duration(start: int, end: int | None) -> str:
    """Return the time from start to end, both in milliseconds; empty without an end."""
    if end is None:
        return ""
    seconds = (end - start) / 1000
    if abs(seconds) < 60:
        return f"{seconds:.1f}s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m{seconds:02}s" if hours else f"{minutes}m{seconds:02}s"


def format_bytes(count: int | None) -> str:
    """Return a number of bytes for people."""
    if count is None:
        return ""
    amount, units = float(count), ["B", "KiB", "MiB", "GiB", "TiB"]
    while amount >= 1024 and len(units) > 1:
        amount /= 1024
        units.pop(0)
    return f"{count} B" if units[0] == "B" else f"{amount:.1f} {units[0]}"


def format_number(value: float) -> str:
    """Return a value to six digits."""
    return f"{value:.6g}"


def _json(value: object, indent: int | None = None) -> str:
    return json.dumps(_to_json_value(value), ensure_ascii=not supports_unicode(), indent=indent)


def _to_json_value(value: object) -> Any:
    """Return a value as the JSON of the contract has it."""
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if is_dataclass(value):
        return {field.name: _to_json_value(getattr(value, field.name)) for field in fields(value)}
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {key: _to_json_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_json_value(item) for item in value]
    return value


def escape_controls(cell: str) -> str:
    """Return text whose line ends and control characters are escaped."""
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], cell)


def _width(cell: str) -> int:
    if cell.isascii():
        return len(cell)
    return sum(map(_character_width, cell))


def _character_width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _shrink_columns(widths: list[int], room: int, names: set[int]) -> None:
    """Narrow the widest columns but the first until a line fits, as far as that is sensible."""
    others = set(range(1, len(widths)))
    for columns in (others - names, others & names):
        while columns and sum(widths) + 2 * (len(widths) - 1) > room:
            widest = max(columns, key=widths.__getitem__)
            if widths[widest] <= _MIN_WIDTH:
                break
            widths[widest] -= 1


def _pad(cell: str, width: int, right: bool) -> str:
    if _width(cell) > width:
        while _width(cell) > width - 1:
            cell = cell[:-1]
        cell += "…"
    space = " " * (width - _width(cell))
    return space + cell if right else cell + space
