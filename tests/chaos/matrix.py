"""Many rounds, and what came of them."""

from __future__ import annotations

import shutil
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Lock

from chaos.checker import Problem
from chaos.kill_round import KillRound, Result
from chaos.plan import Plan, make_plan
from chaos.scene import Scene


class Matrix:
    """Runs rounds and counts.

    Attributes:
        failures: a text for each round in which something was wrong, by its seed.
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
        self._lock = Lock()  # of all that is counted
        self._counted: Counter[str] = Counter()
        self._problems: Counter[str] = Counter()
        self._rounds = self._points_said = self._points_stored = 0
        self._seconds = 0.0
        self.failures: dict[int, str] = {}

    def run(self, rounds: int, seed: int, jobs: int = 1) -> None:
        """Run rounds of the seeds from `seed` on; the folders of those that fail are kept.

        Args:
            rounds: how many.
            seed: of the first one.
            jobs: how many at a time, each with a server of its own.
        """
        plans = [make_plan(seed + number, self._java is not None) for number in range(rounds)]
        # Built once, before all rounds and only for those that need it.
        java = self._java() if self._java and any(plan.java for plan in plans) else ()
        start = time.monotonic()
        folder = Path(tempfile.mkdtemp(prefix="runstream-chaos-"))
        waiting = iter(plans)
        with ThreadPoolExecutor(jobs) as threads:
            lanes = [
                threads.submit(self._run_rounds, folder / f"lane-{lane}", waiting, java)
                for lane in range(jobs)
            ]
        for lane in lanes:
            lane.result()
        self._seconds += time.monotonic() - start
        if not self.failures:
            shutil.rmtree(folder)

    def _run_rounds(self, folder: Path, waiting: Iterator[Plan], java: Sequence[str]) -> None:
        """Run rounds one after the other, as long as there are plans.

        They have one server, and another one after a round that raised.
        """
        folder.mkdir()
        scene: Scene | None = None
        for plan in waiting:
            round_folder = folder / f"round-{plan.seed}"
            round_folder.mkdir()
            try:
                if scene is None:
                    scene = Scene(folder / f"{plan.seed}.db")
                result = KillRound(plan, scene, round_folder, java).run()
            except Exception:
                problem = Problem("raised", f"the round itself: {traceback.format_exc()}")
                result = Result([problem], 0, 0)
                with suppress(Exception):
                    _close(scene)
                scene = None
            self._record(plan, result, round_folder)
        _close(scene)

    def _record(self, plan: Plan, result: Result, folder: Path) -> None:
        with self._lock:
            self._rounds += 1
            trainer = "trainer in Java" if plan.java else "trainer in Python"
            self._counted.update([*plan.kinds, trainer, f"delivered by {plan.delivery}"])
            self._points_said += result.said
            self._points_stored += result.stored
            self._problems.update(problem.kind for problem in result.problems)
            if not result.problems:
                shutil.rmtree(folder)
                return
            lines = [f"round {plan.seed} ({', '.join(sorted(plan.kinds))}; {plan.delivery}), in"]
            lines[0] += f" {folder}:"
            lines += [f"  {problem.kind}: {problem.text}" for problem in result.problems]
            self.failures[plan.seed] = "\n".join(lines)
            self._say(self.failures[plan.seed])

    def summary(self) -> str:
        """Return what came of all rounds, in a few lines."""
        counted = ", ".join(f"{what} {count}" for what, count in sorted(self._counted.items()))
        kinds = ("lost", "doubled", "wrong", "hang", "raised", "left")
        problems = ", ".join(f"{kind} {self._problems[kind]}" for kind in kinds)
        seeds = f" (seeds {', '.join(map(str, sorted(self.failures)))})" if self.failures else ""
        return (
            f"{self._rounds} rounds in {self._seconds:.0f} s, {len(self.failures)} failed{seeds}\n"
            f"rounds with: {counted}\n"
            f"points: {self._points_said} had to be stored, {self._points_stored} are\n"
            f"problems: {problems}"
        )


def _close(scene: Scene | None) -> None:
    if scene is not None:
        scene.close()
