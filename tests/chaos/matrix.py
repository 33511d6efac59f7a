"""Many rounds, and what came of them."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from chaos.kill_round import KillRound
from chaos.plan import make_plan
from chaos.scene import Scene


class Matrix:
    """Runs rounds and counts.

    Attributes:
        failures: a text for each round in which something was wrong.
    """

    def __init__(
        self, say: Callable[[str], object], java: Callable[[], Sequence[str]] | None = None
    ) -> None:
        """Count from nothing.

        Args:
            say: called with what was wrong with a round, at once.
            java: makes the trainer in Java, and returns its command; without one all trainers are
                in Python.
        """
        self._say = say
        self._java = java
        self._faults: Counter[str] = Counter()
        self._problems: Counter[str] = Counter()
        self._rounds = self._points_said = self._points_stored = 0
        self._seed = 0
        self._seconds = 0.0
        self.failures: list[str] = []

    def run(self, rounds: int, seed: int) -> None:
        """Run rounds of the seeds from `seed` on; the folders of those that fail are kept."""
        self._seed = seed
        start = time.monotonic()
        folder = Path(tempfile.mkdtemp(prefix="runstream-chaos-"))
        scene = Scene(folder)
        try:
            for number in range(seed, seed + rounds):
                self._run_round(scene, folder / f"round-{number}", number)
        finally:
            scene.close()
            self._seconds += time.monotonic() - start
        if not self.failures:
            shutil.rmtree(folder)

    def _run_round(self, scene: Scene, folder: Path, seed: int) -> None:
        folder.mkdir()
        plan = make_plan(seed, self._java is not None)
        java = self._java() if self._java and plan.java else ()
        result = KillRound(plan, scene, folder, java).run()
        self._rounds += 1
        self._faults.update([*plan.kinds, *(["in Java"] if plan.java else [])])
        self._points_said += result.said
        self._points_stored += result.stored
        if not result.problems:
            shutil.rmtree(folder)
            return
        self._problems.update(problem.kind for problem in result.problems)
        lines = [f"round {seed} ({', '.join(sorted(plan.kinds))}; {plan.delivery}), in {folder}:"]
        lines += [f"  {problem.kind}: {problem.text}" for problem in result.problems]
        self.failures.append("\n".join(lines))
        self._say(self.failures[-1])

    def summary(self) -> str:
        """Return what came of all rounds, in a line."""
        faults = ", ".join(f"{kind} {count}" for kind, count in sorted(self._faults.items()))
        counts = ", ".join(
            f"{kind} {self._problems[kind]}"
            for kind in ("lost", "doubled", "wrong", "hang", "raised", "left")
        )
        return (
            f"{self._rounds} rounds from seed {self._seed}, {len(self.failures)} failed; "
            f"faults: {faults}; "
            f"points: {self._points_said} had to be stored, {self._points_stored} are; "
            f"{counts}; {self._seconds:.0f} s"
        )
