"""A line drawn with the dots of braille characters, two by four to a character."""

from __future__ import annotations

import math
from collections.abc import Sequence

_DOTS_ACROSS, _DOTS_DOWN = 2, 4  # dots of a character
_EMPTY_CELL = 0x2800  # the character without a dot
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # by row and column

Dot = tuple[int, int]


def plot(x: Sequence[float], y: Sequence[float], width: int, height: int) -> list[str]:
    """Return the lines of a plot, with its minimum and maximum at its sides.

    NaN and the infinities are gaps: the line ends before and begins again after.

    Args:
        x: ascending.
        y: the value at each x.
        width: characters of a line, with the labels.
        height: lines of the drawing; the labels below it take one more line.
    """
    values = [value for value in y if math.isfinite(value)]
    if not values:
        return ["no finite value"]
    low, high = min(values), max(values)
    labels = [f"{high:.4g}", *[""] * (height - 2), f"{low:.4g}"]
    margin = max(map(len, labels))
    canvas = _Canvas(max(1, width - margin - 2), height)
    before = None
    for at, value in zip(x, y, strict=True):
        if not math.isfinite(value):
            before = None
            continue
        dot = (
            _scale(at, x[0], x[-1], canvas.dots_across),
            canvas.dots_down - 1 - _scale(value, low, high, canvas.dots_down),
        )
        canvas.draw_line(before or dot, dot)
        before = dot
    lines = [
        f"{label:>{margin}} ┤{text}" for label, text in zip(labels, canvas.render(), strict=True)
    ]
    first, last = f"{x[0]:g}", f"{x[-1]:g}"
    below = f"{first}{last:>{max(len(last) + 1, canvas.width - len(first))}}"
    return [*lines, " " * (margin + 2) + (below if x[0] != x[-1] else first)]


class _Canvas:
    """The dots of a drawing."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.dots_across, self.dots_down = width * _DOTS_ACROSS, height * _DOTS_DOWN
        self._cells = [[0] * width for _ in range(height)]

    def draw_line(self, begin: Dot, end: Dot) -> None:
        """Set the dots from one to another."""
        steps = max(abs(end[0] - begin[0]), abs(end[1] - begin[1]), 1)
        for step in range(steps + 1):
            across = begin[0] + round((end[0] - begin[0]) * step / steps)
            down = begin[1] + round((end[1] - begin[1]) * step / steps)
            self._cells[down // _DOTS_DOWN][across // _DOTS_ACROSS] |= _DOTS[down % _DOTS_DOWN][
                across % _DOTS_ACROSS
            ]

    def render(self) -> list[str]:
        """Return the drawing as text."""
        return ["".join(chr(_EMPTY_CELL + cell) for cell in row).rstrip("⠀") for row in self._cells]


def _scale(value: float, low: float, high: float, dots: int) -> int:
    """Return the dot of a value between low and high; the middle one, if these are equal."""
    if low == high:
        return dots // 2
    if math.isinf(high - low):
        value, low, high = value / 2, low / 2, high / 2
    return round((value - low) / (high - low) * (dots - 1))
