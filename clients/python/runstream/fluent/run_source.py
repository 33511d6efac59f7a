"""The source of the runs that `start_run` starts, stored by one thread in the background.

The source of a process is collected once, and stored with each run as the artifacts
`source/program.json` and, if code was changed since the commit, `source/changes.diff`. No run waits
for that: it happens a second after the start of a run, so that short runs have the processor for
themselves, or else when the program calls `flush` or ends. A fault is one warning in the log
`runstream`, and at the end of the program another one says of how many runs it is not stored. A
program that Ctrl-C or a signal ends in the first second of a run leaves that run
without it.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, partial
from typing import NamedTuple

from runstream.calls.client import TrackingClient
from runstream.errors import FailedPrecondition, NotFound, Unavailable
from runstream.process.exit_status import run_status_at_exit
from runstream.process.source_parts import wanted_parts
from runstream.transport.call_limit import limit_calls

log = logging.getLogger("runstream")

#: Where it is among the artifacts of a run.
PROGRAM_PATH = "source/program.json"
DIFF_PATH = "source/changes.diff"

#: Seconds after the start of a run at which its source is stored.
DELAY_SECONDS = 1.0

#: Seconds that storing the source of one run takes at most.
STORE_SECONDS = 10.0

#: Seconds that the end of a program waits for the source of its runs.
END_SECONDS = 5.0

#: Runs that wait for their source, and seconds that the start of one more waits at most until there
#: are fewer; without room it has none, with a warning.
WAITING_RUNS = 1000
ROOM_SECONDS = 2.0

# Seconds between two looks whether the program ends.
_LOOK = 0.05


class _Texts(NamedTuple):
    """What is stored of a program: the report as JSON, and the changes of its code."""

    program: str
    diff: str


@dataclass(frozen=True)
class _Entry:
    """A run whose source is to be stored.

    Attributes:
        client: the client of the server of the run.
        run_id: the run.
        is_resumed: whether it may have a source already.
        parts: what is to be stored.
        due: when, by `time.monotonic`.
        is_wanted: set when somebody waits for it, so that it is due now.
        is_done: set when it is stored, or given up.
    """

    client: TrackingClient
    run_id: str
    is_resumed: bool
    parts: frozenset[str]
    due: float
    is_wanted: threading.Event = field(default_factory=threading.Event)
    is_done: threading.Event = field(default_factory=threading.Event)


class _Recorder:
    """The thread of a process that stores the source of its runs, while there are any.

    Python waits for the thread when the program ends, at a time at which others can still be
    started, which uploads need.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal handler may start runs
        self._entries: deque[_Entry] = deque()
        self._is_running = False
        self._ending_since: float | None = None
        self._failures = 0

    def add(self, entry: _Entry) -> None:
        """Store the source with a run soon."""
        if len(self._entries) >= WAITING_RUNS:
            self._wait_for_room()
        with self._lock:
            if len(self._entries) >= WAITING_RUNS:
                self._warn(entry.run_id, f"{WAITING_RUNS} other runs wait for it")
                return
            self._entries.append(entry)
            if self._is_running:
                return
            try:
                threading.Thread(target=self._run, name="runstream-source", daemon=False).start()
                self._is_running = True
            except RuntimeError as error:  # the program ends, or has too many threads
                self._entries.clear()
                self._warn(entry.run_id, str(error))

    def wait(self, seconds: float) -> None:
        """Wait until the source of the runs that were added before is stored, or given up."""
        end = time.monotonic() + seconds
        with self._lock:
            entries = list(self._entries)
        for entry in entries:
            entry.is_wanted.set()
        for entry in entries:
            entry.is_done.wait(max(0.0, end - time.monotonic()))

    def report_failures(self) -> None:
        """Say of how many runs the source is not stored, if a warning has told of the first."""
        if self._failures > 1:
            log.warning("the source of %d runs is not stored", self._failures)

    def _wait_for_room(self) -> None:
        with suppress(IndexError):  # there is room
            first = self._entries[0]
            first.is_wanted.set()
            first.is_done.wait(ROOM_SECONDS)

    def _run(self) -> None:
        while entry := self._first():
            self._record(entry)
            self._entries.popleft()
            entry.is_done.set()

    def _first(self) -> _Entry | None:
        with self._lock:
            if self._entries:
                return self._entries[0]
            self._is_running = False
            return None

    def _record(self, entry: _Entry) -> None:
        try:
            while time.monotonic() < entry.due and self._seconds_to_end() is None:
                if entry.is_wanted.wait(_LOOK):
                    break
            if self._seconds_to_end() is not None and run_status_at_exit() == "KILLED":
                return
            with limit_calls(STORE_SECONDS):
                texts = _collect(entry.parts)
            seconds = self._seconds_to_end()
            with limit_calls(STORE_SECONDS if seconds is None else seconds):
                _store(entry, texts)
        except (FailedPrecondition, NotFound):  # the run was deleted meanwhile
            pass
        except Exception as error:  # no fault here may reach a training
            self._warn(entry.run_id, str(error))

    def _seconds_to_end(self) -> float | None:
        """Return how long the end of the program may still be held up, None if it goes on."""
        if threading.main_thread().is_alive():
            return None
        self._ending_since = self._ending_since or time.monotonic()
        return max(0.0, self._ending_since + END_SECONDS - time.monotonic())

    def _warn(self, run_id: str, why: str) -> None:
        level = logging.DEBUG if self._failures else logging.WARNING
        self._failures += 1
        log.log(level, "the source of run %s is not stored: %s", run_id, why)


_recorder = _Recorder()


def record_source(client: TrackingClient, run_id: str, *, is_resumed: bool) -> None:
    """Store the source of this program with a run soon, in the background.

    Args:
        client: the client of the server of the run.
        run_id: the run.
        is_resumed: whether it may have a source already, which then stays.
    """
    parts = wanted_parts()
    if parts:
        due = time.monotonic() + DELAY_SECONDS
        _recorder.add(_Entry(client, run_id, is_resumed, parts, due))


def wait_for_source(seconds: float) -> None:
    """Wait until the source of the runs that were started before is stored.

    Args:
        seconds: how long to wait, and no longer than `STORE_SECONDS`.
    """
    _recorder.wait(min(seconds, STORE_SECONDS))


def _store(entry: _Entry, texts: _Texts) -> None:
    if entry.is_resumed:
        has_source = entry.client.ask(partial(_has_source, entry))
        if has_source is None:
            raise Unavailable("the server is away, and the run may have a source already")
        if has_source:
            return
    if texts.diff:
        entry.client.log_text(entry.run_id, texts.diff, DIFF_PATH)
    entry.client.log_text(entry.run_id, texts.program, PROGRAM_PATH)


def _has_source(entry: _Entry) -> bool:
    try:
        entry.client.get_artifact(entry.run_id, PROGRAM_PATH)
    except NotFound:
        return False
    return True


@cache
def _collect(parts: frozenset[str]) -> _Texts:
    from runstream.process.source_report import collect_source

    source = collect_source(parts)
    return _Texts(json.dumps(source.program, indent=2, ensure_ascii=False), source.diff)


def _reset_after_fork() -> None:
    global _recorder
    _recorder = _Recorder()


os.register_at_fork(after_in_child=_reset_after_fork)
atexit.register(lambda: _recorder.report_failures())  # when its thread has ended
