"""What a process says it did, line by line, in a file that outlives it.

A line is written by one `write` without a buffer, so that a killed process has said all that it
did. Times are those of `time.monotonic_ns`, which is one clock for all processes of a machine, and
which nobody sets back.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

#: Seconds between two ticks of a process, by which a reader sees how long it really ran.
TICK = 0.01


class Journal:
    """The file into which one process writes; its threads share it."""

    def __init__(self, folder: str, name: str) -> None:
        """Begin the file of this process, and let it tick from now on."""
        path = os.path.join(folder, f"{name}-{os.getpid()}.journal")
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.write("begin", name=name, pid=os.getpid())
        threading.Thread(target=self._tick, daemon=True).start()

    def write(self, event: str, **fields: Any) -> None:
        """Write a line."""
        line = {"time": time.monotonic_ns(), "event": event, **fields}
        os.write(self._file, json.dumps(line).encode() + b"\n")

    def _tick(self) -> None:
        while True:
            time.sleep(TICK)
            self.write("tick")


#: The journal of this process.
own_journal: Journal | None = None


def begin_journal(folder: str, name: str) -> Journal:
    """Begin the journal of this process."""
    global own_journal
    own_journal = Journal(folder, name)
    return own_journal


def say_that_it_ends() -> None:
    """Write down that the program has done all that is done at its end."""
    if own_journal is not None:
        own_journal.write("ended")


def watch_syncs() -> None:
    """Write down what `fdatasync` and `fsync` have put on disk, from now on."""
    for name in ("fdatasync", "fsync"):
        setattr(os, name, _watched(getattr(os, name)))


def _watched(sync: Callable[[int], None]) -> Callable[[Any], None]:
    def watched(file: Any) -> None:
        number = file if isinstance(file, int) else file.fileno()
        begun, size = time.monotonic_ns(), os.fstat(number).st_size
        if own_journal is not None:
            own_journal.write("syncing")
        sync(number)
        if own_journal is not None:
            inode = os.fstat(number).st_ino  # it may get its name later
            own_journal.write("synced", begun=begun, inode=inode, size=size)

    return watched


class Said(NamedTuple):
    """A call of a program.

    Attributes:
        run: the name by which the script knows the run that it is about.
        operation: what was called, with its arguments.
        begun: when it was called.
        done: when it returned; None if it did not, or raised.
        error: what it raised.
    """

    run: str
    operation: list[Any]
    begun: int
    done: int | None
    error: str | None


class Record(NamedTuple):
    """The journal of a process, read.

    Attributes:
        name: what the script calls the process.
        pid: its id.
        said: its calls, in their order.
        ticks: when it ticked.
        syncs: the begin of each `fdatasync` that ended, the inode of the file, and its size then.
        waits: the begin and the end of each `fdatasync`, the end of the journal if it did not end.
        ended: when it was about to end, with all that is done at the end of a program behind it.
        dropped: when it left without the end of a program.
        last: when it wrote the last line.
    """

    name: str
    pid: int
    said: list[Said]
    ticks: list[int]
    syncs: list[tuple[int, int, int]]
    waits: list[tuple[int, int]]
    ended: int | None
    dropped: int | None
    last: int


def read_journals(folder: Path) -> list[Record]:
    """Read the journals of all processes of a round, also those of some that still go on."""
    journals = sorted(folder.glob("*.journal"))
    return [_read(path) for path in journals if path.stat().st_size]  # else killed before it began


def _read(path: Path) -> Record:
    lines = [json.loads(line) for line in path.read_bytes().splitlines() if line.endswith(b"}")]
    said: dict[int, Said] = {}
    times: dict[str, int] = {}
    begins = [line["time"] for line in lines if line["event"] == "syncing"]
    ends = [line["time"] for line in lines if line["event"] == "synced"]
    for line in lines:
        if line["event"] == "say":
            said[line["number"]] = Said(line["run"], line["operation"], line["time"], None, None)
        elif line["event"] == "done":
            error = line.get("error")
            done = None if error else line["time"]
            said[line["number"]] = said[line["number"]]._replace(done=done, error=error)
        times[line["event"]] = line["time"]
    return Record(
        lines[0]["name"],
        lines[0]["pid"],
        list(said.values()),
        [line["time"] for line in lines if line["event"] == "tick"],
        [
            (line["begun"], line["inode"], line["size"])
            for line in lines
            if line["event"] == "synced"
        ],
        list(zip_longest(begins, ends, fillvalue=lines[-1]["time"])),
        times.get("ended"),
        times.get("dropped"),
        lines[-1]["time"],
    )
