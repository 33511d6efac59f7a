"""Numbers of things, in texts for people."""

from __future__ import annotations


def count(number: int, one: str, many: str) -> str:
    """Return a number and what there is of it: `count(1, "point is", "points are")`."""
    return f"{number} {one if number == 1 else many}"
