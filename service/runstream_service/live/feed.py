"""The recent commits, kept for those who watch runs; all of this lives on the event loop.

    Writer ──publish──> Feed ──────────> Watcher, one for each Watch call
                        (commits, by number)

Commits are numbered, and kept while they take less than `KEPT_BYTES`. A watcher holds but the
numbers of the commits that concern it, so one that is slow costs nothing, and finds in the end
that its commits are gone. Nothing is kept, and nothing noted by the writer, while nobody is
interested: neither watches nor has asked for a position in the last minute.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from runstream.errors import FailedPrecondition, InvalidArgument
from runstream_service.engine.batch import Batch
from runstream_service.engine.changes import Change

#: What is kept of the last commits.
KEPT_BYTES = 64 * 1024 * 1024

#: Seconds for which commits are kept after somebody asked for a position.
INTEREST = 60.0

# Bytes that a change takes in memory, and the row of a run, about.
_CHANGE_BYTES, _RUN_BYTES = 600, 2_000

# Bytes that a point takes as it was received, and in columns of Python numbers.
_RECEIVED_BYTES, _COLUMNS_BYTES = 32, 120


@dataclass(slots=True)
class RunChanges:
    """What one commit changed of one run.

    Attributes:
        experiment_id: its experiment.
        changes: the changes, in order.
        size: about how many bytes they take in memory.
        encoded: what is sent for the changes, once the first watcher has encoded them for all;
            `changes` is empty then.
        encoding: encodes the changes on another thread, if that takes long.
    """

    experiment_id: int
    changes: list[Change] = field(default_factory=list)
    size: int = 0
    encoded: object | None = None
    encoding: Awaitable[object] | None = None


@dataclass(slots=True)
class Commit:
    """What one commit changed, by run."""

    runs: dict[str, RunChanges]
    size: int


class Watcher:
    """One who watches runs, those named and those of experiments.

    Attributes:
        number: of the last commit that has been seen.
        numbers: of commits that concern it and have not been seen.
        told: how many messages of the first of them have been sent.
    """

    def __init__(self, feed: Feed, runs: set[str], experiments: set[int], number: int) -> None:
        self._feed = feed
        self.runs = runs
        self.experiments = experiments
        self.number = number
        self.numbers = deque(n for n in feed.numbers_after(number) if self.changes_of(n))
        self.told = 0
        self._news = asyncio.Event()

    async def wait(self, timeout: float) -> None:
        """Return when there is news, or after `timeout` seconds."""
        if not self.numbers:
            self._news.clear()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._news.wait(), timeout)

    def wake(self) -> None:
        """End a wait."""
        self._news.set()

    def saw(self, number: int) -> None:
        """Take note that a commit, the first of `numbers`, has been seen."""
        self.numbers.popleft()
        self.told = 0
        self.number = number

    def changes_of(self, number: int) -> list[RunChanges]:
        """Return what a commit changed of the runs that are watched.

        Raises:
            FailedPrecondition: it is not kept any more.
        """
        changed = self._feed.commit(number, self.number).runs
        if self.experiments:
            return [
                run
                for run_id, run in changed.items()
                if run_id in self.runs or run.experiment_id in self.experiments
            ]
        return [changed[run_id] for run_id in changed.keys() & self.runs]


class Feed:
    """The recent commits.

    Attributes:
        wanted: whether the changes of a transaction that begins now are wanted; the writer's
            thread reads it.
        number: of the last commit.
    """

    def __init__(self) -> None:
        self.wanted = False
        self.number = 0
        self._kept_after = 0  # all commits of greater numbers are kept
        self._commits: dict[int, Commit] = {}
        self._size = 0
        self._interest_ends = 0.0
        self._server = secrets.token_hex(4)
        self._watchers: set[Watcher] = set()
        self._of_runs: dict[str, set[Watcher]] = defaultdict(set)
        self._of_experiments: dict[int, set[Watcher]] = defaultdict(set)

    def want(self) -> None:
        """Keep commits for the next minute, from the next transaction on that begins."""
        self.wanted = True
        self._interest_ends = time.monotonic() + INTEREST

    def watchers(self) -> int:
        """Return how many watch."""
        return len(self._watchers)

    def begin(self, runs: set[str], experiments: set[int], number: int) -> Watcher:
        """Return a watcher that has seen the commits up to a number; to be given to `end`.

        Raises:
            FailedPrecondition: what follows is not kept any more.
        """
        watcher = Watcher(self, runs, experiments, number)
        self.want()
        self._watchers.add(watcher)
        for run_id in runs:
            self._of_runs[run_id].add(watcher)
        for experiment_id in experiments:
            self._of_experiments[experiment_id].add(watcher)
        return watcher

    def end(self, watcher: Watcher) -> None:
        """Let a watcher go."""
        self.want()  # it may come back
        self._watchers.discard(watcher)
        _leave(self._of_runs, watcher.runs, watcher)
        _leave(self._of_experiments, watcher.experiments, watcher)

    def wake_all(self) -> None:
        """Let every watcher look, as if there were news."""
        for watcher in self._watchers:
            watcher.wake()

    def publish(self, noted: list[Change] | None) -> None:
        """Take what a transaction changed, after its commit; None if it was not noted."""
        if noted is None:
            self.number += 1
            self._forget(self.number)
        elif noted:
            self.number += 1
            runs = _by_run(noted)
            self._keep(Commit(runs, sum(run.size for run in runs.values())))
            if not self._watchers and time.monotonic() > self._interest_ends:
                self.wanted = False
                self._forget(self.number)

    def position(self, number: int) -> str:
        """Return the text that stands for a number."""
        return f"{self._server}-{number}"

    def number_of(self, position: str) -> int:
        """Return the number that a position stands for.

        Raises:
            InvalidArgument: it is not a position.
            FailedPrecondition: it was given by another server, or before this one was started.
        """
        server, _, digits = position.rpartition("-")
        if not (server and digits.isascii() and digits.isdecimal()) or len(position) > 40:
            raise _malformed(position)
        if server != self._server:
            raise _fell_behind(position, "the server was started again", self.position(self.number))
        if int(digits) > self.number:
            raise _malformed(position)
        return int(digits)

    def numbers_after(self, number: int) -> Iterator[int]:
        """Return the numbers of the commits after one.

        Raises:
            FailedPrecondition: they are not kept any more.
        """
        if number < self._kept_after:
            raise self._too_late(number)
        return iter(range(number + 1, self.number + 1))

    def commit(self, number: int, seen: int) -> Commit:
        """Return a commit, for one who has seen those up to a number.

        Raises:
            FailedPrecondition: it is not kept any more.
        """
        commit = self._commits.get(number)
        if commit is None:
            raise self._too_late(seen)
        return commit

    def fell_behind(self, watcher: Watcher, why: str) -> FailedPrecondition:
        """Return the error that ends a watch for a reason other than its own lateness."""
        return _fell_behind(self.position(watcher.number), why, self.position(self.number))

    def _keep(self, commit: Commit) -> None:
        self._commits[self.number] = commit
        self._size += commit.size
        while self._size > KEPT_BYTES:
            self._kept_after += 1
            self._size -= self._commits.pop(self._kept_after).size
        for watcher in self._concerned(commit):
            # One that is too late already gets no more numbers, which might become many.
            if not watcher.numbers or watcher.numbers[0] > self._kept_after:
                watcher.numbers.append(self.number)
                watcher.wake()

    def _concerned(self, commit: Commit) -> set[Watcher]:
        concerned: set[Watcher] = set()
        if self._watchers:
            for run_id, run in commit.runs.items():
                concerned.update(self._of_runs.get(run_id, ()))
                concerned.update(self._of_experiments.get(run.experiment_id, ()))
        return concerned

    def _forget(self, number: int) -> None:
        self._kept_after = number
        self._commits.clear()
        self._size = 0

    def _too_late(self, seen: int) -> FailedPrecondition:
        why = "too much was committed since"
        return _fell_behind(self.position(seen), why, self.position(self._kept_after))


def _by_run(noted: list[Change]) -> dict[str, RunChanges]:
    runs: dict[str, RunChanges] = {}
    for change in noted:
        run = runs.get(change.run_id)
        if run is None:
            run = runs[change.run_id] = RunChanges(change.experiment_id)
        run.changes.append(change)
        run.size += _size(change)
        if change.batch is not None:
            change.batch.drop_columns()
    return runs


def _size(change: Change) -> int:
    size = _CHANGE_BYTES + (_RUN_BYTES if change.run else 0)
    size += sum(len(key) + len(value) for key, value in change.tags)
    return size + (_batch_size(change.batch) if change.batch else 0)


def _batch_size(batch: Batch) -> int:
    if batch.received is None:
        size = _COLUMNS_BYTES * len(batch.step)
    else:
        size = _RECEIVED_BYTES * len(batch.received)
    texts = sum(map(len, batch.keys))
    return size + texts + sum(len(k) + len(v) for k, v in (*batch.params, *batch.tags))


def _leave(watching: dict[Any, set[Watcher]], watched: set[Any], watcher: Watcher) -> None:
    for one in watched:
        watching[one].discard(watcher)
        if not watching[one]:
            del watching[one]


def _malformed(position: str) -> InvalidArgument:
    return InvalidArgument(
        "position is not one that this server gave",
        reason="POSITION_MALFORMED",
        field="position",
        value=position,
        limit="what GetPosition or Watch answered",
    )


def _fell_behind(position: str, why: str, oldest: str) -> FailedPrecondition:
    return FailedPrecondition(
        f"what follows position {position} is not kept any more, because {why}: "
        "take a new position, read, and watch from there",
        reason="WATCH_FELL_BEHIND",
        field="position",
        value=position,
        limit=oldest,
        cause=why,
    )
