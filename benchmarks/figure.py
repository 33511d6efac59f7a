"""A figure: one row of the table of speeds, what it must reach, and what was measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.bench import Bench


@dataclass(frozen=True)
class Measured:
    """What was measured for a figure, all in its unit but for `details`, which name theirs.

    Attributes:
        ours: the figure of Runstream.
        peers: what it is compared with, by name.
        details: further numbers that a target or a reader needs.
    """

    ours: float
    peers: Mapping[str, float] = field(default_factory=dict)
    details: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Target:
    """Something a figure must reach."""

    text: str
    is_met: Callable[[Measured], bool]


@dataclass(frozen=True)
class Figure:
    """One row: its name, its unit, how it is measured and what it must reach."""

    id: str
    unit: str
    measure: Callable[[Bench], Measured]
    targets: tuple[Target, ...]

    def ratio(self, ours: float, peer: float) -> float:
        """Return how many times better ours is: more is better for rates, less for the rest."""
        return ours / peer if self.unit.endswith("/s") else peer / ours

    def missed(self, measured: Measured) -> list[str]:
        """Return the targets that were not reached."""
        return [target.text for target in self.targets if not target.is_met(measured)]

    def text(self, measured: Measured) -> str:
        """Return the measurement for people."""
        lines = [f"{self.id}: {_number(measured.ours)} {self.unit}"]
        for name, peer in measured.peers.items():
            times = _number(self.ratio(measured.ours, peer))
            lines.append(f"    {name}: {_number(peer)} {self.unit}, ours {times} times as good")
        lines += [f"    {name}: {_number(value)}" for name, value in measured.details.items()]
        missed = self.missed(measured)
        lines += [
            f"    {'MISSED' if target.text in missed else 'met'}: {target.text}"
            for target in self.targets
        ]
        return "\n".join(lines)

    def entry(self, measured: Measured | None) -> dict[str, Any]:
        """Return the measurement for programs; without one the figure counts as missed."""
        return {
            "id": self.id,
            "unit": self.unit,
            "ours": measured and measured.ours,
            "peers": dict(measured.peers) if measured else {},
            "details": dict(measured.details) if measured else {},
            "target": "; ".join(target.text for target in self.targets),
            "met": measured is not None and not self.missed(measured),
        }


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
