"""Numbers and texts of cells: texts of CSV, or values of Parquet.

A column that is read has the length of its cells; those that are no such number are refused, and
have 0 there.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Sequence
from datetime import date, datetime, timezone
from typing import Any

from runstream.rules import INT64_MAX, escape_formula, number_text

#: Takes the place of a cell in its column, and what is wrong with it.
Refuse = Callable[[int, str], None]

#: What stands for nothing in a cell; Keras writes NA, pandas and Lightning an empty text.
ABSENT = frozenset({None, "", "NA", "null", "None"})

# Milliseconds of a unit, by the greatest number that is one: numbers of this century are apart.
_UNITS = ((1e11, 1000.0), (1e14, 1.0), (1e17, 1e-3), (math.inf, 1e-6))
# Lesser numbers are no seconds since the epoch that somebody has logged: 1973.
_MIN_SECONDS = 1e8


def read_numbers(cells: Sequence[Any], refuse: Refuse) -> array[float]:
    """Return a column of doubles."""
    try:
        return array("d", map(float, cells))
    except (TypeError, ValueError):
        return _convert("d", cells, float, "is no number", refuse)


def read_steps(cells: Sequence[Any], refuse: Refuse) -> array[int]:
    """Return a column of steps; those with a decimal point must be whole."""
    try:
        if set(map(type, cells)) <= {str, int}:
            return array("q", map(int, cells))
    except (ValueError, OverflowError):
        pass
    return _convert("q", cells, _to_step, "is no whole number of 64 bits", refuse)


def read_times(cells: Sequence[Any], unit: float, refuse: Refuse) -> array[int]:
    """Return a column of milliseconds since the epoch.

    Args:
        cells: numbers, or times of ISO 8601; those without a zone are UTC.
        unit: the milliseconds of 1.
        refuse: takes cells that are no times, or before 1970.
    """
    try:
        if unit == 1 and set(map(type, cells)) <= {str, int}:
            times = array("q", map(int, cells))
            if not times or min(times) >= 0:
                return times
    except (ValueError, OverflowError):
        pass

    def convert(cell: Any) -> int:
        time = to_milliseconds(cell, unit)
        if not 0 <= time <= INT64_MAX:
            raise ValueError
        return time

    return _convert("q", cells, convert, "is no time since 1970", refuse)


def to_milliseconds(cell: Any, unit: float) -> int:
    """Return a time as milliseconds since the epoch.

    Raises:
        ValueError, TypeError, OverflowError: it is no time.
    """
    if isinstance(cell, date):
        cell = cell.isoformat()
    try:
        number = float(cell)
    except ValueError:
        time = datetime.fromisoformat(cell.strip().replace("Z", "+00:00"))
        if time.tzinfo is None:
            time = time.replace(tzinfo=timezone.utc)
        return round(time.timestamp() * 1000)
    if unit == 1 and number.is_integer():
        return int(cell) if not isinstance(cell, str) or cell.strip().isdecimal() else int(number)
    return round(number * unit)


def find_unit(cells: Sequence[Any]) -> float | None:
    """Return the milliseconds of 1 for times as numbers, None if they are no times since 1973.

    1.0 is returned for texts of ISO 8601, too.
    """
    present = [cell for cell in cells if cell not in ABSENT]
    if not present:
        return 1.0
    try:
        greatest = max(map(float, present))
    except (TypeError, ValueError):
        try:
            to_milliseconds(present[0], 1.0)
        except (TypeError, ValueError, OverflowError):
            return None
        return 1.0
    if not _MIN_SECONDS <= greatest < math.inf:
        return None
    return next(unit for limit, unit in _UNITS if greatest < limit)


def is_number(cell: Any) -> bool:
    """Return whether a cell is a number; of texts, whether it reads as one."""
    return (
        number_text(cell) is not None if isinstance(cell, str) else isinstance(cell, (int, float))
    )


def to_text(cell: Any) -> str:
    """Return a cell as a text, without the apostrophe that keeps spreadsheets from running it."""
    if not isinstance(cell, str):
        return cell.isoformat() if isinstance(cell, date) else str(cell)
    if cell.startswith("'") and escape_formula(cell[1:]) == cell:
        return cell[1:]
    return cell


def _to_step(cell: Any) -> int:
    if isinstance(cell, (str, int)):
        try:
            return _check_int64(int(cell))
        except ValueError:
            pass
    number = float(cell)
    if not number.is_integer():  # NaN and the infinities are not, either
        raise ValueError
    return _check_int64(int(number))


def _check_int64(number: int) -> int:
    if not -INT64_MAX - 1 <= number <= INT64_MAX:
        raise OverflowError
    return number


def _convert(
    kind: str, cells: Sequence[Any], convert: Callable[[Any], Any], why: str, refuse: Refuse
) -> array[Any]:
    """Return a column cell by cell, when not all can be converted at once."""
    column = array(kind)
    for row, cell in enumerate(cells):
        try:
            column.append(convert(cell))
        except (TypeError, ValueError, OverflowError):
            refuse(row, "is empty" if cell in ABSENT else why)
            column.append(0)
    return column
