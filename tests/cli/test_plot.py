"""The plots of the command, dot by dot."""

from __future__ import annotations

import math

import pytest

from runstream.cli.terminal_plot import plot

NONE, ALL = "\u2800", "\u28ff"


def dots(lines: list[str]) -> set[tuple[int, int]]:
    """The dots that are set, as (across, down), of a drawing without its labels."""
    bits = {0x01: (0, 0), 0x02: (0, 1), 0x04: (0, 2), 0x40: (0, 3)}
    bits |= {0x08: (1, 0), 0x10: (1, 1), 0x20: (1, 2), 0x80: (1, 3)}
    found = set()
    for row, line in enumerate(lines[:-1]):
        for column, character in enumerate(line.split("┤")[1]):
            for bit, (across, down) in bits.items():
                if (ord(character) - ord(NONE)) & bit:
                    found.add((2 * column + across, 4 * row + down))
    return found


def test_a_rising_line_goes_from_corner_to_corner() -> None:
    lines = plot([0, 1], [0.0, 1.0], width=7, height=2)  # 4 characters, 8 dots across
    assert dots(lines) == {(i, 7 - i) for i in range(8)}


def test_the_labels_are_the_least_and_greatest_values() -> None:
    lines = plot([-20, 1, 75], [2.5, -1.0, 0.0], width=40, height=3)
    assert [line.split("┤")[0].strip() for line in lines[:-1]] == ["2.5", "", "-1"]
    assert lines[-1].split() == ["-20", "75"]
    assert max(map(len, lines)) <= 40


def test_a_spike_of_one_point_is_seen() -> None:
    values = [0.0] * 1000
    values[500] = 1.0
    top = {across for across, down in dots(plot(range(1000), values, 43, 4)) if down == 0}
    assert len(top) == 1


def test_nan_and_infinities_are_gaps() -> None:
    values = [0.0, math.nan, 0.0, 0.0, math.inf, 0.0]
    across = {across for across, _ in dots(plot(range(6), values, width=14, height=2))}
    drawn = plot(range(6), [0.0] * 6, width=14, height=2)
    assert across < {across for across, _ in dots(drawn)}
    assert 0 in across


@pytest.mark.parametrize(
    ("steps", "values"),
    [
        ([3], [1.0]),
        ([3, 3, 3], [1.0, 2.0, 3.0]),
        ([-(2**63), 2**63 - 1], [1e308, -1e308]),
        ([0, 1], [5e-324, 0.0]),
        ([0, 1, 2], [7.0, 7.0, 7.0]),
    ],
)
@pytest.mark.parametrize("width", [1, 10, 80])
def test_any_numbers_can_be_drawn(steps: list[int], values: list[float], width: int) -> None:
    assert dots(plot(steps, values, width, 4))


def test_without_a_finite_value_there_is_no_drawing() -> None:
    assert plot([1, 2], [math.nan, math.inf], 40, 4) == ["no finite value"]
