"""Passes what was committed to those who watch runs, on the event loop alone.

    Writer ──publish──> Feed ──> Commits, by number
                          └────> Watcher, one for each Watch call

A watcher holds only the numbers of the commits that concern it, so a slow one costs nothing, and
finds in the end that its commits are not kept any more. While nobody watches, and nobody has asked
for a position in the last minute, nothing is kept, and the writer records nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from contextlib import suppress
from typing import Any

from runstream_service.engine.changes import Change
from runstream_service.live.commits import Commit, Commits, RunChanges

#: Seconds for which commits are kept after somebody asked for a position.
INTEREST = 60.0


class Watcher:
    """One who watches runs: some by their ids, and all runs of some experiments.

    Attributes:
        seen: the number of the last commit that it has seen.
        pending: the numbers of the commits that concern it and that it has not seen.
        sent: how many messages of the first pending commit have been sent.
    """

    def __init__(self, commits: Commits, runs: set[str], experiments: set[int], seen: int) -> None:
        self._commits = commits
        self.runs = runs
        self.experiments = experiments
        self.seen = seen
        self.pending = deque(n for n in commits.numbers_after(seen) if self.watched_changes(n))
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

    def mark_seen(self, number: int) -> None:
        """Remove the first pending commit, which has been sent."""
        self.pending.popleft()
        self.sent = 0
        self.seen = number

    def watched_changes(self, number: int) -> list[RunChanges]:
        """Return what a commit changed of the watched runs.

        Raises:
            FailedPrecondition: it is not kept any more.
        """
        changed = self._commits.get(number, self.seen).runs
        if self.experiments:
            return [
                run
                for run_id, run in changed.items()
                if run_id in self.runs or run.experiment_id in self.experiments
            ]
        return [changed[run_id] for run_id in changed.keys() & self.runs]


class Feed:
    """Takes the commits of the writer, and wakes the watchers that they concern.

    Attributes:
        commits: the recent commits.
        is_watched: whether the changes of the next transaction are to be recorded; the writer's
            thread reads it.
    """

    def __init__(self) -> None:
        self.commits = Commits()
        self.is_watched = False
        self._keep_until = 0.0
        self._watchers: set[Watcher] = set()
        self._by_run: dict[str, set[Watcher]] = defaultdict(set)
        self._by_experiment: dict[int, set[Watcher]] = defaultdict(set)

    def keep_commits(self) -> None:
        """Keep commits for the next minute, starting with the next transaction."""
        self.is_watched = True
        self._keep_until = time.monotonic() + INTEREST

    def count_watchers(self) -> int:
        """Return how many watch."""
        return len(self._watchers)

    def subscribe(self, runs: set[str], experiments: set[int], seen: int) -> Watcher:
        """Return a new watcher that has seen the commits up to a number; ends by `unsubscribe`.

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

    def publish(self, changes: list[Change] | None) -> None:
        """Take what a transaction changed, after its commit; None if it was not recorded."""
        if changes is None:
            self.commits.skip()
        elif changes:
            self._wake_concerned(self.commits.add(changes))
            if not self._watchers and time.monotonic() > self._keep_until:
                self.is_watched = False
                self.commits.drop_all()

    def _wake_concerned(self, commit: Commit) -> None:
        for watcher in self._concerned(commit):
            # A watcher that is too late already gets no more numbers, which could become many.
            if not watcher.pending or self.commits.is_kept(watcher.pending[0]):
                watcher.pending.append(self.commits.last)
                watcher.wake()

    def _concerned(self, commit: Commit) -> set[Watcher]:
        concerned: set[Watcher] = set()
        if self._watchers:
            for run_id, run in commit.runs.items():
                concerned.update(self._by_run.get(run_id, ()))
                concerned.update(self._by_experiment.get(run.experiment_id, ()))
        return concerned


def _remove(by_id: dict[Any, set[Watcher]], watched: set[Any], watcher: Watcher) -> None:
    for each in watched:
        by_id[each].discard(watcher)
        if not by_id[each]:
            del by_id[each]
