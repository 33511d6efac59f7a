"""Plans of rounds: which processes there are and what goes wrong when, all from one seed."""

from __future__ import annotations

import os
from random import Random
from typing import NamedTuple

from chaos.script import Script, ScriptWriter

#: What can go wrong, and how often compared with the others.
FAULTS = {
    "kill_trainer": 30,
    "terminate_trainer": 10,
    "kill_server": 14,
    "kill_both": 10,
    "stop_trainer": 6,
    "stop_server": 8,
    "cut": 10,
    "black_hole": 8,
    "slow": 6,
    "disk_full": 6,
    "read_only": 3,
    "crash": 10,
    "clock_back": 8,
}

#: Faults of rounds whose trainer is in Java.
OF_JAVA = {"kill_trainer", "kill_server", "kill_both", "stop_server", "cut", "black_hole", "slow"}
#: Of so many rounds one has a trainer in Java, if there is a JDK.
JAVA_SHARE = 12

#: Faults that need a file system of its own, which only root can make.
OF_ROOT = {"disk_full"}

#: Faults of processes that must be there.
OF_TRAINER = {"kill_trainer", "terminate_trainer", "kill_both", "stop_trainer", "crash"}

#: Faults of the disk, at which data may be in memory alone.
OF_DISK = {"disk_full", "read_only"}


class Fault(NamedTuple):
    """Something that goes wrong.

    Attributes:
        kind: of `FAULTS`.
        at: seconds after the trainers have begun.
        seconds: how long it lasts; None if until the trainers have ended.
    """

    kind: str
    at: float
    seconds: float | None


class Plan(NamedTuple):
    """A round.

    Attributes:
        seed: of which it is made.
        scripts: what each process does, by its name.
        faults: what goes wrong.
        sync: whether the trainers sync what they write to disk.
        delivery: what delivers what they left.
        early: whether it goes wrong while the trainers start, and not only when a run has started.
        java: whether the trainers are in Java.
    """

    seed: int
    scripts: dict[str, Script]
    faults: list[Fault]
    sync: bool
    delivery: str
    early: bool
    java: bool

    @property
    def kinds(self) -> set[str]:
        """The kinds of the faults."""
        return {fault.kind for fault in self.faults}


def make_plan(seed: int, with_java: bool) -> Plan:
    """Make the plan of a seed, maybe one whose trainer is in Java."""
    java = with_java and seed % JAVA_SHARE == 0
    random = Random(seed)
    seconds = random.uniform(0.1, 0.8)
    kinds = [kind for kind in FAULTS if kind not in OF_ROOT or os.geteuid() == 0]
    if java:
        kinds = [kind for kind in kinds if kind in OF_JAVA]
    weights = [FAULTS[kind] for kind in kinds]
    chosen = random.choices(kinds, weights, k=random.choice((1, 1, 2, 3)))
    if "read_only" in chosen:  # and so cannot be filled
        chosen = [kind for kind in chosen if kind != "disk_full"]
    if "crash" in chosen:  # it is of the one disk on which the spool is
        chosen = [kind for kind in chosen if kind not in OF_DISK]
    faults = [_fault(random, kind, seconds) for kind in dict.fromkeys(chosen)]
    if java:
        scripts = {"j": ScriptWriter(random, "j").java_training(seconds)}
    else:
        scripts = _scripts(random, seconds, "clock_back" in chosen)
    delivery = random.choice(("sync", "command", "successor"))
    if "crash" in chosen and delivery == "successor":
        delivery = "sync"  # what is damaged stays in its folder, for which the successor would wait
    return Plan(seed, scripts, faults, random.random() < 0.3, delivery, random.random() < 0.2, java)


def _fault(random: Random, kind: str, seconds: float) -> Fault:
    at = random.uniform(0, seconds * 1.2)
    if kind == "read_only" or (random.random() < 0.15 and kind not in OF_TRAINER):
        at = 0.0  # before the trainers start
    is_for_long = random.random() < 0.25 and kind not in {"stop_trainer", *OF_DISK}
    return Fault(kind, at, None if is_for_long else random.uniform(0.05, 0.8))


def _scripts(random: Random, seconds: float, clock_back: bool) -> dict[str, Script]:
    shared = random.random() < 0.15
    scripts = {"a": ScriptWriter(random, "a").training(seconds, clock_back, shared)}
    if shared:
        scripts["b"] = ScriptWriter(random, "b").guest(seconds)
    elif random.random() < 0.1:
        scripts["b"] = ScriptWriter(random, "b").training(seconds, False)
    return scripts
