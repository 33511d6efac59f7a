"""The report of an import."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from threading import Lock

#: Problems that are told in words; more are counted.
MAX_PROBLEMS = 1_000


@dataclass
class Report:
    """Counts of what was copied and of what was there already, and what could not be copied.

    Attributes:
        problems: what could not be copied, and why; the first 1,000.
        more_problems: how many more there were.
        left_out: what has no place here and was left out on purpose, with its number.
    """

    experiments: int = 0
    runs: int = 0
    runs_already_there: int = 0
    models: int = 0
    points: int = 0
    params: int = 0
    tags: int = 0
    datasets: int = 0
    artifacts: int = 0
    console_lines: int = 0
    documents: int = 0
    problems: list[str] = field(default_factory=list)
    more_problems: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    @property
    def problem_count(self) -> int:
        """How many problems there were."""
        return len(self.problems) + self.more_problems

    def counts(self) -> dict[str, object]:
        """Return all fields by name."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name[0] != "_"}

    def count(self, **copied: int) -> None:
        """Add to the counts; from any thread."""
        with self._lock:
            for name, number in copied.items():
                setattr(self, name, getattr(self, name) + number)

    def note(self, what: str, why: str) -> None:
        """Record something that could not be copied; from any thread."""
        with self._lock:
            if len(self.problems) < MAX_PROBLEMS:
                self.problems.append(f"{what}: {why}")
            else:
                self.more_problems += 1
