"""One round: trainers, a server, a network between them, and what goes wrong with each."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

from chaos.checker import Checker, Problem, Stored, batch_problems, statements
from chaos.faults import Faults
from chaos.forks import Process
from chaos.journal import Record, read_journals
from chaos.plan import OF_ROOT, Plan
from chaos.scene import Scene
from chaos.spool_damage import lose_unsynced, whole_batches
from chaos.spool_disk import SpoolDisk
from runstream.v1.logging_service_pb2 import LogBatchRequest

#: Seconds in which a trainer has begun; it waits three of them for a server that is away.
START_SECONDS = 10.0
#: Seconds after which a process hangs that should end by itself, on a slow machine, too.
END_SECONDS = 60.0
#: Seconds that a call may take, on a slow machine, too; `start_run` waits up to 10 s for a server.
CALL_SECONDS = 30.0
#: Seconds after which a program ends, whose server does not answer.
EXIT_SECONDS = 1


class Result(NamedTuple):
    """What came of a round.

    Attributes:
        problems: what is wrong.
        said, stored: points that had to be stored, and that are.
    """

    problems: list[Problem]
    said: int
    stored: int


class KillRound:
    """A round, from its plan to its result."""

    def __init__(self, plan: Plan, scene: Scene, folder: Path, java: Sequence[str] = ()) -> None:
        """Prepare the round in a folder of its own; `java` is the command of a trainer in Java."""
        self._java = java
        self._plan, self._scene, self._folder = plan, scene, folder
        self._random = Random(plan.seed)
        self._disk = SpoolDisk(folder / "spool", bool(plan.kinds & (OF_ROOT | {"read_only"})))
        self._experiment = f"round {plan.seed} {folder.name}"
        self._trainers: dict[str, Process] = {}
        self._faults = Faults(plan.faults, scene, self._disk, self._trainers, self._random)
        self._problems: list[Problem] = []
        self._batches: list[LogBatchRequest] = []

    def run(self) -> Result:
        """Run the trainers amid faults, deliver what they left, and compare."""
        try:
            self._start()
            self._go_wrong()
            self._wait_for_trainers()
            self._scene.heal()
            records = read_journals(self._folder)
            if "crash" in self._plan.kinds:
                self._lose_unsynced(records)
            self._deliver()
            return self._compare(records)
        finally:
            for process in self._trainers.values():
                process.kill()
            self._scene.heal()
            self._disk.close(self._folder / "spool-kept" if self._problems else None)

    def _start(self) -> None:
        self._write_scripts()
        self._faults.do_until(0.0)
        environment = self._environment() | {
            "RUNSTREAM_SPOOL_SYNC": "1" if self._plan.sync else "0",
            "RUNSTREAM_EXIT_SECONDS": str(EXIT_SECONDS),
        }
        for name in self._plan.scripts:
            arguments = [str(self._folder), name]
            if self._plan.java:
                arguments = [*self._java, *arguments]
            self._trainers[name] = self._scene.forks.start(
                "exec" if self._plan.java else "trainer",
                arguments,
                environment,
                self._folder,
                self._folder / f"{name}.output",
            )

    def _write_scripts(self) -> None:
        for name, script in self._plan.scripts.items():
            experiment = self._experiment
            if self._plan.java:  # whose function takes the id of one that is there
                experiment = self._scene.client.create_experiment(experiment)
            whole = [["experiment", experiment], *script]
            (self._folder / f"{name}.json").write_text(json.dumps(whole))

    def _environment(self) -> dict[str, str]:
        return {
            "RUNSTREAM_TRACKING_URI": self._scene.proxy.uri,
            "RUNSTREAM_SPOOL": str(self._disk.folder),
            "RUNSTREAM_SOURCE": "none",
        }

    def _go_wrong(self) -> None:
        """Let go wrong what does, from when the trainers have begun, or one has started a run."""
        deadline = time.monotonic() + START_SECONDS
        while not self._has_begun() and time.monotonic() < deadline:
            time.sleep(0.003)
        start = time.monotonic()
        while self._faults.do_until(time.monotonic() - start):
            if not any(process.is_alive() for process in self._trainers.values()):
                return
            time.sleep(0.003)

    def _has_begun(self) -> bool:
        journals = list(self._folder.glob("*.journal"))
        if self._plan.early:
            return len(journals) >= len(self._trainers)
        # The first calls of a program are for the experiment and the run.
        return any(path.read_bytes().count(b'"done"') >= 2 for path in journals)

    def _wait_for_trainers(self) -> None:
        for name, process in self._trainers.items():
            if not process.wait(END_SECONDS):
                self._report_hang(name, process)
            if process.killed is None and process.status not in self._good_statuses(process):
                text = f"{name} ended with {process.status}: {process.output.read_text()[-2000:]}"
                self._problems.append(Problem("raised", text))
        self._faults.end()

    @staticmethod
    def _good_statuses(process: Process) -> tuple[int, ...]:
        return (0, 1) if process.terminated is None else (0, 1, -signal.SIGTERM)

    def _report_hang(self, name: str, process: Process) -> None:
        # Either writes the stacks of its threads.
        process.signal(signal.SIGQUIT if self._plan.java else signal.SIGUSR1)
        time.sleep(0.5)
        text = process.output.read_text()[-6000:]
        self._problems.append(Problem("hang", f"{name} does not end: {text}"))
        process.kill()
        process.wait(10)

    def _lose_unsynced(self, records: list[Record]) -> None:
        synced: dict[int, int] = {}
        for record in records:
            synced |= {inode: size for _, inode, size in record.syncs}
        lose_unsynced(self._disk.folder, synced, self._random, self._plan.sync)
        self._batches = list(whole_batches(self._disk.folder))

    def _deliver(self) -> None:
        arguments = {
            "sync": [],
            "command": ["sync"],
            "successor": [self._experiment, str(self._disk.folder)],
        }[self._plan.delivery]
        output = self._folder / "delivery.output"
        process = self._scene.forks.start(
            self._plan.delivery, arguments, self._environment(), self._folder, output
        )
        if not process.wait(END_SECONDS + 10):
            self._report_hang(self._plan.delivery, process)
        elif process.status and "crash" not in self._plan.kinds:
            text = (
                f"{self._plan.delivery} ended with {process.status}: {output.read_text()[-2000:]}"
            )
            self._problems.append(Problem("raised", text))
        if "crash" not in self._plan.kinds:
            for path in self._disk.folder.glob("[!.]*"):
                files = [str(file.relative_to(path)) for file in path.rglob("*") if file.is_file()]
                self._problems.append(Problem("left", f"{path.name}: {sorted(files)}"))

    def _compare(self, records: list[Record]) -> Result:
        stored = Stored(self._scene.client, self._experiment)
        limits = self._limits(records)
        exits = {
            name: process.status
            for name, process in self._trainers.items()
            if process.killed is None and process.pid not in limits
        }
        terminated = self._terminated(records)
        checker = Checker(
            statements(records, limits, terminated),
            stored,
            exits,
            "crash" not in self._plan.kinds,
            {one.name for one in records if one.pid in terminated},
        )
        self._problems += checker.problems()
        self._problems += batch_problems(self._batches, stored)
        self._problems += self._call_problems(records)
        return Result(self._problems, checker.said, checker.stored)

    def _limits(self, records: list[Record]) -> dict[int, int]:
        """Return up to when each process was sure of what it said, if not up to its end."""
        limits = {}
        for one in records:
            times = []
            trainer = self._trainers[one.name.partition("-")[0]]
            killed = trainer.killed
            if killed is not None and one.ended is None:
                times.append(killed)
            if one.dropped is not None:
                times.append(one.dropped)
            is_ended = times or trainer.terminated is not None
            if is_ended and self._faults.disk_failed is not None:
                # What came later may have been in memory alone.
                times.append(self._faults.disk_failed)
            if "crash" in self._plan.kinds:  # also of a program that had ended before
                times.append(max((begun for begun, *_ in one.syncs), default=0))
            if times:
                limits[one.pid] = min(times)
        return limits

    def _terminated(self, records: list[Record]) -> dict[int, int]:
        """Return when each process was asked to end, if it was."""
        found = {one.pid: self._trainers[one.name.partition("-")[0]].terminated for one in records}
        return {pid: when for pid, when in found.items() if when is not None}

    def _call_problems(self, records: list[Record]) -> list[Problem]:
        problems = []
        for record in records:
            for said in record.said:
                name = said.operation[0]
                # A flush may find the server away, which is no fault of it.
                if said.error and not (name == "flush" and "DeadlineExceeded" in said.error):
                    problems.append(Problem("raised", f"{said.operation}: {said.error}"))
                if said.done and said.done - said.begun > CALL_SECONDS * 1e9:
                    taken = (said.done - said.begun) / 1e9
                    problems.append(Problem("hang", f"{said.operation} took {taken:.1f} s"))
        return problems
