"""What a module that reads the machine returns: functions, each of which reads a few numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple


class Reading(NamedTuple):
    """A way to read some numbers.

    Attributes:
        name: what is read, for people.
        read: returns the numbers by name.
        is_of_process: whether they are of this process, and not of the machine.
    """

    name: str
    read: Callable[[], Mapping[str, float]]
    is_of_process: bool = False
