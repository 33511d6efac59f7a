"""Scripts of trainings at random: what each process of a round says, and when."""

from __future__ import annotations

from random import Random

Script = list[list[object]]

_PAUSES = (0.0, 0.0, 0.001, 0.005, 0.02, 0.05)


class ScriptWriter:
    """Writes the script of one process, thread or forked child, which has keys of its own."""

    def __init__(self, random: Random, name: str) -> None:
        self._random = random
        self._name = name
        self._steps: dict[str, int] = {}
        self._params = self._inputs = self._values = self._runs = self._parts = 0
        # Of some programs the files of the spool are full, and not all is kept in memory.
        self._many = 20_000 if random.random() < 0.97 else 400_000
        self._tags: dict[str, bool] = {}  # and whether it is set, in the run that is open

    def training(self, seconds: float, clock_back: bool, shared: bool = False) -> Script:
        """Write a whole program: one run or two, one maybe within the other.

        Args:
            seconds: about how long it takes.
            clock_back: whether its clock is set back at some moment.
            shared: whether another process logs to its first run.
        """
        random, runs = self._random, random_count(self._random)
        script: Script = []
        for number in range(runs):
            script += self._run(seconds / runs, shared and number == 0, number == runs - 1)
        if clock_back:
            script.insert(random.randrange(1, len(script) + 1), ["clock", 3600])
        return script

    def java_training(self, seconds: float) -> Script:
        """Write a program that the trainer in Java can do: one run, and less in it."""
        script = [self._start(False), *self._work(seconds)]
        known = {"start", "metric", "burst", "params", "tag", "untag", "sleep"}
        script = [operation for operation in script if operation[0] in known]
        return script + self._random.choice([[["end"]], [["end"]], [["drop"]]])

    def guest(self, seconds: float) -> Script:
        """Write a program that logs to the run of another process."""
        script: Script = [["join", "shared"]]
        for pause in self._pauses(seconds):
            script += [["log", *self._point()], ["sleep", pause]]
        return script

    def part(self, seconds: float) -> Script:
        """Write what a thread or a forked child does with the runs of its process."""
        script: Script = []
        for pause in self._pauses(seconds):
            script += [self._operation(False), ["sleep", pause]]
        return script

    def _run(self, seconds: float, shared: bool, is_last: bool) -> Script:
        random = self._random
        script: Script = [self._start(False)]
        if shared:
            script.append(["share", "shared"])
        script += self._work(seconds / 2)
        if random.random() < 0.25:
            kept, self._tags = self._tags, {}
            script += [self._start(True), *self._work(seconds / 4), ["end", "FINISHED"]]
            self._tags = kept
        if random.random() < 0.2:
            script.append(self._others(seconds / 2))
        script += self._work(seconds / 2)
        if random.random() < 0.2:
            script.append(["flush", 1.0])
        end: Script = [["end", random.choice(("FINISHED", "FINISHED", "FAILED", "KILLED"))]]
        if is_last:  # or the end of the program ends it
            others: list[Script] = [[], [["fail"]], [["drop"]]]
            return script + random.choice([end, end, end, *others])
        return script + end

    def _start(self, nested: bool) -> list[object]:
        self._runs += 1
        self._tags = {}
        return ["start", f"{self._name}.{self._runs}", nested]

    def _others(self, seconds: float) -> list[object]:
        self._parts += 1
        name = f"{self._name}-{self._parts}"
        script = ScriptWriter(self._random, name).part(seconds)
        if self._random.random() < 0.5:
            return ["thread", script]
        if self._random.random() < 0.5:
            script.append(["drop"])
        return ["fork", name, script]

    def _work(self, seconds: float) -> Script:
        script: Script = []
        for pause in self._pauses(seconds):
            script += [self._operation(True), ["sleep", pause]]
        return script

    def _pauses(self, seconds: float) -> list[float]:
        pauses = [self._random.choice(_PAUSES)]
        while sum(pauses) + 0.002 * len(pauses) < seconds:
            pauses.append(self._random.choice(_PAUSES))
        return pauses

    def _operation(self, is_main: bool) -> list[object]:
        """Write one call; only the main thread of a script uses the run that is active."""
        random, lot = self._random, self._random.random()
        if lot < 0.1:
            self._params += 1
            return ["params", {f"p.{self._name}.{self._params}": str(random.random())}]
        if lot < 0.22:
            return self._tag()
        if lot < 0.26 and is_main:
            self._inputs += 1
            return ["input", f"d.{self._name}.{self._inputs}"]
        if lot < 0.36:
            return ["burst", *self._point(random.randint(2, 400))]
        if lot < 0.42:
            return ["columns", *self._point(random.choice((5, 500, self._many)))]
        return ["fluent" if is_main and lot < 0.6 else "metric", *self._point()]

    def _point(self, count: int = 1) -> list[object]:
        """Return key, first step, count if it is of many, and a value that no other point has."""
        key = f"m.{self._name}.{self._random.randrange(3)}"
        step = self._steps.get(key, 0)
        self._steps[key] = step + count
        self._values += count
        value = self._values + 0.5
        return [key, step, value] if count == 1 else [key, step, count, value]

    def _tag(self) -> list[object]:
        key = f"t.{self._name}.{self._random.randrange(3)}"
        if self._tags.get(key) and self._random.random() < 0.3:
            self._tags[key] = False
            return ["untag", key]
        self._tags[key] = True
        return ["tag", key, str(self._random.random())]


def random_count(random: Random) -> int:
    """Return how many runs follow each other in a program: mostly one."""
    return random.choice((1, 1, 1, 2))
