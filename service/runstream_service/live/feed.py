"""Passes what was committed to those who watch runs, on the event loop alone.

    Writer ──publish──> Feed ──> Commits, by number
                          └────> Watcher, one for each Watch call

A watcher holds only the numbers of the commits that concern it, so a slow one costs nothing, and
finds in the end that its commits are not kept any more. While nobody watches, and nobody has asked
for a position in the last minute, nothing is kept, and the writer records nothing.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import defaultdict, deque
from contextlib import suppress
from typing import Any

from runstream_service.engine.changes import Change
from runstream_service.engine.writer import Writer
from runstream_service.live.commits import (
    Commit,
    Commits,
    RunChanges,
    Vector,
    group_by_run,
    merge,
)

#: Seconds for which commits are kept after somebody asked for a position.
INTEREST = 60.0


class Watcher:
    """One who watches runs: some by their ids, and all runs of some experiments.

    Attributes:
        pending: the numbers of the commits that concern it and that it has not seen.
        number: the number of the last commit that it has seen.
        seen: the commits that it has seen, by server.
        sent: how many messages of the first pending commit have been sent.
    """

    def __init__(
        self, commits: Commits, runs: set[str], experiments: set[int], seen: Vector
    ) -> None:
        self._commits = commits
        self._start = self.seen = seen
        self.runs = runs
        self.experiments = experiments
        numbers = commits.numbers_after(seen)
        self.number = numbers[0] - 1 if numbers else commits.last
        self.pending = deque(
            n for n in numbers if self.watched_changes(commits.get(n, self.seen).runs)
        )
        self.sent = 0
        self._news = asyncio.Event()

    async def wait(self, timeout: float) -> None:
        """Return when a commit is pending, or after `timeout` seconds."""
        if not self.pending:
            self._news.clear()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._news.wait(), timeout)

    def wake(self) -> None:
        """End a `wait`."""
        self._news.set()

    def next_commit(self) -> Commit:
        """Return the first pending commit.

        Raises:
            FailedPrecondition: it is not kept any more.
        """
        return self._commits.get(self.pending[0], self.seen)

    def mark_seen(self, commit: Commit) -> None:
        """Remove the first pending commit, which has been sent."""
        self.number = self.pending.popleft()
        self.seen = merge(self._start, commit.seen, self._commits.seen)
        self.sent = 0

    def mark_all_seen(self) -> bool:
        """Count all commits as seen, none of which is pending; return whether there were others."""
        if self.number == self._commits.last:
            return False
        self.number = self._commits.last
        self.seen = merge(self._start, self._commits.seen, self._commits.seen)
        return True

    def watched_changes(self, changed: dict[str, RunChanges]) -> list[RunChanges]:
        """Return those changes of a commit that are of watched runs."""
        if self.experiments:
            return [
                run
                for run_id, run in changed.items()
                if run_id in self.runs or not self.experiments.isdisjoint(run.experiment_ids)
            ]
        return [changed[run_id] for run_id in changed.keys() & self.runs]


class Feed:
    """Takes the commits of the writer, and wakes the watchers that they concern.

    Attributes:
        commits: the recent commits.
        writer: the thread that writes, once it is started.
        lag: how many seconds after their commit changes came here, the last ones.
    """

    writer: Writer

    def __init__(self) -> None:
        self._server = secrets.token_hex(4)
        self.commits = Commits({self._server: 0}, unknown="the server was started again")
        self.lag = 0.0
        self._is_watched = False
        self._keep_until = 0.0
        self._watchers: set[Watcher] = set()
        self._by_run: dict[str, set[Watcher]] = defaultdict(set)
        self._by_experiment: dict[int, set[Watcher]] = defaultdict(set)

    def begin(self) -> bool:
        """Return whether a transaction's changes are to be recorded, on the writer's thread."""
        return self._is_watched

    def store(self, changes: list[Change]) -> None:
        """Leave it to memory what a transaction changes, on the writer's thread."""

    def publish(self, changes: list[Change] | None) -> None:
        """Take what a transaction changed, after its commit; None if it was not recorded."""
        number = self.commits.seen[self._server] + 1
        if changes is None:
            self.commits.skip_to({self._server: number})
        elif changes:
            self._add(self._server, number, group_by_run(changes))
            if not self.is_needed():
                self._is_watched = False
                self.commits.drop_all()

    async def run(self) -> None:
        """Do what is due regularly; nothing, where all commits are made here."""

    async def catch_up(self) -> None:
        """Return when `commits` has all that was committed before, and will have what follows."""
        self.keep_commits()
        # Transactions that began before, and are not recorded, are published before this one.
        await self.writer.submit(_do_nothing)

    def keep_commits(self) -> None:
        """Keep commits for the next minute, starting with the next transaction."""
        self._is_watched = True
        self._keep_until = time.monotonic() + INTEREST

    def is_needed(self) -> bool:
        """Return whether somebody watches, or asked for a position in the last minute."""
        return bool(self._watchers) or time.monotonic() <= self._keep_until

    def count_watchers(self) -> int:
        """Return how many watch."""
        return len(self._watchers)

    def stored_bytes(self) -> int:
        """Return how many bytes of changes are in the database for the watchers of all servers."""
        return 0

    def subscribe(self, runs: set[str], experiments: set[int], seen: Vector) -> Watcher:
        """Return a new watcher that has seen some commits; ends by `unsubscribe`.

        Raises:
            FailedPrecondition: what follows is not kept any more.
        """
        watcher = Watcher(self.commits, runs, experiments, seen)
        self.keep_commits()
        self._watchers.add(watcher)
        for run_id in runs:
            self._by_run[run_id].add(watcher)
        for experiment_id in experiments:
            self._by_experiment[experiment_id].add(watcher)
        return watcher

    def unsubscribe(self, watcher: Watcher) -> None:
        """Remove a watcher; it may come back within a minute."""
        self.keep_commits()
        self._watchers.discard(watcher)
        _remove(self._by_run, watcher.runs, watcher)
        _remove(self._by_experiment, watcher.experiments, watcher)

    def wake_all(self) -> None:
        """Wake every watcher, as if there were news."""
        for watcher in self._watchers:
            watcher.wake()

    def _add(self, server: str, number: int, runs: dict[str, RunChanges]) -> None:
        """Keep a commit, and wake the watchers that it concerns."""
        for watcher in self._concerned(self.commits.add(server, number, runs)):
            # A watcher that is too late already gets no more numbers, which could become many.
            if not watcher.pending or self.commits.is_kept(watcher.pending[0]):
                watcher.pending.append(self.commits.last)
                watcher.wake()

    def _concerned(self, commit: Commit) -> set[Watcher]:
        concerned: set[Watcher] = set()
        if self._watchers:
            for run_id, run in commit.runs.items():
                concerned.update(self._by_run.get(run_id, ()))
                for experiment_id in run.experiment_ids:
                    concerned.update(self._by_experiment.get(experiment_id, ()))
        return concerned


def _do_nothing() -> None:
    """Change nothing: a command that only waits for its turn."""


def _remove(by_id: dict[Any, set[Watcher]], watched: set[Any], watcher: Watcher) -> None:
    for each in watched:
        by_id[each].discard(watcher)
        if not by_id[each]:
            del by_id[each]
