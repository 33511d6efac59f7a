"""The recent commits, numbered and kept for those who watch runs; on the event loop alone."""

from __future__ import annotations

from collections.abc import Awaitable, Container, Mapping
from dataclasses import dataclass, field

from runstream.errors import FailedPrecondition, InvalidArgument, shorten
from runstream_service.engine.batch import Batch
from runstream_service.engine.changes import Change

#: Bytes of the last commits that are kept.
KEPT_BYTES = 64 * 1024 * 1024

#: About how many bytes a change takes in memory.
CHANGE_BYTES = 600

# The same of a commit, and of the row of a run.
_COMMIT_BYTES, _RUN_BYTES = 500, 2_000

# Bytes that a point takes in columns.
_POINT_BYTES = 24

# Between the servers of a position.
_SEPARATOR = "."

#: Characters of a position, which has some ten for each server of the last minutes.
POSITION_CHARACTERS = 10_000

# The numbers of commits have so many digits at the most, as 64-bit integers have.
_MAX_DIGITS = 19

#: The numbers of the last commits that somebody has seen, by server.
Vector = Mapping[str, int]


@dataclass(slots=True)
class RunChanges:
    """The changes of one run in one commit.

    Attributes:
        experiment_ids: its experiment, and those from which the commit moved it.
        changes: the changes, in order.
        size: about how many bytes they take in memory.
        encoded: what is sent for the changes, once the first watcher has encoded them for all;
            `changes` is empty then.
        encoding: encodes the changes on another thread, if that takes long.
    """

    experiment_ids: tuple[int, ...]
    changes: list[Change] = field(default_factory=list)
    size: int = 0
    encoded: object | None = None
    encoding: Awaitable[object] | None = None


@dataclass(slots=True)
class Commit:
    """The changes of one commit, by run.

    Attributes:
        server: the server that made it.
        number: its number among the commits of that server.
        seen: the last commits of all servers, up to this one.
        runs: what it changed.
        size: about how many bytes it takes in memory.
    """

    server: str
    number: int
    seen: Vector
    runs: dict[str, RunChanges]
    size: int


class Commits:
    """The last commits that together take less than `KEPT_BYTES`, of one server or of several.

    Here they have numbers by the order in which they came. A position, as clients know it, has the
    numbers by server, so that it is one on every server of the database.

    Attributes:
        last: the number of the last commit.
        seen: the last commits of all servers.
    """

    def __init__(self, seen: Vector, unknown: str) -> None:
        """Start after some commits.

        Args:
            seen: the last commits of the servers.
            unknown: why a server that a position names is not known.
        """
        self.last = 0
        self._kept_after = 0  # all commits with greater numbers are kept
        self._seen_before = self.seen = seen  # up to the commit `_kept_after`, and up to the last
        self._commits: dict[int, Commit] = {}
        self._size = 0
        self._unknown = unknown

    def __len__(self) -> int:
        """Return how many are kept."""
        return len(self._commits)

    def add(self, server: str, number: int, runs: dict[str, RunChanges]) -> Commit:
        """Keep a new commit of a server, and drop the oldest commits that are too much."""
        self.seen = {**self.seen, server: number}
        size = _COMMIT_BYTES + sum(run.size for run in runs.values())
        commit = Commit(server, number, self.seen, runs, size)
        self.last += 1
        self._commits[self.last] = commit
        self._size += size
        while self._size > KEPT_BYTES:
            self._kept_after += 1
            dropped = self._commits.pop(self._kept_after)
            self._size -= dropped.size
            self._seen_before = dropped.seen
        return commit

    def set_servers(self, seen: Vector) -> None:
        """Count a commit of nobody, after which servers are known or forgotten."""
        self.seen = seen
        self.last += 1
        self._commits[self.last] = Commit("", 0, seen, {}, 0)

    def skip_to(self, seen: Vector) -> None:
        """Count commits of which nothing is known but their numbers, and drop those before them."""
        self.seen = seen
        self.last += 1
        self.drop_all()

    def drop_all(self) -> None:
        """Drop all commits."""
        self._kept_after = self.last
        self._seen_before = self.seen
        self._commits.clear()
        self._size = 0

    def is_kept(self, number: int) -> bool:
        """Return whether a commit is kept."""
        return number > self._kept_after

    def get(self, number: int, seen: Vector) -> Commit:
        """Return a commit, for a watcher that has seen others.

        Raises:
            FailedPrecondition: it is not kept any more.
        """
        commit = self._commits.get(number)
        if commit is None:
            raise self._too_late_error(seen)
        return commit

    def numbers_after(self, seen: Vector) -> list[int]:
        """Return the numbers of the commits that one who has seen others has not seen.

        Raises:
            FailedPrecondition: they are not kept any more.
        """
        numbers: list[int] = []
        for number in range(self.last, self._kept_after, -1):
            commit = self._commits[number]
            if _has_seen(seen, commit.seen):
                return numbers[::-1]
            if commit.number > seen.get(commit.server, 0):
                numbers.append(number)
        if not _has_seen(seen, self._seen_before):
            raise self._too_late_error(seen)
        return numbers[::-1]

    def parse_position(self, position: str) -> Vector:
        """Return the commits that a position has seen.

        Raises:
            InvalidArgument: it is not a position.
            FailedPrecondition: it is of a server that is not known any more.
        """
        seen: dict[str, int] = {}
        if len(position) > POSITION_CHARACTERS:
            raise _malformed_error(shorten(position))
        for part in position.split(_SEPARATOR):
            server, _, digits = part.rpartition("-")
            is_number = digits.isascii() and digits.isdecimal() and len(digits) <= _MAX_DIGITS
            if not (server and is_number) or server in seen:
                raise _malformed_error(position)
            seen[server] = int(digits)
        if any(number > self.seen.get(server, number) for server, number in seen.items()):
            raise _malformed_error(position)
        if seen.keys() - self.seen.keys():
            raise _fell_behind_error(position, self._unknown, format_position(self.seen))
        return seen

    def fell_behind_error(self, seen: Vector, why: str) -> FailedPrecondition:
        """Return the error that ends a watch for another reason than its own lateness."""
        return _fell_behind_error(format_position(seen), why, format_position(self.seen))

    def _too_late_error(self, seen: Vector) -> FailedPrecondition:
        why = "too much was committed since"
        return _fell_behind_error(format_position(seen), why, format_position(self._seen_before))


def format_position(seen: Vector) -> str:
    """Return the position after some commits, as clients know it."""
    return _SEPARATOR.join(f"{server}-{number}" for server, number in seen.items())


def merge(first: Vector, second: Vector, servers: Container[str]) -> Vector:
    """Return what one has seen of some servers who has seen the commits of both."""
    both = {**first, **{s: max(n, first.get(s, 0)) for s, n in second.items()}}
    return {server: number for server, number in both.items() if server in servers}


def _has_seen(seen: Vector, others: Vector) -> bool:
    return all(seen.get(server, 0) >= number for server, number in others.items())


def group_by_run(changes: list[Change]) -> dict[str, RunChanges]:
    """Return the changes of a commit by run."""
    runs: dict[str, RunChanges] = {}
    for change in changes:
        run = runs.get(change.run_id)
        if run is None:
            run = runs[change.run_id] = RunChanges((change.experiment_id,))
        if change.moved_from is not None:
            run.experiment_ids += (change.experiment_id, change.moved_from)
        run.changes.append(change)
        run.size += _change_size(change)
    return runs


def _change_size(change: Change) -> int:
    size = CHANGE_BYTES + (_RUN_BYTES if change.run else 0)
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
        "position is not one that a server of this database gave",
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
