"""The training program: does what a script says, by the public functions of `runstream`.

A script is a list of operations, each a list of its name and its arguments (`script.py`). What the
program does goes into its journal before and after each call.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import numpy

import runstream
from chaos.clock import set_back
from chaos.journal import Journal, begin_journal

#: Seconds for which a process waits for the run of another.
SHARE_SECONDS = 10.0

#: Seconds for which a process waits for the disk, which may be full.
DISK_SECONDS = 1.0


class Trainer:
    """One process, or a thread of one, and the runs that it has."""

    def __init__(self, folder: str, journal: Journal, runs: list[tuple[str, Any]]) -> None:
        """Go on with the runs of whoever makes it: names and handles, the innermost last."""
        self._folder = folder
        self._journal = journal
        self._runs = runs
        self._shared: dict[str, str] = {}  # ids of runs of other processes
        self._threads: list[threading.Thread] = []

    def run(self, script: list[list[Any]]) -> None:
        """Do all operations."""
        for name, *arguments in script:
            getattr(self, f"do_{name}")(*arguments)
        for thread in self._threads:
            thread.join()

    def _say(self, operation: list[Any], call: Callable[[], object], run: str = "") -> None:
        """Make a call, written down before and after."""
        number = time.monotonic_ns()  # no two calls of a thread have the same
        number = number * 1000 + threading.get_ident() % 1000
        run = run or (self._runs[-1][0] if self._runs else "")
        self._journal.write("say", number=number, run=run, operation=operation)
        try:
            call()
        except Exception as error:
            self._journal.write("done", number=number, error=f"{type(error).__name__}: {error}")
            if operation[0] != "flush":
                raise
        else:
            self._journal.write("done", number=number)

    @property
    def _handle(self) -> Any:
        return self._runs[-1][1]

    def do_experiment(self, name: str) -> None:
        self._say(["experiment", name], lambda: runstream.set_experiment(name))

    def do_start(self, run: str, nested: bool) -> None:
        def start() -> None:
            tags = {"chaos": run}
            handle = runstream.start_run(run_name=f"run {run}", nested=nested, tags=tags)
            self._runs.append((run, handle))

        parent = self._runs[-1][0] if self._runs else ""
        self._say(["start", parent if nested else ""], start, run)

    def do_end(self, status: str) -> None:
        run, _ = self._runs[-1]
        self._say(["end", status], lambda: runstream.end_run(status), run)
        self._runs.pop()

    def do_metric(self, key: str, step: int, value: float) -> None:
        self._say(
            ["points", key, step, 1, value], lambda: self._handle.log_metric(key, value, step)
        )

    def do_fluent(self, key: str, step: int, value: float) -> None:
        self._say(
            ["points", key, step, 1, value], lambda: runstream.log_metric(key, value, step=step)
        )

    def do_burst(self, key: str, step: int, count: int, value: float) -> None:
        def burst() -> None:
            log_metric = self._handle.log_metric
            for i in range(count):
                log_metric(key, value + i, step + i)

        self._say(["points", key, step, count, value], burst)

    def do_columns(self, key: str, step: int, count: int, value: float) -> None:
        steps = numpy.arange(step, step + count)
        values = value + numpy.arange(count)
        self._say(
            ["points", key, step, count, value],
            lambda: self._handle.log_columns(key, values, steps),
        )

    def do_params(self, params: dict[str, str]) -> None:
        self._say(["params", params], lambda: self._handle.log_params(params))

    def do_tag(self, key: str, value: str) -> None:
        self._say(["tag", key, value], lambda: self._handle.set_tag(key, value))

    def do_untag(self, key: str) -> None:
        self._say(["tag", key, None], lambda: self._handle.delete_tag(key))

    def do_input(self, name: str) -> None:
        dataset = runstream.data.from_numpy(numpy.zeros((2, 2)), source="s", name=name, digest="1")
        self._say(["input", name], lambda: runstream.log_input(dataset, context="training"))

    def do_flush(self, seconds: float) -> None:
        self._say(["flush"], lambda: runstream.flush(seconds))

    def do_sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def do_clock(self, seconds: float) -> None:
        set_back(seconds)

    def do_share(self, name: str) -> None:
        """Tell other processes which run is active here, once its start outlives this one."""
        deadline = time.monotonic() + DISK_SECONDS
        while not _is_in_spool(self._handle.run_id) and time.monotonic() < deadline:
            time.sleep(0.005)
        path = Path(self._folder, f"{name}.run")
        path.with_suffix(".part").write_text(f"{self._runs[-1][0]} {self._handle.run_id}")
        path.with_suffix(".part").rename(path)

    def do_join(self, name: str) -> None:
        """Wait for the run of another process; `log` logs to it."""
        path, deadline = Path(self._folder, f"{name}.run"), time.monotonic() + SHARE_SECONDS
        while not path.exists():
            if time.monotonic() > deadline:
                raise SystemExit("the other process shared no run")
            time.sleep(0.005)
        run, run_id = path.read_text().split()
        self._shared[run] = run_id

    def do_log(self, key: str, step: int, value: float) -> None:
        """Log a point to the run of another process."""
        ((run, run_id),) = self._shared.items()
        self._say(
            ["points", key, step, 1, value],
            lambda: runstream.log_metric(key, value, step=step, run_id=run_id),
            run,
        )

    def do_thread(self, script: list[list[Any]]) -> None:
        """Let a thread do a part of the script with the runs of this one."""
        trainer = Trainer(self._folder, self._journal, list(self._runs))
        self._threads.append(threading.Thread(target=trainer.run, args=(script,)))
        self._threads[-1].start()

    def do_fork(self, name: str, script: list[list[Any]]) -> None:
        """Let a forked child do a part of the script with the runs of this process."""
        if os.fork() == 0:
            journal = begin_journal(self._folder, name)
            Trainer(self._folder, journal, list(self._runs)).run(script)
            sys.exit()

    def do_drop(self) -> NoReturn:
        """Leave without the end of a program."""
        self._journal.write("dropped")
        os._exit(0)

    def do_fail(self) -> NoReturn:
        """End by an exception."""
        raise RuntimeError("the training has failed")


def _is_in_spool(run_id: str) -> bool:
    for log in Path(os.environ["RUNSTREAM_SPOOL"]).glob("*/batches/*.log"):
        with suppress(FileNotFoundError):  # it is answered
            if run_id.encode() in log.read_bytes():
                return True
    return False


def main(folder: str, name: str) -> None:
    """Do the script of a process; its runs end with the program."""
    script = json.loads(Path(folder, f"{name}.json").read_text())
    Trainer(folder, begin_journal(folder, name), []).run(script)
