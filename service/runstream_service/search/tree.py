"""A filter as a tree, and a key to order by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Moment:
    """A time that is written without quotes: `2026-11-01` or `now - 7d`."""

    text: str

    def __repr__(self) -> str:
        return self.text


Value = str | int | float | Moment


@dataclass(frozen=True)
class Key:
    """The key of a condition: `metrics.loss` is the name `loss` of the group `metrics`.

    Attributes:
        group: metrics, params, tags, attributes or datasets.
        name: the name in the group.
        column: where it stands in the text, counted from 1.
    """

    group: str
    name: str
    column: int = field(compare=False, default=1)


@dataclass(frozen=True)
class OrderKey:
    """A key to order by, and in which direction."""

    key: Key
    descending: bool


@dataclass(frozen=True)
class Condition:
    """A condition on one key.

    Attributes:
        key: the key.
        operator: `= != < <= > >=`, LIKE, ILIKE, RLIKE, IN, BETWEEN, or EXISTS, which takes no
            operand.
        operands: one value, or the values of IN, or the two ends of BETWEEN.
        columns: where the operands stand in the text, counted from 1.
        escape: the character before a `%` or `_` of LIKE that stands for itself; empty for none.
    """

    key: Key
    operator: str
    operands: Sequence[Value]
    columns: Sequence[int] = field(compare=False, default=())
    escape: str = ""


@dataclass(frozen=True)
class Not:
    """True if its part is not true."""

    part: Filter


@dataclass(frozen=True)
class And:
    """True if all its parts are true."""

    parts: Sequence[Filter]


@dataclass(frozen=True)
class Or:
    """True if one of its parts is true."""

    parts: Sequence[Filter]


Filter = Condition | Not | And | Or
