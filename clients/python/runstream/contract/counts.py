"""Numbers of things and times, in texts for people."""

from __future__ import annotations


def count(number: int, one: str, many: str) -> str:
    """Return a number and what there is of it: `count(1, "point is", "points are")`."""
    return f"{number} {one if number == 1 else many}"


def format_seconds(seconds: float) -> str:
    """Return how long something took, to a tenth of a second: `10 s`; to a thousandth below 1 s."""
    return f"{round(seconds, 1 if seconds >= 1 else 3):g} s"
