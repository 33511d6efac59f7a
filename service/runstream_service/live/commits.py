"""The recent commits, numbered and kept for those who watch runs; on the event loop alone."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass, field

from runstream.errors import FailedPrecondition, InvalidArgument
from runstream_service.engine.batch import Batch
from runstream_service.engine.changes import Change

#: Bytes of the last commits that are kept.
KEPT_BYTES = 64 * 1024 * 1024

# About how many bytes a change takes in memory, and the row of a run.
_CHANGE_BYTES, _RUN_BYTES = 600, 2_000

# Bytes that a point takes in columns.
_POINT_BYTES = 24

_MAX_POSITION_CHARACTERS = 40


@dataclass(slots=True)
class RunChanges:
    """The changes of one run in one commit.

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
    """The changes of one commit, by run."""

    runs: dict[str, RunChanges]
    size: int


class Commits:
    """The last commits that together take less than `KEPT_BYTES`.

    Attributes:
        last: the number of the last commit.
    """

    def __init__(self) -> None:
        self.last = 0
        self._kept_after = 0  # all commits with greater numbers are kept
        self._commits: dict[int, Commit] = {}
        self._size = 0
        self._server = secrets.token_hex(4)

    def __len__(self) -> int:
        """Return how many are kept."""
        return len(self._commits)

    def add(self, changes: list[Change]) -> Commit:
        """Keep the changes of a new commit, and drop the oldest commits that are too much."""
        runs = _group_by_run(changes)
        commit = Commit(runs, sum(run.size for run in runs.values()))
        self.last += 1
        self._commits[self.last] = commit
        self._size += commit.size
        while self._size > KEPT_BYTES:
            self._kept_after += 1
            self._size -= self._commits.pop(self._kept_after).size
        return commit

    def skip(self) -> None:
        """Count a commit whose changes were not recorded, and drop those before it."""
        self.last += 1
        self.drop_all()

    def drop_all(self) -> None:
        """Drop all commits."""
        self._kept_after = self.last
        self._commits.clear()
        self._size = 0

    def is_kept(self, number: int) -> bool:
        """Return whether a commit is kept."""
        return number > self._kept_after

    def get(self, number: int, seen: int) -> Commit:
        """Return a commit, for a watcher that has seen those up to `seen`.

        Raises:
            FailedPrecondition: it is not kept any more.
        """
        commit = self._commits.get(number)
        if commit is None:
            raise self._too_late_error(seen)
        return commit

    def numbers_after(self, number: int) -> Iterator[int]:
        """Return the numbers of the commits after one.

        Raises:
            FailedPrecondition: they are not kept any more.
        """
        if number < self._kept_after:
            raise self._too_late_error(number)
        return iter(range(number + 1, self.last + 1))

    def position(self, number: int) -> str:
        """Return the position after a commit, as clients know it."""
        return f"{self._server}-{number}"

    def parse_position(self, position: str) -> int:
        """Return the number of the commit of a position.

        Raises:
            InvalidArgument: it is not a position.
            FailedPrecondition: it was given by another server, or before this one was started.
        """
        server, _, digits = position.rpartition("-")
        is_number = digits.isascii() and digits.isdecimal()
        if not (server and is_number) or len(position) > _MAX_POSITION_CHARACTERS:
            raise _malformed_error(position)
        if server != self._server:
            why = "the server was started again"
            raise _fell_behind_error(position, why, self.position(self.last))
        if int(digits) > self.last:
            raise _malformed_error(position)
        return int(digits)

    def fell_behind_error(self, seen: int, why: str) -> FailedPrecondition:
        """Return the error that ends a watch for another reason than its own lateness."""
        return _fell_behind_error(self.position(seen), why, self.position(self.last))

    def _too_late_error(self, seen: int) -> FailedPrecondition:
        why = "too much was committed since"
        return _fell_behind_error(self.position(seen), why, self.position(self._kept_after))


def _group_by_run(changes: list[Change]) -> dict[str, RunChanges]:
    runs: dict[str, RunChanges] = {}
    for change in changes:
        run = runs.get(change.run_id)
        if run is None:
            run = runs[change.run_id] = RunChanges(change.experiment_id)
        run.changes.append(change)
        run.size += _change_size(change)
    return runs


def _change_size(change: Change) -> int:
    size = _CHANGE_BYTES + (_RUN_BYTES if change.run else 0)
    size += sum(len(key) + len(value) for key, value in change.tags)
    return size + (_batch_size(change.batch) if change.batch else 0)


def _batch_size(batch: Batch) -> int:
    keys = sum(map(len, batch.keys))
    return (
        _POINT_BYTES * len(batch.value)
        + keys
        + sum(len(k) + len(v) for k, v in (*batch.params, *batch.tags))
    )


def _malformed_error(position: str) -> InvalidArgument:
    return InvalidArgument(
        "position is not one that this server gave",
        reason="POSITION_MALFORMED",
        field="position",
        value=position,
        limit="what GetPosition or Watch answered",
    )


def _fell_behind_error(position: str, why: str, oldest: str) -> FailedPrecondition:
    return FailedPrecondition(
        f"what follows position {position} is not kept any more, because {why}: "
        "take a new position, read, and watch from there",
        reason="WATCH_FELL_BEHIND",
        field="position",
        value=position,
        limit=oldest,
        cause=why,
    )
