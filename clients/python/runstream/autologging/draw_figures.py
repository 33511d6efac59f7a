"""The program that draws figures: one line of JSON for each on stdin, one answer on stdout."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

# Inches of a figure, and its dots per inch.
_SIZE = (6.0, 4.0)
_DPI = 100

# How far trainings go before figures where both want the processor.
_NICENESS = 10

# Cells along a side up to which a matrix has numbers in it.
_MAX_NUMBERED = 15


def main() -> None:
    """Draw until stdin ends, as it does when the program that asks has ended."""
    with suppress(AttributeError, OSError):  # not every system has it
        os.nice(_NICENESS)
    for line in sys.stdin:
        figure = json.loads(line)
        try:
            _draw(figure)
            answer = "drawn"
        except Exception as error:  # whatever Matplotlib raises is for the program that asks
            answer = f"{type(error).__name__}: {error}".replace("\n", " ")
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


def _draw(figure: Mapping[str, Any]) -> None:
    from matplotlib.figure import Figure

    drawing = Figure(figsize=_SIZE)
    # A fixed place, because to lay a figure out takes as long as to draw it.
    axes = drawing.add_axes((0.14, 0.14, 0.82, 0.76))
    {"matrix": _draw_matrix, "curve": _draw_curve, "bars": _draw_bars}[figure["kind"]](axes, figure)
    axes.set_title(figure["title"])
    drawing.savefig(figure["file"], dpi=_DPI)


def _draw_matrix(axes: Any, figure: Mapping[str, Any]) -> None:
    matrix, labels = figure["matrix"], figure["labels"]
    axes.imshow(matrix, cmap="Blues", vmin=0, vmax=1)
    places = range(len(labels))
    axes.set_xticks(places, labels, rotation=90 if len(labels) > _MAX_NUMBERED else 0)
    axes.set_yticks(places, labels)
    axes.set_xlabel("Predicted label")
    axes.set_ylabel("True label")
    if len(labels) <= _MAX_NUMBERED:
        for row in places:
            for column in places:
                share = matrix[row][column]
                color = "white" if share > 0.5 else "black"
                axes.text(column, row, f"{share:.2g}", ha="center", va="center", color=color)


def _draw_curve(axes: Any, figure: Mapping[str, Any]) -> None:
    axes.plot(figure["x"], figure["y"], drawstyle="steps-post")
    axes.set(xlabel=figure["x_label"], ylabel=figure["y_label"], xlim=(-0.01, 1.01))
    axes.set_ylim(-0.01, 1.01)


def _draw_bars(axes: Any, figure: Mapping[str, Any]) -> None:
    """Draw a group of bars for each name: one, or one for each class."""
    names, groups = list(figure["bars"]), list(figure["bars"].values())
    count = len(groups[0])
    height = 0.8 / count
    # Long names need room, and many need a tall figure.
    longest = min(0.45, 0.04 + 0.013 * max(map(len, names)))
    axes.figure.set_figheight(max(_SIZE[1], 0.25 * len(names)))
    axes.set_position((longest, 0.14, 0.96 - longest, 0.76))
    for number in range(count):
        places = [place + (number + 0.5) * height - 0.4 for place in range(len(names))]
        axes.barh(places, [group[number] for group in groups], height, label=f"class {number}")
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel(figure["x_label"])
    if count > 1:
        axes.legend()


if __name__ == "__main__":
    main()
